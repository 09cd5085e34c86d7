"""Text files of any encoding: decoded within bounds, and said where it is not UTF-8."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any

from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.strict_json import parse_json
from truscore.files import read_at_most

# Longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_SAMPLE_BYTES = 1024 * 1024
_BESIDE_LETTER = re.compile(rb"(?:[A-Za-z][\x80-\xff]{1,2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{1,2}[A-Za-z])")
_CHINESE = re.compile(r"[\u4e00-\u9fa5\u3000-\u301e\uff01-\uff5e]")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fa5\u3000-\u301e]")
_MOST = 0.9
_HANGUL_LENGTH, _LAST_HANGUL = 12, 0xC8


class UnknownEncoding(ValueError):
    """Bytes that are no text in an encoding that could be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedText:
    """`encoding` is "" for UTF-8 with or without its mark, else a codec's name; `detected`: nothing declares it."""

    text: str
    encoding: str = ""
    detected: bool = False


def read_text(context: ReaderContext, path: str, *, code: str, limit_bytes: int) -> str | None:
    """The file's text; None after reporting with `code` why it cannot be read. Another encoding is reported."""
    decoded = _read(context, path, code=code, limit_bytes=limit_bytes)
    return None if decoded is None else decoded.text


def _read(context: ReaderContext, path: str, *, code: str, limit_bytes: int) -> DecodedText | None:
    file, log = context.folder.root / path, context.log
    content = read_at_most(file, limit_bytes)
    if content is None:
        log.add(code, f"larger than {limit_bytes} bytes", path)
        return None
    try:
        decoded = decode_text(content, declared=context.declaration.encoding)
    except UnknownEncoding as error:
        log.add(code, str(error), path)
        return None
    if decoded.encoding:
        how = "detected; declare `encoding` in truscore.json to be certain" if decoded.detected else "declared"
        log.add("format.encoding", f"read as {decoded.encoding} ({how}); other programs expect UTF-8", path)
    return decoded


def read_json(context: ReaderContext, path: str, *, code: str, limit_bytes: int) -> Any:
    """The file's JSON, not to be changed; None after reporting with `code` why it cannot be read.

    Several formats look at the same files: what is UTF-8, of which nothing is reported, is parsed once.
    """
    if path in context.documents:
        return context.documents[path]
    decoded = _read(context, path, code=code, limit_bytes=limit_bytes)
    if decoded is None:
        return None
    try:
        content = parse_json(decoded.text)
    except ValueError as error:
        context.log.add(code, str(error), path)
        return None
    if is_deeper_than(content, context.limits.json_depth):
        context.log.add(code, f"nested deeper than {context.limits.json_depth} levels", path)
        return None
    if not decoded.encoding:
        context.documents.keep(path, content, size=len(decoded.text))
    return content


def is_deeper_than(content: Any, limit: int) -> bool:
    """Whether JSON is nested deeper than so many levels."""
    level = [content] if type(content) in {dict, list} else []
    for _ in range(limit):
        inner = (value.values() if type(value) is dict else value for value in level)
        level = [child for children in inner for child in children if type(child) is dict or type(child) is list]
        if not level:
            return False
    return True


def decode_text(content: bytes, *, declared: str = "") -> DecodedText:
    """By the byte-order mark, as UTF-8, as `declared`, else as detected. Raises UnknownEncoding."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            text = _decoded(content, "utf-8-sig" if encoding == "utf-8" else encoding)
            if text is None:
                raise UnknownEncoding(f"begins with the mark of {encoding} and is no such text; save it as UTF-8")
            return DecodedText(text=text, encoding="" if encoding == "utf-8" else encoding)
    if (guess := _unmarked_utf16(content)) and (text := _decoded(content, guess)) is not None:
        return DecodedText(text=text, encoding=guess, detected=True)
    if (text := _decoded(content, "utf-8")) is not None:
        return DecodedText(text=text)
    if declared:
        if (text := _decoded(content, declared)) is None:
            raise UnknownEncoding(f"neither UTF-8 nor the declared {declared}; save it as UTF-8")
        return DecodedText(text=text, encoding=declared)
    encoding = _national(content)
    if not encoding or (text := _decoded(content, encoding)) is None:
        at = _first_fault(content)
        reason = f"not UTF-8 text (byte {content[at]:#04x} at {at}), and no other encoding was recognised"
        raise UnknownEncoding(f"{reason}; save it as UTF-8, or declare `encoding` in truscore.json")
    return DecodedText(text=text, encoding=encoding, detected=True)


def decoded_or_replaced(content: bytes, *, declared: str = "") -> str:
    """The text, with signs of replacement where it is in no encoding that could be told."""
    try:
        return decode_text(content, declared=declared).text
    except UnknownEncoding:
        return content.decode("utf-8", "replace")


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeError, ValueError):
        return None


def _first_fault(content: bytes) -> int:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _unmarked_utf16(content: bytes) -> str:
    """Every second byte of western text is zero in UTF-16."""
    sample = content[:4096]
    if len(content) % 2 or len(sample) < 8 or b"\0" not in sample:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.6 * half and not even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * half and not odd else ""


def _national(content: bytes) -> str:
    """The code page that bytes above 127 speak for; "" where none does."""
    sample = content[:_SAMPLE_BYTES]
    runs = _HIGH.findall(sample)
    if b"\0" in sample or not runs:
        return ""
    # Accented letters stand in words of others; Cyrillic words and Chinese ones have none.
    if 2 * len(_BESIDE_LETTER.findall(sample)) >= len(runs) and _decoded(content, "cp1252") is not None:
        return "cp1252"
    even = sum(len(run) % 2 == 0 for run in runs)
    if 10 * even >= 8 * len(runs) and _share("gb18030", _CHINESE, content) >= _MOST:
        # Hangul lies in a part of the same table, which Chinese of some length always leaves.
        leads = b"".join(run[0::2] for run in runs)
        return "euc_kr" if len(leads) >= _HANGUL_LENGTH and max(leads) <= _LAST_HANGUL else "gb18030"
    if _share("shift_jis", _JAPANESE, content) >= _MOST:
        return "shift_jis"
    letters = b"".join(runs)
    return "cp1251" if sum(byte >= 0xC0 for byte in letters) >= _MOST * len(letters) else ""


def _share(encoding: str, usual: re.Pattern[str], content: bytes) -> float:
    """How many of the characters that are not ASCII are usual ones of the language; 0 where it is no such text."""
    text = (_decoded(content, encoding) or "")[:_SAMPLE_BYTES]
    high = "".join(sign for sign in text if ord(sign) > 127)
    return len(usual.findall(high)) / len(high) if high else 0.0
