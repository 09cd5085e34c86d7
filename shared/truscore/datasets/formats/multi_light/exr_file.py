"""Normals out of OpenEXR: pictures of one part in lines, as the format's technical introduction lays them out
(openexr.com, "OpenEXR File Layout"). Nothing else of such a file is read.

Array legend: H height, W width, B bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC = b"\x76\x2f\x31\x01"
_VERSION, _TILED, _OTHER_KINDS = 2, 0x200, 0x1800  # deep data, several parts
_PACKINGS = {0: 1, 1: 1, 2: 1, 3: 16}  # none, RLE, ZIPS, ZIP: rows in a block
_NAMED = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_KINDS = {0: "<u4", 1: "<f2", 2: "<f4"}
# What programs call the parts of a direction; a layer's name may stand before them.
_PARTS = (("X", "Y", "Z"), ("R", "G", "B"))
_MOST_ATTRIBUTES, _MOST_CHANNELS, _LONGEST_NAME = 1000, 64, 255


def exr_normals(content: bytes, limits: Limits) -> NDArray[Any]:
    """The picture's channels X, Y, Z, or R, G, B, as floats [H, W, 3]. Raises UnreadableImage."""
    try:
        return _normals(content, limits)
    except (struct.error, zlib.error, ValueError, IndexError, OverflowError) as error:
        raise UnreadableImage("image.corrupt", f"no picture of OpenEXR: {str(error)[:160]}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Header:
    """`channels` are those of the file with their kinds, in its order; rows lie at `offsets_at`."""

    channels: Mapping[str, str]
    width: int
    height: int
    top: int
    packing: int
    offsets_at: int


def _normals(content: bytes, limits: Limits) -> NDArray[Any]:
    import numpy as np

    header = _header(content, limits)
    wanted = _wanted(header.channels)
    rows_in_block = _PACKINGS[header.packing]
    blocks = -(-header.height // rows_in_block)
    row_bytes = header.width * sum(np.dtype(kind).itemsize for kind in header.channels.values())
    normals_HWC = np.zeros((header.height, header.width, 3), dtype=np.float32)
    for offset in struct.unpack_from(f"<{blocks}Q", content, header.offsets_at):
        top, size = struct.unpack_from("<iI", content, offset)
        first = top - header.top
        count = min(rows_in_block, header.height - first)
        if first < 0 or count < 1 or first % rows_in_block or offset + 8 + size > len(content):
            raise UnreadableImage("image.truncated", f"a block at {offset} of {size} bytes is not there")
        data = _unpacked(content[offset + 8 : offset + 8 + size], count * row_bytes, header.packing)
        for row in range(count):
            _fill(normals_HWC[first + row], data[row * row_bytes : (row + 1) * row_bytes], header, wanted)
    return normals_HWC


def _fill(row_WC: NDArray[Any], data: bytes, header: _Header, wanted: tuple[str, ...]) -> None:
    """A row has its channels one after the other."""
    import numpy as np

    at = 0
    for name, kind in header.channels.items():
        values_W = np.frombuffer(data, dtype=kind, count=header.width, offset=at)
        at += values_W.nbytes
        if name in wanted:
            row_WC[:, wanted.index(name)] = values_W


def _wanted(channels: Mapping[str, str]) -> tuple[str, ...]:
    """The only three channels that are called like the parts of a direction."""
    found = []
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in channels):
        prefix = f"{layer}." if layer else ""
        named = [tuple(prefix + part for part in parts) for parts in _PARTS]
        found += [names for names in named if all(name in channels for name in names)]
    if len(found) != 1 or any(channels[name] == _KINDS[0] for name in found[0]):
        listed = ", ".join(channels)[:120]
        raise UnreadableImage("image.unsupported", f"channels {listed}; accepted is one X, Y, Z or R, G, B of floats")
    return found[0]


def _header(content: bytes, limits: Limits) -> _Header:
    magic, version = struct.unpack_from("<4sI", content)
    if magic != MAGIC or version & 0xFF != _VERSION:
        raise UnreadableImage("image.corrupt", "no OpenEXR of version 2: it begins otherwise")
    if version & (_TILED | _OTHER_KINDS):
        raise UnreadableImage("image.unsupported", "tiles, deep pixels and several parts are not read; save in lines")
    attributes, at = _attributes(content)
    packing = attributes["compression"][0]
    if packing not in _PACKINGS:
        name = _NAMED[packing] if packing < len(_NAMED) else packing
        raise UnreadableImage("image.unsupported", f"compression {name}; accepted are none, RLE, ZIPS and ZIP")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if min(width, height) < 1 or width * height > limits.image_pixels:
        raise UnreadableImage("image.too_many_pixels", f"{width} x {height}; at most {limits.image_pixels} pixels")
    channels = _channels(attributes["channels"])
    return _Header(channels=channels, width=width, height=height, top=top, packing=packing, offsets_at=at)


def _attributes(content: bytes) -> tuple[dict[str, bytes], int]:
    """Values by name, and where the header ends."""
    found: dict[str, bytes] = {}
    at = 8
    for _ in range(_MOST_ATTRIBUTES):
        name, at = _text(content, at)
        if not name:
            break
        _, at = _text(content, at)
        (size,) = struct.unpack_from("<I", content, at)
        found[name] = content[at + 4 : at + 4 + size]
        at += 4 + size
    lacking = {"channels", "compression", "dataWindow"} - {name for name, value in found.items() if value}
    if lacking:
        raise ValueError(f"its header lacks {', '.join(sorted(lacking))}")
    return found, at


def _channels(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    for _ in range(_MOST_CHANNELS):
        name, at = _text(data, at)
        if not name:
            return found
        kind, _linear, across, down = struct.unpack_from("<iIii", data, at)
        if kind not in _KINDS or (across, down) != (1, 1):
            raise UnreadableImage("image.unsupported", f"channel {name!r} is of kind {kind}, every {across}, {down}")
        found[name] = _KINDS[kind]
        at += 16
    raise ValueError(f"more than {_MOST_CHANNELS} channels")


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at, at + _LONGEST_NAME + 1)
    return data[at:end].decode("utf-8"), end + 1


def _unpacked(data: bytes, size: int, packing: int) -> bytes:
    """The bytes of a block: packed only where that made it smaller."""
    if len(data) == size or packing == 0:
        unpacked = data
    elif packing == 1:
        unpacked = _restored(_run_lengths(data, size))
    else:
        unpacked = _restored(zlib.decompressobj().decompress(data, size))
    if len(unpacked) != size:
        raise UnreadableImage("image.truncated", f"a block has {len(unpacked)} bytes, expected {size}")
    return unpacked


def _restored(data: bytes) -> bytes:
    """Bytes are stored as differences, those at even places before those at odd ones."""
    import numpy as np

    stored_B: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
    sums_B = (np.cumsum(stored_B, dtype=np.int64) - 128 * np.arange(len(stored_B))).astype(np.uint8)
    half = (len(sums_B) + 1) // 2
    whole_B = np.empty_like(sums_B)
    whole_B[0::2], whole_B[1::2] = sums_B[:half], sums_B[half:]
    return whole_B.tobytes()


def _run_lengths(data: bytes, size: int) -> bytes:
    """A count below 0 is of bytes as they are, another of repeats of the next."""
    found = bytearray()
    at = 0
    while at < len(data) and len(found) < size:
        count = data[at] - 256 if data[at] > 127 else data[at]
        if count < 0:
            found += data[at + 1 : at + 1 - count]
            at += 1 - count
        else:
            found += data[at + 1 : at + 2] * (count + 1)
            at += 2
    return bytes(found)
