"""Class names of a YOLO dataset: given, in data.yaml, in a list file, or by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog, bounded_text
from truscore.datasets.reading.references import is_escape
from truscore.datasets.reading.text_file import UnknownEncoding, decode_text, decoded_or_replaced

YAML_NAMES = frozenset({"data.yaml", "data.yml", "dataset.yaml", "dataset.yml"})
LIST_NAMES = frozenset({"classes.txt", "obj.names", "_darknet.labels", "classes.names"})
YAML_LIMIT_BYTES = 1024 * 1024
CLASSES_LIMIT = 10_000
_YAML_FILES = 20
# Text files of a YOLO dataset that are not labels.
_NOT_LABELS = frozenset({"classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt", "license.txt"})


def is_list_file(path: str) -> bool:
    """Whether a .txt file lists names or images or describes the dataset, rather than labelling an image."""
    name = PurePosixPath(path).name.lower()
    return name in _NOT_LABELS or name.startswith(("readme", "requirements"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """`names` by class index. `key_points`: how many each box has, and of how many numbers each, where declared."""

    names: tuple[str, ...]
    key_points: tuple[int, int] | None = None


def read_class_names(context: ReaderContext, *, highest: int) -> Described:
    """The names by class index; `highest` is the highest index that labels use."""
    folder, log = context.folder, context.log
    content, path = _content(context)
    found = (_from_yaml(content, path, folder, log) if content else ()) or _from_list(folder)
    return Described(names=_names(context, found, highest), key_points=_key_points(content))


def _names(context: ReaderContext, found: tuple[str, ...], highest: int) -> tuple[str, ...]:
    log, given = context.log, context.class_names
    if given:
        if found and given != found:
            log.add("format.class_names_differ", f"given {list(given)}, the files declare {list(found)}")
        return given
    if found:
        return found
    count = min(highest + 1, CLASSES_LIMIT)
    names = tuple(f"class_{number}" for number in range(count))
    log.add("format.yolo.no_names", f"no class names are given; the {count} classes in use are called class_0, ...")
    return names


def _content(context: ReaderContext) -> tuple[dict[str, Any], str]:
    """The content of data.yaml, else of the only YAML file of another name that has `names`."""
    folder, log = context.folder, context.log
    if path := _shallowest(folder, YAML_NAMES):
        content = _load_yaml(context, path, log)
        return (content, path) if isinstance(content, dict) else ({}, path)
    found = []
    for path in folder.with_suffix(".yaml", ".yml")[:_YAML_FILES]:
        content = _load_yaml(context, path, ProblemLog(limit=0))
        if isinstance(content, dict) and _named(content.get("names")):
            found.append((content, path))
    if len(found) > 1 and len({_named(content["names"]) for content, _ in found}) > 1:
        text = f"class names differ in {', '.join(path for _, path in found)[:200]}; call the one to use data.yaml"
        log.add("format.yolo.invalid_yaml", text, found[1][1])
        return {}, ""
    return found[0] if found else ({}, "")


def _key_points(content: dict[str, Any]) -> tuple[int, int] | None:
    shape = content.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and all(re.fullmatch(r"\d{1,4}", str(side)) for side in shape):
        count, dims = map(int, shape)
        return (count, dims) if 0 < count <= 1000 and dims in {2, 3} else None
    return None


def _from_yaml(content: dict[str, Any], path: str, folder: Folder, log: ProblemLog) -> tuple[str, ...]:
    _check_paths(content, path, folder, log)
    names = _named(content.get("names"))
    if not names:
        log.add("format.yolo.invalid_yaml", "`names` is missing; expected a list or a mapping from index to name", path)
    count = content.get("nc")
    if isinstance(count, str) and names and count.isdecimal() and int(count[:9]) != len(names):
        log.add("format.yolo.count_mismatch", f"`nc` is {count[:9]}, but {len(names)} classes are named", path)
    for name in sorted({name for name in names if names.count(name) > 1}):
        log.add("format.class_name_duplicate", f"class name {name!r} is used twice", path)
    return names


def _load_yaml(context: ReaderContext, path: str, log: ProblemLog) -> Any:
    from truscore.datasets.formats.yolo.yaml_words import NotWords, load_words

    file = context.folder.root / path
    if file.stat().st_size > YAML_LIMIT_BYTES:
        log.add("format.yolo.invalid_yaml", f"larger than {YAML_LIMIT_BYTES} bytes", path)
        return None
    try:
        content = load_words(decode_text(file.read_bytes(), declared=context.declaration.encoding).text)
    except (NotWords, UnknownEncoding) as error:
        log.add("format.yolo.invalid_yaml", str(error), path)
        return None
    if not isinstance(content, dict):
        log.add("format.yolo.invalid_yaml", "expected a mapping with `names`", path)
    return content


def _named(names: Any) -> tuple[str, ...]:
    if isinstance(names, dict):
        keys = [int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 6 else key for key in names]
        if len(set(keys)) == len(keys):
            names = dict(zip(keys, names.values(), strict=True))
    if isinstance(names, list) and len(names) <= CLASSES_LIMIT:
        return tuple(bounded_text(str(name)) for name in names)
    if isinstance(names, dict) and names and all(isinstance(key, int) and 0 <= key < CLASSES_LIMIT for key in names):
        return tuple(bounded_text(str(names.get(index, f"class_{index}"))) for index in range(max(names) + 1))
    return ()


def _check_paths(content: dict[str, Any], path: str, folder: Folder, log: ProblemLog) -> None:
    """Paths in data.yaml are never followed: the folders say what is there. Those that lead astray are reported."""
    folders = {str(parent) for file in folder.files for parent in PurePosixPath(file).parents}
    base = PurePosixPath(path).parent
    for key in ("train", "val", "test"):
        value = content.get(key)
        if (
            isinstance(value, str)
            and value
            and (is_escape(value) or str(base / value) not in {*folders, *folder.files})
        ):
            log.add("format.yolo.paths_unresolved", f"`{key}` is {value!r}, which is not in the dataset", path)


def _from_list(folder: Folder) -> tuple[str, ...]:
    path = _shallowest(folder, LIST_NAMES)
    if not path or (folder.root / path).stat().st_size > YAML_LIMIT_BYTES:
        return ()
    text = decoded_or_replaced((folder.root / path).read_bytes())
    return tuple(bounded_text(line.strip()) for line in text.splitlines() if line.strip())[:CLASSES_LIMIT]


def _shallowest(folder: Folder, names: frozenset[str]) -> str:
    found = [path for path in folder.files if PurePosixPath(path).name.lower() in names]
    return min(found, key=lambda path: (path.count("/"), path), default="")
