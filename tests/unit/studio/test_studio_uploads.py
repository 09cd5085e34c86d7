"""Images that come in: kept, named where they are broken or there already, and never dangerous to who looks at them."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from truscore.catalog import categories, options

from services.studio.child.decoder import Decoder
from tests.unit.studio.studio_harness import browser, new_decoder, png

# One decoding child for all: starting one costs more than any test here.
pytestmark = pytest.mark.asyncio(loop_scope="module")

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>" + b" " * 64
XSS = '"><img src=x onerror=alert(1)>.png'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[Decoder]:
    one = new_decoder()
    yield one
    await one.close()


async def test_an_image_is_kept_as_it_came_and_shown_as_a_jpeg_of_ours(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        answer = await one.upload(png(), "scans/a.png")
        assert answer.status_code == 201, answer.text
        (image,) = (await one.http.get("/api/datasets/cards/images")).json()["images"]
        assert (image["path"], image["width"], image["height"]) == ("scans/a.png", 60, 80)
        shown = await one.http.get(f"/api/datasets/cards/images/{image['image_id']}/preview.jpg")
        assert shown.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(shown.content)).size == (60, 80)
        assert one.studio.intake.files.image(image["sha256"]).read_bytes() == png()


async def test_the_same_picture_twice_is_named_with_where_it_is(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        await one.upload(png(), "a.png")
        again = await one.upload(png(), "b.png")
        assert (again.status_code, "'a.png'" in again.json()["error"]) == (409, True)


async def test_another_picture_of_the_same_name_is_refused(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        await one.upload(png(), "a.png")
        again = await one.upload(png((1, 2, 3)), "a.png")
        assert (again.status_code, "called 'a.png'" in again.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SVG, "no accepted format"),
        (HTML, "no accepted format"),
        (b"", "empty"),
        (png()[:-40], "decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "no accepted format"),
    ],
)
async def test_what_is_no_whole_image_is_refused_in_words(
    tmp_path: Path, decoder: Decoder, content: bytes, reason: str
) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        answer = await one.upload(content, "a.png")
        assert answer.status_code == 400
        assert reason in answer.json()["error"]
        assert one.studio.drafts.images("cards") == ()
        assert list(one.studio.intake.files.incoming.iterdir()) == []


async def test_a_picture_of_billions_of_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, decoder: Decoder
) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        answer = await one.upload(_bomb(60_000), "a.png")
        assert answer.status_code == 400
        assert "pixels" in answer.json()["error"]


async def test_a_file_beyond_the_limit_is_cut_off(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder, studio_image_bytes=1000) as one:
        await one.make()
        answer = await one.upload(b"\x89PNG" + b"0" * 5000)
        assert (answer.status_code, "1000 bytes" in answer.json()["error"]) == (400, True)


async def test_a_decoder_that_runs_out_of_memory_or_dies_costs_one_file(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        await one.upload(png(), "first.png")
        process = decoder._child._process
        assert process is not None
        process.kill()
        await process.wait()
        broken = await one.upload(png((9, 9, 9)), "second.png")
        assert (broken.status_code, "broke down" in broken.json()["error"]) == (400, True)
        assert (await one.upload(png((9, 9, 9)), "second.png")).status_code == 201


@pytest.mark.parametrize(
    "name", ["", "..", "../a.png", "a/../../b.png", "C:\\a.png", ".hidden.png", "a\0.png", "x" * 600]
)
async def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, decoder: Decoder, name: str) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make()
        assert (await one.upload(png(), name)).status_code == 400


async def test_names_of_files_and_classes_are_text_and_never_markup(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make(
            option="single_class", class_names=["</script><script>alert(1)</script>", "'\"><svg onload=a()>"]
        )
        assert (await one.upload(png(), XSS)).status_code == 201
        for address in ("/", "/datasets/cards"):
            page = (await one.http.get(address)).text
            assert "<script>alert" not in page
            assert "<svg onload" not in page
            assert "<img src=x" not in page
        assert "&lt;img src=x onerror" in (await one.http.get("/datasets/cards")).text


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"dataset_id": "a b"}, "accepted are"),
        ({"dataset_id": "../x"}, "accepted are"),
        ({"category": "teeth"}, "border_detection"),
        ({"option": "teeth"}, "dual_class"),
        ({"architecture": "teeth"}, "mask_rcnn"),
        ({"class_names": []}, "0 classes"),
        ({"class_names": ["a", " a "]}, "twice"),
        ({"class_names": ["a\u0000"]}, "printable"),
    ],
)
async def test_a_draft_that_cannot_be_is_refused_naming_what_is_accepted(
    tmp_path: Path, decoder: Decoder, changed: dict[str, object], named: str
) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        body = {"dataset_id": "c", "category": "border_detection", "option": "dual_class", "class_names": ["a"]}
        answer = await one.http.post("/api/datasets", json=body | changed)
        assert answer.status_code == 400
        assert named in answer.json()["error"]


async def test_a_name_that_is_taken_is_refused_in_any_spelling(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        await one.make("cards")
        answer = await one.http.post("/api/datasets", json={
            "dataset_id": "Cards", "category": "border_detection", "option": "dual_class", "class_names": ["a"],
        })  # fmt: skip
        assert (answer.status_code, "taken" in answer.json()["error"]) == (400, True)


def _bomb(side: int) -> bytes:
    """A PNG of side x side pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000_000))
        + chunk(b"IEND", b"")
    )


async def test_a_dataset_can_be_made_for_every_option_of_the_catalog(tmp_path: Path, decoder: Decoder) -> None:
    async with browser(tmp_path, decoder=decoder) as one:
        page = await one.http.get("/datasets/new")
        assert page.status_code == 200
        rows = [(category, option) for category in categories() for option in options(category)]
        for number, (category, option) in enumerate(rows):
            assert f'"option": "{option}"' in page.text
            await one.make(f"d{number}", category=category, option=option, class_names=["1", "2"])
            assert (await one.http.get(f"/datasets/d{number}")).status_code == 200
