"""XML out of untrusted files: within bounds, without document types or entities."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import UnknownEncoding, decode_text
from truscore.files import read_at_most

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DECLARATION = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
_ANY_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_PARSED_AS_THEY_ARE = frozenset({"utf-8", "utf8", "utf-16", "us-ascii", "iso-8859-1"})


def read_xml(context: ReaderContext, path: str, *, code: str, limit_bytes: int) -> Element | None:
    """The outermost element; None after reporting with `code` why there is none."""
    from defusedxml.ElementTree import fromstring

    content = _content(context, path, code=code, limit_bytes=limit_bytes)
    if content is None:
        return None
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except _faults() as error:
        context.log.add(code, _reason(error), path)
        return None
    return root


def xml_elements(
    context: ReaderContext, path: str, *, tags: frozenset[str], code: str, limit_bytes: int
) -> Iterator[Element]:
    """The elements with these tags one after the other, each emptied after its use: a tree of a large file is many
    times its size. A fault ends them after it is reported with `code`."""
    from defusedxml.ElementTree import iterparse

    content = _content(context, path, code=code, limit_bytes=limit_bytes)
    if content is None:
        return
    open_elements: list[Element] = []
    try:
        for event, element in iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                open_elements.append(element)
                if len(open_elements) > context.limits.json_depth:
                    context.log.add(code, f"nested deeper than {context.limits.json_depth} levels", path)
                    return
                continue
            open_elements.pop()
            if element.tag in tags:
                yield element
                element.clear()
                if open_elements:
                    open_elements[-1].remove(element)
    except _faults() as error:
        context.log.add(code, _reason(error), path)


def begins_with(context: ReaderContext, path: str, tag: str) -> bool:
    """Whether the file's first lines hold the tag, as far as can be told without reading it."""
    with (context.folder.root / path).open("rb") as file:
        head = file.read(4096)
    try:
        text = decode_text(head[: len(head) // 2 * 2], declared="latin-1").text
    except UnknownEncoding:
        return False
    return re.search(rf"<{tag}[\s>/]", text) is not None


def _content(context: ReaderContext, path: str, *, code: str, limit_bytes: int) -> bytes | None:
    content = read_at_most(context.folder.root / path, limit_bytes)
    if content is None:
        context.log.add(code, f"larger than {limit_bytes} bytes", path)
        return None
    declared = _DECLARATION.match(content[:400])
    if declared and declared[1].decode().lower() in _PARSED_AS_THEY_ARE:
        return content
    try:
        if declared:
            codecs.lookup(declared[1].decode())
        decoded = decode_text(content, declared=declared[1].decode() if declared else context.declaration.encoding)
    except (UnknownEncoding, LookupError) as error:
        context.log.add(code, f"not XML: {error}", path)
        return None
    if decoded.encoding:
        how = "detected; declare it in the file's first line" if decoded.detected else "declared"
        context.log.add("format.encoding", f"read as {decoded.encoding} ({how}); other programs expect UTF-8", path)
    return _ANY_DECLARATION.sub("", decoded.text, count=1).encode()


def _faults() -> tuple[type[Exception], ...]:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException

    return DefusedXmlException, ParseError, ValueError, LookupError, RecursionError


def _reason(error: Exception) -> str:
    from defusedxml import DefusedXmlException

    if isinstance(error, DefusedXmlException):
        return f"declares a document type or entities: {error}"
    return f"not XML: {error}"
