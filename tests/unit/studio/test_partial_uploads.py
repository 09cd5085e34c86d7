"""Large files in pieces, and folders file by file: both go on where they stopped, after a restart too."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.studio.access import Role
from services.studio.child.decoder import Decoder
from tests.unit.studio.studio_harness import Browser, browser, new_decoder, png

# One decoding child for all: starting one costs more than any test here.
pytestmark = pytest.mark.asyncio(loop_scope="module")

UPLOAD = "/api/datasets/cards/uploads/0123456789abcdef"
CONTENT = png(size=(90, 70))
HALF = len(CONTENT) // 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[Decoder]:
    one = new_decoder()
    yield one
    await one.close()


async def send(one: Browser, first: int, end: int | None = None) -> tuple[int, int]:
    """Status and offset of the answer."""
    answer = await one.http.patch(UPLOAD, params={"offset": str(first)}, content=CONTENT[first:end])
    return answer.status_code, answer.json()["offset"]


async def test_a_file_goes_on_where_it_stopped_after_a_restart(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        assert (await one.http.get(UPLOAD)).json() == {"offset": 0}
        assert await send(one, 0, HALF) == (200, HALF)
    async with browser(tmp_path, decoder=decoder) as one:
        assert (await one.http.get(UPLOAD)).json() == {"offset": HALF}
        early = await one.http.post(UPLOAD, json={"name": "scan.png", "size": len(CONTENT)})
        assert (early.status_code, early.json()["offset"]) == (409, HALF)
        assert await send(one, 0, HALF) == (409, HALF)  # sent twice
        assert await send(one, HALF) == (200, len(CONTENT))
        answer = await one.http.post(UPLOAD, json={"name": "scans/scan.png", "size": len(CONTENT)})
        assert (answer.status_code, answer.json()["path"]) == (201, "scans/scan.png")
        (image,) = one.studio.drafts.images("cards")
        assert image.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert list(one.studio.intake.files.incoming.iterdir()) == []


async def test_the_same_file_again_is_said_to_be_there_under_its_name(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        await one.upload(CONTENT, "scan.png")
        await send(one, 0)
        answer = await one.http.post(UPLOAD, json={"name": "scan.png", "size": len(CONTENT)})
        assert (answer.status_code, answer.json()["path"]) == (409, "scan.png")
        assert list(one.studio.intake.files.incoming.iterdir()) == []


async def test_somebody_else_goes_on_with_nothing_of_mine(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        await send(one, 0, HALF)
        token = one.studio.sessions.make_login_token(name="bea", role=Role.ANNOTATOR)
        assert (await one.http.post("/api/login", json={"token": token})).status_code == 200
        assert (await one.http.get(UPLOAD)).json() == {"offset": 0}
        assert await send(one, HALF) == (409, 0)


async def test_more_than_is_accepted_ends_the_upload(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder, studio_image_bytes=HALF) as one:
        await one.make()
        assert await send(one, 0, HALF) == (200, HALF)
        answer = await one.http.patch(UPLOAD, params={"offset": str(HALF)}, content=CONTENT[HALF:])
        assert (answer.status_code, f"{HALF} bytes" in answer.json()["error"]) == (400, True)
        assert list(one.studio.intake.files.incoming.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "offset", "named"),
    [
        (UPLOAD, "-1", "offset is '-1'"),
        (UPLOAD, "", "offset is ''"),
        ("/api/datasets/cards/uploads/..x", "0", "upload id '..x'"),
        ("/api/datasets/others/uploads/0123456789abcdef", "0", "no dataset 'others'"),
    ],
)
async def test_what_is_no_piece_of_an_upload_is_refused_in_words(
    tmp_path: Path, decoder: Decoder, address: str, offset: str, named: str
) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        answer = await one.http.patch(address, params={"offset": offset}, content=b"x")
        assert answer.status_code in {400, 404}
        assert named in answer.json()["error"]


async def test_readers_upload_nothing(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder, role=Role.READER) as one:
        for answer in (
            await one.http.get(UPLOAD),
            await one.http.patch(UPLOAD, params={"offset": "0"}, content=b"x"),
            await one.http.post(UPLOAD, json={"name": "a.png", "size": 1}),
        ):
            assert answer.status_code == 403


async def test_an_import_goes_on_after_a_restart_with_what_it_has(tmp_path: Path, decoder: Decoder) -> None:
    address = "/api/datasets/cards/imports/0123456789abcdef"
    async with browser(tmp_path, decoder=decoder, studio_dataset_images=1) as one:
        await one.make()
        assert (await one.http.get(address)).json() == {"files": {}}
        await one.http.put(address, params={"name": "set/a.txt"}, content=b"abc")
        await send(one, 0)
        whole = {"name": "set/b.png", "size": len(CONTENT), "import_id": "0123456789abcdef"}
        assert (await one.http.post(UPLOAD, json=whole)).status_code == 201
    async with browser(tmp_path, decoder=decoder, studio_dataset_images=1) as one:
        assert (await one.http.get(address)).json() == {"files": {"set/a.txt": 3, "set/b.png": len(CONTENT)}}
        for name in ("c", "d"):
            assert (await one.http.put(address, params={"name": f"set/{name}"}, content=b"")).status_code == 201
        # The bound counts what came before the restart.
        assert (await one.http.put(address, params={"name": "set/e"}, content=b"")).status_code == 400
