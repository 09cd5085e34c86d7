"""Label Studio's run lengths of brushes: a packed stream of the colours of every pixel, of which the last marks it.

The packing is that of thi.ng's rle-pack: 32 bits of length, 5 of word size, four times 4 of length sizes; then runs of
one word, or of words one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from truscore.datasets.shapes.parse import BadShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHANNELS = 4
_LONGEST = 32 * 1024 * 1024  # bytes of a stream: even noise of ten megapixels has less


def decode_brush(packed: Any, *, width: int, height: int) -> NDArray[np.bool_]:
    """The marked pixels [H, W]. Raises BadShape."""
    import numpy as np

    if not isinstance(packed, list) or not packed or len(packed) > _LONGEST:
        raise BadShape("label.invalid_rle", f"rle is {packed!r:.40}, expected a list of bytes")
    try:
        stream = _Bits(bytes(packed))
    except (TypeError, ValueError) as error:
        raise BadShape("label.invalid_rle", f"rle is no list of bytes: {error}") from error
    count = stream.take(32)
    if count != width * height * _CHANNELS:
        expected = f"{width} x {height} pixels of {_CHANNELS} values"
        raise BadShape("label.invalid_rle", f"rle is of {count} values, its image has {expected}")
    word_bits = stream.take(5) + 1
    length_bits = [stream.take(4) + 1 for _ in range(4)]
    values = np.zeros(count, dtype=np.uint8)
    at = 0
    while at < count:
        same = stream.take(1)
        end = at + 1 + stream.take(length_bits[stream.take(2)])
        if end > count:
            raise BadShape("label.invalid_rle", f"a run of rle ends at {end} of {count} values")
        if same:
            values[at:end] = min(stream.take(word_bits), 255)
        else:
            values[at:end] = [min(stream.take(word_bits), 255) for _ in range(end - at)]
        at = end
    marked_HW: NDArray[np.bool_] = values.reshape(height, width, _CHANNELS)[..., -1] > 0
    return marked_HW


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> int:
        """The next so many bits as a number."""
        first, end = self._at // 8, (self._at + count + 7) // 8
        if end > len(self._content):
            raise BadShape("label.invalid_rle", "rle ends in the middle of a run")
        number = int.from_bytes(self._content[first:end]) >> (8 * end - self._at - count)
        self._at += count
        return number & ((1 << count) - 1)
