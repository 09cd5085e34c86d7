"""Versions: what is uploaded and announced, what is refused, and training that is ordered on them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from truscore.catalog import ROWS
from truscore.events.v1.control_pb2 import RunPause
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.recipes import resolve
from truscore.recipes.accepted_values import RULES

from services.studio.access import Role
from services.studio.child.decoder import Decoder
from services.studio.forms.configuration import FIRST, fields_of, overrides_of
from tests.unit.studio.studio_harness import Browser, browser, new_decoder, png

pytestmark = pytest.mark.asyncio(loop_scope="module")

MASK = {
    "version": "5.0", "flags": {}, "imagePath": "a.png", "imageHeight": 80, "imageWidth": 60, "imageData": None,
    "shapes": [{"label": "outer_border", "shape_type": "circle", "points": [[30, 30], [40, 30]], "flags": {}}],
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[Decoder]:
    one = new_decoder()
    yield one
    await one.close()


async def published(one: Browser, **body: object) -> dict[str, object]:
    answer = await one.http.post("/api/datasets/cards/versions", json=body)
    assert answer.status_code == 202, answer.text
    await one.studio.publishing.settled()
    (version,) = one.studio.drafts.versions("cards")[:1]
    return {"version": version.version, "state": version.state, "message": version.message, "uri": version.uri}


async def test_a_folder_is_imported_with_its_marks_published_and_trained_on(tmp_path: Path, decoder: Decoder) -> None:
    import json

    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        address = "/api/datasets/cards/imports/0123456789ab"
        for name, content in (("set/a.png", png()), ("set/a.json", json.dumps(MASK).encode())):
            assert (await one.http.put(address, params={"name": name}, content=content)).status_code == 201
        imported = (await one.http.post(address, json={})).json()
        assert (imported["format"], imported["images"], imported["marks"]) == ("labelme", 1, 1)

        refused = await published(one, format="coco")
        assert refused["state"] == "failed"
        assert "no place for" in str(refused["message"])
        assert one.asked_of_services() == []

        done = await published(one, format="truscore", notes="n")
        assert (done["state"], done["message"]) == ("validating", "")
        ((ready, _),) = one.asked_of_services()
        assert isinstance(ready, DatasetReady)
        assert (ready.validation_only, ready.uri, ready.format) == (True, done["uri"], "truscore")
        assert {entry.uri.rpartition("/")[2] for entry in one.store.list(str(done["uri"]))} == {
            "a.png",
            "dataset-index.json",
        }

        order = {"dataset_id": "cards", "version": done["version"], "request_id": "r"}
        wrong = await one.http.post("/api/training", json={**order, "values": {"seed": -1}})
        assert (wrong.status_code, "seed" in wrong.json()["error"]) == (400, True)
        for key, value in (("priority", 10), ("priority", True), ("time_budget_s", -1), ("time_budget_s", "1")):
            wrong = await one.http.post("/api/training", json={**order, key: value})
            assert (wrong.status_code, f"{key} {value!r}" in wrong.json()["error"]) == (400, True)
        given = {"values": {"seed": 7}, "priority": 3, "time_budget_s": 90}
        right = await one.http.post("/api/training", json={**order, **given})
        assert right.status_code == 202, right.text
        training, _ = one.events.published[-1]
        assert isinstance(training, DatasetReady)
        assert (training.validation_only, training.training.config.seed) == (False, 7)
        assert (training.training.priority, training.training.time_budget_s) == (3, 90)

        assert (await one.http.post("/api/runs/run-1/pause", json={"reason": "lunch"})).status_code == 202
        pause, _ = one.events.published[-1]
        assert isinstance(pause, RunPause)
        assert (pause.run_id, pause.requested_by) == ("run-1", "ada")


async def test_only_operators_publish_train_and_steer(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder, role=Role.ANNOTATOR) as one:
        await one.make()
        for address in ("/api/datasets/cards/versions", "/api/training", "/api/runs/run-1/cancel"):
            assert (await one.http.post(address, json={})).status_code == 403
        assert one.asked_of_services() == []


async def test_an_import_of_what_is_no_dataset_says_why_and_leaves_nothing(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        address = "/api/datasets/cards/imports/0123456789ab"
        assert (await one.http.post(address, json={})).status_code == 400
        await one.http.put(address, params={"name": "readme.txt"}, content=b"hello")
        answer = await one.http.post(address, json={})
        assert answer.status_code == 400
        assert list(one.studio.intake.files.incoming.iterdir()) == []
        for name in ("../x", ".hidden/x"):
            assert (await one.http.put(address, params={"name": name}, content=b"x")).status_code == 400
        assert (await one.http.put("/api/datasets/cards/imports/..%2f..", content=b"x")).status_code in {400, 404}


async def test_an_import_takes_so_many_files_and_says_so_at_the_next(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder, studio_dataset_images=1) as one:
        await one.make()
        address = "/api/datasets/cards/imports/0123456789ab"
        for at in (0, 1, 2, 3, 3):  # the last is sent again
            answer = await one.http.put(address, params={"name": f"set/{at}.txt"}, content=b"x")
            assert answer.status_code == 201, answer.text
        answer = await one.http.put(address, params={"name": "set/4.txt"}, content=b"x")
        assert answer.status_code == 400
        assert "at most 4 are accepted" in answer.json()["error"]
        await one.http.post(address, json={})
        assert (await one.http.put(address, params={"name": "set/4.txt"}, content=b"x")).status_code == 201


async def test_a_draft_without_images_is_not_published(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        answer = await one.http.post("/api/datasets/cards/versions", json={})
        assert (answer.status_code, "nothing to publish" in answer.json()["error"]) == (400, True)


async def test_pages_without_a_monitor_say_so(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        for address in ("/runs", "/models"):
            page = await one.http.get(address)
            assert page.status_code == 200
            assert "TRUSCORE_MONITOR_ADDRESS" in page.text


def test_whether_a_batch_is_found_is_a_choice_of_its_own_beside_the_number() -> None:
    fields = {field.key: field for field in fields_of("border_detection", "dual_class", "mask_rcnn")}
    number, find = (fields[f"hyperparameters.optimization.{name}"] for name in ("batch_size", "find_batch_size"))
    assert (number.kind, number.accepted) == ("number", "a whole number from 1 to 4096")
    assert (find.kind, find.default, find.key in FIRST) == ("flag", "false", True)
    ordered = resolve("border_detection", "dual_class", "mask_rcnn", overrides_of({find.key: True}))
    assert ordered.hyperparameters.optimization.find_batch_size


@pytest.mark.parametrize("row", [row for row in ROWS if row.available][::6], ids=lambda row: row.architecture)
async def test_the_form_has_every_key_and_what_it_shows_is_accepted(row: object) -> None:
    import json

    names = (getattr(row, "category"), getattr(row, "option"), getattr(row, "architecture"))  # noqa: B009
    fields = fields_of(*names)
    assert {field.key for field in fields} >= set(RULES) - {"hyperparameters.training_process.cross_validation_folds"}
    assert all(field.meaning for field in fields)
    shown = {field.key: json.loads(field.default) for field in fields}
    assert resolve(*names, overrides_of(shown)) == resolve(*names)
