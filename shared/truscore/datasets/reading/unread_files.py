"""Files that belong to no reader: lists of images for other programs, links turned to text, files of no known kind."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.derived_pictures import kinds_in_words
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.references import is_escape
from truscore.datasets.reading.unread_kinds import report_unread_kinds

_LIST_LIMIT_BYTES = 64 * 1024 * 1024
_LIST_NAME = re.compile(r"(?:train|trainval|val|valid|validation|test)\b.*\.txt", re.IGNORECASE)
_DOCUMENTS = frozenset({"license", "licence", "copying", "readme", "makefile", "notice", "authors", "version"})
_SMALL_BYTES = 1024


def report_unread_files(folder: Folder, log: ProblemLog) -> None:
    """Report what no reader will look at, and paths that only worked on the machine they were written on."""
    images = {name_of(path) for path in folder.images}
    for path in folder.files:
        name = name_of(path)
        if _LIST_NAME.fullmatch(name):
            _check_list(folder, path, images, log)
        elif not suffix_of(name) and name.lower() not in _DOCUMENTS:
            _check_nameless(folder, path, log)
    report_unread_kinds(folder, log)


def report_derived_pictures(context: ReaderContext) -> None:
    """Report the masks, previews and maps that were found and that the reader took nothing from."""
    derived = {path: kind for path, kind in context.folder.derived.items() if path not in context.files_read}
    if derived:
        text = (
            f"{kinds_in_words(derived.values())} were left out, such as {min(derived)}: they are no images to train on"
        )
        context.log.add("format.derived_pictures", text)


def _check_list(folder: Folder, path: str, images: set[str], log: ProblemLog) -> None:
    """Paths on lists of images that lead elsewhere; what parts they name is read with the images."""
    file = folder.root / path
    if file.stat().st_size > _LIST_LIMIT_BYTES:
        return
    written = [word for word in map(_first_word, file.read_text("utf-8-sig", "replace").splitlines()) if word]
    named = [word for word in written if PurePosixPath(word).suffix.lower() in IMAGE_SUFFIXES]
    foreign = [word for word in named if is_escape(word)]
    absent = [word for word in named if PurePosixPath(word).name not in images]
    if foreign:
        text = f"{len(foreign)} of {len(named)} paths are those of another machine, such as {foreign[0]!r}"
        log.add("format.list_absolute", text, path)
    if absent:
        text = f"{len(absent)} of {len(named)} images are not in the dataset, such as {absent[0]!r}"
        log.add("format.list_unresolved", text, path)


def _first_word(line: str) -> str:
    """The path on a line; what may follow it is the path of a label file."""
    posix_path = line.strip().replace("\\", "/")
    at = next(
        (place for place, sign in enumerate(posix_path) if sign == " " and _ends_image(posix_path[:place])),
        len(posix_path),
    )
    return posix_path[:at]


def _ends_image(text: str) -> bool:
    return PurePosixPath(text).suffix.lower() in IMAGE_SUFFIXES


def _check_nameless(folder: Folder, path: str, log: ProblemLog) -> None:
    file = folder.root / path
    size_bytes = file.stat().st_size
    text = file.read_bytes()[:_SMALL_BYTES].decode("utf-8", "replace").strip() if size_bytes <= _SMALL_BYTES else ""
    if text.startswith(("../", "./", "/")) and "\n" not in text:
        log.add("format.link_as_text", f"holds the path {text!r} of a link, not what it leads to", path)
    else:
        log.add("format.file_unknown", f"{size_bytes} bytes that no reader looks at: the name has no ending", path)
