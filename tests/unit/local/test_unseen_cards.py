"""What the demonstration says of centring on cards that its model has not seen."""

import json
from pathlib import Path

import numpy as np
import pytest
from truscore.synthesis import render_dataset

from deploy.local.unseen_cards import average_centring, centring_errors, true_centrings

COUNT, SEED, SIZE = 4, 8, (320, 320)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unseen") / "cards"
    return render_dataset(folder, count=COUNT, option="dual_class", seed=SEED, image_size=SIZE)


def line(name: str, *centrings: tuple[float, float], deviation: float | None = None) -> str:
    found = [
        {"left_percent": left, "top_percent": top, "left_deviation": deviation, "top_deviation": deviation}
        for left, top in centrings
    ]
    return json.dumps({"image": f"/somewhere/{name}", "centring": found})


def test_the_truth_is_what_the_labels_outline(tmp_path: Path) -> None:
    """Margins of 10 and 30 pixels, 24 and 8; the card's corners are cut, and count as if they were not."""
    card = [5, 0, 195, 0, 200, 5, 200, 295, 195, 300, 5, 300, 0, 295, 0, 5]
    frame = [10, 24, 170, 24, 170, 292, 10, 292]
    folder = render_dataset(tmp_path / "one", count=1, option="dual_class", seed=SEED, image_size=SIZE)
    labels = json.loads((folder / "annotations.json").read_text())
    for annotation, outline in zip(labels["annotations"], (card, frame), strict=True):
        (left, right), (top, bottom) = ((min(axis), max(axis)) for axis in (outline[::2], outline[1::2]))
        annotation |= {"segmentation": [outline], "bbox": [left, top, right - left, bottom - top]}
    (folder / "annotations.json").write_text(json.dumps(labels))
    assert true_centrings(folder) == {"card-00000.jpg": pytest.approx((25, 75))}


def test_every_rendered_card_has_a_truth(rendered: Path) -> None:
    truths = true_centrings(rendered)
    assert sorted(truths) == [f"card-{number:05d}.jpg" for number in range(COUNT)]
    assert all(20 < share < 80 for shares in truths.values() for share in shares)


def test_the_guess_is_the_average_of_the_training_s_cards(rendered: Path) -> None:
    truths = np.array(list(true_centrings(rendered).values()))
    assert average_centring(rendered) == pytest.approx(tuple(truths.mean(axis=0)))


def test_errors_are_counted_in_both_directions_and_what_is_missing_counts_as_the_guess() -> None:
    truths = {"a.jpg": (55.0, 48.0), "b.jpg": (40.0, 50.0), "c.jpg": (60.0, 60.0)}
    # The first of a picture's is the surest; c was not even answered.
    printed = "\n".join([line("a.jpg", (54.0, 50.0), (10.0, 90.0), deviation=1.25), line("b.jpg"), ""])
    centring = centring_errors(printed, truths=truths, guess=(50.0, 50.0))
    assert centring.errors_pp == pytest.approx([1, 2, 10, 0, 10, 10])
    assert centring.guess_errors_pp == pytest.approx([5, 2, 10, 0, 10, 10])
    assert centring.missing == 2
    first, second, third, errors, guess = centring.lines()
    assert "off by 1.0 and 2.0 (give or take 1.2 and 1.2)" in first
    assert second.endswith("not found")
    assert third.endswith("not found")
    assert "median 6.00  mean 5.50  largest 10.00, of 3 cards, of which 2 were not found" in errors
    assert "median 7.50  mean 6.17  largest 10.00" in guess


def test_a_model_has_to_beat_the_guess() -> None:
    truths = {"a.jpg": (55.0, 48.0), "b.jpg": (40.0, 51.0)}
    exact = "\n".join(line(name, shares) for name, shares in truths.items())
    assert centring_errors(exact, truths=truths, guess=(50.0, 50.0)).better_than_guess
    assert not centring_errors("", truths=truths, guess=(50.0, 50.0)).better_than_guess


def test_boxes_and_masks_give_no_estimate_of_their_own() -> None:
    centring = centring_errors(line("a.jpg", (54.0, 50.0)), truths={"a.jpg": (55.0, 48.0)}, guess=(50.0, 50.0))
    assert "give or take" not in centring.lines()[0]
