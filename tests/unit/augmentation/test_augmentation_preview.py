"""A preview is what training does, and says what it did."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from truscore.augmentation import Change, Policy, policy_for
from truscore.augmentation.contact_sheet import PreviewedRun, change_in_words, contact_sheet, previews
from truscore.augmentation.loading import sample_of, squared_sample_of
from truscore.augmentation.policy import KNOBS, in_words
from truscore.datasets import DatasetIndex, load_image, read_dataset
from truscore.recipes import resolve
from truscore.synthesis import render_dataset

from services.cli.app import main
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.instance_images import InstanceImages
from services.trainer.worker.tasks.make import make_task

BORDERS = policy_for("border_detection", "dual_class")
PASTING = policy_for("surface_analysis", "defect_detection", sampling="copy_paste")


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(tmp_path_factory.mktemp("cards") / "set", count=5, seed=1, image_size=(96, 128))


@pytest.fixture(scope="module")
def index(cards: Path) -> DatasetIndex:
    found = read_dataset(cards).index
    assert found is not None
    return found


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("policy", "pasted"), [(BORDERS, 0), (PASTING, 2)])
def test_a_preview_shows_the_very_samples_that_are_trained_on(
    cards: Path, index: DatasetIndex, policy: Policy, pasted: int
) -> None:
    training = InstanceImages(
        index.images, folder=cards, image_size=64, seed=7, policy=policy, cache_limit_bytes=1 << 24
    )
    requested = PreviewedRun(policy=policy, image_size=64, square=False, seed=7)
    shown = previews(index.images, folder=cards, run=requested, images=3, variants=2)
    assert sum(variant.pasted is not None for one in shown for variant in one.variants) == pasted
    assert [one.record.path for one in shown] == [index.images[place].path for place in (0, 1, 3)]
    for place, one in zip((0, 1, 3), shown, strict=True):
        assert torch.equal(one.original.image_CHW, training[Key(epoch=0, index=place)].image_CHW)
        for variant in one.variants:
            trained = training[Key(epoch=variant.epoch, index=place)]
            assert torch.equal(variant.sample.image_CHW, trained.image_CHW)
            assert torch.equal(variant.sample.boxes_N4, trained.boxes_N4)
            assert torch.equal(variant.sample.masks, trained.masks)


def test_a_preview_of_squares_shows_what_tasks_on_squares_train_on(cards: Path, index: DatasetIndex) -> None:
    policy = policy_for("corner_analysis", "damage_detection")
    recipe = resolve("corner_analysis", "damage_detection", "", {"image_size": 64, "seed": 7})
    order = TrainingJob(
        run_id="run",
        recipe=recipe,
        class_names=index.class_names,
        images=cards,
        pretrained=None,
        training=index.images,
        validation=index.images[:1],
        test=(),
        dataset_digest="",
    )
    training = make_task(order, evaluated=order.validation).training
    requested = PreviewedRun(policy=policy, image_size=64, square=True, seed=7)
    for one in previews(index.images, folder=cards, run=requested, images=1, variants=3):
        for variant in one.variants:
            assert torch.equal(variant.sample.image_CHW, training[Key(epoch=variant.epoch, index=0)].image_CSS)


def test_more_images_than_there_are_shows_all(cards: Path, index: DatasetIndex) -> None:
    requested = PreviewedRun(policy=BORDERS, image_size=32, square=True, seed=0)
    shown = previews(index.images, folder=cards, run=requested, images=50, variants=1)
    assert len(shown) == len(index.images)
    assert {tuple(one.original.image_CHW.shape) for one in shown} == {(3, 32, 32)}


def test_a_squared_sample_is_grey_beside_the_image(cards: Path, index: DatasetIndex) -> None:
    record = index.images[0]
    sample = sample_of(record, load_image(cards / record.path), image_size=64)
    square = squared_sample_of(record, load_image(cards / record.path), image_size=64)
    assert (sample.image_CHW.shape, square.image_CHW.shape) == ((3, 64, 48), (3, 64, 64))
    assert square.image_CHW[:, :, 48:].eq(114).all()
    assert not square.masks[:, :, 48:].any()
    assert torch.equal(square.boxes_N4, sample.boxes_N4)


def test_a_sheet_has_a_row_for_each_image_and_a_line_for_each_choice(cards: Path, index: DatasetIndex) -> None:
    requested = PreviewedRun(policy=BORDERS, image_size=32, square=False, seed=0)
    shown = previews(index.images, folder=cards, run=requested, images=2, variants=3)
    sheets = [
        contact_sheet(shown[:rows], class_names=index.class_names, policy=BORDERS, title="cards") for rows in (1, 2)
    ]
    assert sheets[0].width == sheets[1].width
    assert sheets[1].height - sheets[0].height > 240
    assert len(set(sheets[1].resize((60, 60)).convert("L").tobytes())) > 20


def test_changes_and_policies_are_described_in_words() -> None:
    assert change_in_words(Change()) == "unchanged"
    reported = change_in_words(Change(flip_vertical=True, quarter_turns=3, angle_deg=-2.5, scale=0.9, jpeg_quality=70))
    assert reported == "flip v, 270°, -2.5°, x0.90, jpeg 70"
    words = in_words(BORDERS)
    assert tuple(words) == KNOBS
    assert (words["flip_horizontal"], words["angle_deg"], words["blur"]) == (
        "50% of images",
        "up to 5° either way",
        "none",
    )


def test_the_command_writes_a_sheet_and_says_what_was_done(
    cards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    order = ("augment", str(cards), "-c", "border_detection", "-o", "dual_class", "-n", "2", "-m", "2", "--size", "64")
    assert run(*order, "--output", str(sheet), "--json") == 0
    stated = json.loads(capsys.readouterr().out)
    assert [len(image["variants"]) for image in stated["images"]] == [2, 2]
    assert set(stated["policy"]["why"]) == set(KNOBS)
    with Image.open(sheet) as picture:
        assert picture.width >= 1000
    assert run(*order, "--output", str(sheet)) == 0
    shown = capsys.readouterr()
    assert "cards lie a few degrees off" in shown.out
    # It takes a minute on a slow machine: what it is at is on the other stream, before it is done.
    steps = [shown.err.index(step) for step in (f"reading {cards}", "loading what training", "changing up to 2 images")]
    assert steps == sorted(steps)


def test_the_command_says_what_copy_paste_would_paste(
    cards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ("augment", str(cards), "-c", "surface_analysis", "-o", "defect_detection", "-n", "3", "-m", "4")
    drawn = {}
    for sampling in ("whole", "copy_paste"):
        sheet = ("--size", "64", "--sampling", sampling, "--output", str(tmp_path / "sheet.png"), "--json")
        assert run(*order, *sheet) == 0
        stated = json.loads(capsys.readouterr().out)
        drawn[sampling] = [
            variant["pasted"] for image in stated["images"] for variant in image["variants"] if variant["pasted"]
        ]
    assert drawn["whole"] == []
    assert all((cards / pasted["image"]).is_file() and pasted["annotations"] for pasted in drawn["copy_paste"])
    assert drawn["copy_paste"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            ("-c", "border_detection", "-o", "dual_class", "--sampling", "copy_paste"),
            "accepted: whole: windows are for",
        ),
        (("-c", "surface_analysis", "-o", "gloss"), "surface_analysis/gloss has no augmentation; accepted"),
        (("-c", "border_detection", "-o", "dual_class", "--output", "/no/such/place/x.png"), "is no folder"),
        (("-c", "border_detection", "-o", "dual_class", "--format", "stone"), "'stone'; accepted: "),
    ],
)
def test_what_the_command_cannot_do_it_refuses(
    cards: Path, arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("augment", str(cards), *arguments) == 2
    assert named in capsys.readouterr().err
