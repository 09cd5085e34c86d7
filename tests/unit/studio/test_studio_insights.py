"""What a draft holds, how it would be divided and what training makes of it: the studio says what the trainer does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from truscore.augmentation import policy_for
from truscore.augmentation.contact_sheet import PreviewedRun, contact_sheet, previews
from truscore.datasets import read_dataset, split_dataset
from truscore.recipes import resolve
from truscore.storage.folder_upload import files_of
from truscore.synthesis import render_dataset

from tests.unit.studio.studio_harness import Browser, browser, png

SHARES = {"validation": "0.2", "test": "0.2"}


async def imported(one: Browser, folder: Path) -> None:
    address = "/api/datasets/cards/imports/0123456789ab"
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        sent = await one.http.put(address, params={"name": name}, content=path.read_bytes())
        assert sent.status_code == 201, sent.text
    assert (await one.http.post(address, json={})).status_code == 200


async def test_numbers_and_parts_are_those_of_a_run_and_the_preview_is_the_trainers(tmp_path: Path) -> None:
    cards = render_dataset(tmp_path / "cards", count=10, seed=5, image_size=(96, 120))
    index = read_dataset(cards).index
    assert index is not None
    async with browser(tmp_path / "studio") as one:
        await one.make()
        await imported(one, cards)
        # The same again, smaller: two images that no run may part.
        first = index.images[0]
        picture = Image.open(cards / first.path)
        out = io.BytesIO()
        picture.resize((48, 60)).save(out, "PNG")
        assert (await one.upload(out.getvalue(), "again.png")).status_code == 201

        answer = await one.http.get("/api/datasets/cards/numbers", params={"seed": "3", **SHARES})
        found = answer.json()
        assert found["statistics"]["images"] == 11
        assert found["statistics"]["unlabelled_images"] == 1
        assert found["statistics"]["class_counts"] == {"outer_border": 10, "graphical_border": 10}
        assert found["groups"] == [sorted(["again.png", first.path])]
        assert found["image_sizes"] == [["96 × 120", 10], ["48 × 60", 1]]
        assert sum(found["object_sides"]) == 20
        parts = found["parts"]
        assert sum(part["images"] for part in parts.values()) == 11

        # Published as it is, the trainer's split of it is the one that was shown.
        published = await published_index(one)
        split = split_dataset(published, seed=3, fractions=(1 - (0.2 + 0.2), 0.2, 0.2))
        assert parts["training"]["images"] == len(split.train)
        assert parts["validation"]["images"] == len(split.validation)

        query = {"seed": "3", **SHARES, "images": "2", "variants": "2"}
        sheet = await one.http.get("/api/datasets/cards/augmentation.png", params=query)
        assert sheet.headers["content-type"] == "image/png"
        recipe = resolve("border_detection", "dual_class")
        policy = policy_for("border_detection", "dual_class", published.class_names)
        run = PreviewedRun(policy=policy, image_size=recipe.image_size, square=False, seed=3)
        records = [record for record in published.images if record.path in split.train]
        folder = tmp_path / "source"
        for record in published.images:
            (folder / record.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / record.path).write_bytes(one.studio.intake.files.image(record.sha256).read_bytes())
        shown = previews(records, folder=folder, run=run, images=2, variants=2)
        own = contact_sheet(shown, class_names=published.class_names, policy=policy, title="cards, seed 3")
        assert Image.open(io.BytesIO(sheet.content)).tobytes() == own.tobytes()


async def published_index(one: Browser) -> Any:
    from services.studio.drafts.marks import to_index

    draft, contents = one.studio.drafts.contents("cards")
    return to_index(draft.class_names, draft.grades, contents)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"seed": "x"}, "seed 'x'"),
        ({"seed": "-1"}, "seed '-1'"),
        ({"validation": "2"}, "validation '2'"),
        ({"test": "nan"}, "test 'nan'"),
        ({"images": "9"}, "images '9'"),
    ],
)
async def test_what_cannot_be_divided_or_shown_is_refused_by_name(
    tmp_path: Path, query: dict[str, str], named: str
) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(png())
        address = "augmentation.png" if "images" in query else "numbers"
        refused = await one.http.get(f"/api/datasets/cards/{address}", params=query)
        assert refused.status_code == 400
        assert named in refused.json()["error"]


async def test_a_draft_without_images_has_nothing_to_look_at(tmp_path: Path) -> None:
    async with browser(tmp_path) as one:
        await one.make()
        refused = await one.http.get("/api/datasets/cards/numbers")
        assert (refused.status_code, "add images first" in refused.json()["error"]) == (400, True)
        await one.upload(png())
        left = await one.http.get("/api/datasets/cards/numbers", params={"validation": "0.9", "test": "0.9"})
        assert left.json()["fault"]  # nothing would be left to train on
