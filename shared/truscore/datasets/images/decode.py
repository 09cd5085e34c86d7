"""Pixels from untrusted files: decoded within bounds, upright, once.

Array legend: H height, W width, C colour (red, green, blue).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from truscore.datasets.limits import Limits
from truscore.files import read_at_most

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

LFS_MARK = b"version https://git-lfs.github.com/spec/"
_ORIENTATION_TAG = 0x0112
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"}


class UnreadableImage(Exception):
    """An image that cannot be used; `code` is one of the catalogue's `image.*`, `reason` says why in words."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnreadableImage], tuple[str, str]]:
        return type(self), (self.code, self.reason)


def load_image(path: Path, *, limits: Limits | None = None) -> NDArray[np.uint8]:
    """The image as uint8 RGB [H, W, C], upright. Raises UnreadableImage, naming the file."""
    limits = limits or Limits()
    try:
        with opened(read_bounded(path, limits=limits), limits=limits) as image:
            return upright(image)
    except UnreadableImage as error:
        raise UnreadableImage(error.code, f"{path.name}: {error.reason}") from error


def read_bounded(path: Path, *, limits: Limits) -> bytes:
    """The file's bytes. Raises UnreadableImage for a file that is empty or larger than the limit."""
    content = read_at_most(path, limits.image_bytes)
    if content is None:
        raise UnreadableImage("image.file_too_large", f"larger than {limits.image_bytes} bytes")
    if not content:
        raise UnreadableImage("image.empty_file", "the file is empty")
    return content


@contextmanager
def opened(content: bytes, *, limits: Limits) -> Iterator[Image.Image]:
    """The image's header, checked against the limits; pixels are decoded on use, and faults there translated too."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:
        raise _what_else(content) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage("image.too_many_pixels", str(error)) from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError) as error:
        raise UnreadableImage("image.corrupt", f"its header cannot be read: {error}") from error
    with image:
        pixels = image.width * image.height
        if pixels > limits.image_pixels:
            size = f"{image.width} x {image.height}"
            raise UnreadableImage("image.too_many_pixels", f"{size} pixels; at most {limits.image_pixels} are decoded")
        with _decoding():
            yield image


def upright(image: Image.Image) -> NDArray[np.uint8]:
    """Decode to uint8 RGB [H, W, C] with the EXIF orientation applied."""
    import numpy as np

    return np.asarray(upright_picture(image), dtype=np.uint8)


def upright_picture(image: Image.Image) -> Image.Image:
    """Decode to a picture in RGB with the EXIF orientation applied (EXIF 2.32, table 6)."""
    from PIL import Image

    orientation = orientation_of(image)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    picture = _as_rgb(image)
    picture.load()
    return picture.transpose(turns[orientation]) if orientation in turns else picture


def small_upright(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """A small copy as uint8 RGB [H, W, C], at most `side_px` a side, upright; a large JPEG is not decoded in full."""
    import numpy as np

    orientation = orientation_of(image)
    # As draft() has it, the decoded picture is at least this large.
    image.draft("RGB", (side_px, side_px))
    small = _as_rgb(image)
    small.thumbnail((side_px, side_px), reducing_gap=2.0)
    return turned(np.asarray(small, dtype=np.uint8), orientation)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; anything else is taken as 1, as viewers do."""
    value = image.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of the upright image; no pixel is decoded."""
    return (image.height, image.width) if orientation_of(image) >= 5 else (image.width, image.height)


def turned(stored_HWC: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored pixels to upright ones (EXIF 2.32, table 6: where row 0 and column 0 lie)."""
    import numpy as np

    array = stored_HWC
    if orientation >= 5:  # rows and columns are exchanged
        array = array.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    return np.ascontiguousarray(array)


def _as_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I;16"):
        # Pillow would clip sixteen bits at 255 instead of scaling them.
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if image.mode in {"F", "I"}:
        _refuse_wide_range(image)
    if image.mode in {"LA", "RGBA", "PA"} or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, "black")
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _refuse_wide_range(image: Image.Image) -> None:
    """Pillow would clip such pixels at 0 and 255: floats from 0 to 1 would all be black. Raises UnreadableImage."""
    kind = "floating-point numbers" if image.mode == "F" else "32-bit numbers"
    low, high = cast("tuple[float, float]", image.getextrema())  # of one band
    # As eight bits have them they are taken; floats of which none is above 1 are fractions of white.
    if low < 0 or high > 255 or (image.mode == "F" and high <= 1):
        reason = f"its pixels are {kind} from {low:.4g} to {high:.4g}, and nothing says which are black and white"
        raise UnreadableImage("image.unsupported", f"{reason}; save them as 8 or 16 bits for each colour")


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except UnreadableImage:
        raise
    except OSError as error:
        code = "image.truncated" if "truncat" in str(error).lower() else "image.corrupt"
        raise UnreadableImage(code, f"its pixels cannot be decoded: {error}") from error
    except (ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError) as error:
        raise UnreadableImage("image.corrupt", f"its pixels cannot be decoded: {error}") from error


def _what_else(content: bytes) -> UnreadableImage:
    if content.startswith(LFS_MARK):
        return UnreadableImage("image.lfs_pointer", "a Git LFS pointer; fetch the file itself with `git lfs pull`")
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        return UnreadableImage(
            "image.unsupported", "HEIC or AVIF, which is not decoded here; convert it to JPEG or PNG"
        )
    if len(content) < 16:
        return UnreadableImage("image.not_an_image", f"only {len(content)} bytes, no image format begins like that")
    return UnreadableImage("image.not_an_image", f"begins with {content[:8]!r}, which no accepted format does")
