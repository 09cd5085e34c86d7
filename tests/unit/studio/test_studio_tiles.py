"""Pictures in tiles: put together they are the picture, and what there is none of is refused by name."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.studio.pyramid.archive import NoTile, read_tile, write_archive
from services.studio.pyramid.levels import TILE_PX, levels_of, place_of
from tests.unit.studio.studio_harness import browser

WIDTH, HEIGHT = 1200, 700


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_every_tile_of_every_level_has_a_place_of_its_own(width: int, height: int) -> None:
    levels = levels_of(width, height)
    assert levels[-1].columns * levels[-1].rows == 1
    for before, after in itertools.pairwise(levels):
        assert (after.width, after.height) == (-(-before.width // 2), -(-before.height // 2))
    places = [
        place_of(levels, number, column, row)
        for number, level in enumerate(levels)
        for row in range(level.rows)
        for column in range(level.columns)
    ]
    assert places == list(range(len(places)))
    assert place_of(levels, len(levels), 0, 0) is None
    assert place_of(levels, 0, levels[0].columns, 0) is None
    assert place_of(levels, -1, 0, 0) is None


def test_what_is_written_is_read_and_another_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tiles"
    tiles = [bytes([n]) * (n + 1) for n in range(3 * 2 + 2 * 1 + 1)]
    write_archive(path, width=WIDTH, height=HEIGHT, tiles=tiles)
    assert read_tile(path, level=0, column=0, row=0) == tiles[0]
    assert read_tile(path, level=0, column=2, row=1) == tiles[5]
    assert read_tile(path, level=2, column=0, row=0) == tiles[8]
    with pytest.raises(NoTile, match="3, 0 of level 0"):
        read_tile(path, level=0, column=3, row=0)
    path.write_bytes(b"something else")
    with pytest.raises(OSError, match="no tiles"):
        read_tile(path, level=0, column=0, row=0)


async def test_tiles_put_together_are_the_picture_and_are_drawn_again_where_they_are_gone(tmp_path: Path) -> None:
    across, down = np.meshgrid(np.linspace(20, 230, WIDTH), np.linspace(20, 230, HEIGHT))
    pixels_HWC = np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels_HWC).save(content, "PNG")
    async with browser(tmp_path) as one:
        await one.make()
        await one.upload(content.getvalue())
        (image,) = one.studio.drafts.images("cards")
        address = f"/api/datasets/cards/images/{image.image_id}"
        one.studio.intake.files.pyramid(image.sha256).unlink()  # as of a draft from before there were any
        for number, level in enumerate(levels_of(WIDTH, HEIGHT)):
            together = Image.new("RGB", (level.width, level.height))
            for row in range(level.rows):
                for column in range(level.columns):
                    answer = await one.http.get(f"{address}/tiles/{number}/{column}/{row}.jpg")
                    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
                    together.paste(Image.open(io.BytesIO(answer.content)), (column * TILE_PX, row * TILE_PX))
            expected_HWC = np.asarray(Image.fromarray(pixels_HWC).resize(together.size, Image.Resampling.BOX), int)
            assert np.abs(np.asarray(together, int) - expected_HWC).max() <= 8
        assert (await one.http.get(f"{address}/tiles/0/3/0.jpg")).status_code == 404
        opening = (await one.http.get(f"{address}/opening")).json()
        assert opening["image"] == {
            "image_id": image.image_id, "path": "a.png", "width": WIDTH, "height": HEIGHT, "sha256": image.sha256,
        }  # fmt: skip
        assert (opening["revision"], opening["document"]["shapes"]) == (0, [])
