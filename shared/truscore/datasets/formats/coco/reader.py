"""The COCO reader: one or many JSON files, wherever they lie, into one index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from truscore.datasets.formats.coco.annotations import Marks
from truscore.datasets.formats.coco.classes import Classes
from truscore.datasets.formats.coco.file import CocoFile, has_coco_shape, load_json, read_coco_file
from truscore.datasets.reading.build_index import Annotate, assemble, report_faulty_images, report_unlisted
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.references import References
from truscore.datasets.reading.result import Declared, Limits, Reading

if TYPE_CHECKING:
    from truscore.datasets.images.scan import Look

SNIFFED_FILES = 50


def recognise_coco(folder: Folder, limits: Limits) -> bool:
    """Whether some JSON file looks like COCO; the smallest ones are tried first."""
    log = ProblemLog(limit=0)
    paths = sorted(folder.with_suffix(".json"), key=lambda path: ((folder.root / path).stat().st_size, path))
    return any(has_coco_shape(load_json(folder.root / path, path, limits, log)) for path in paths[:SNIFFED_FILES])


def read_coco(
    folder: Folder, *, class_names: Sequence[str], limits: Limits, log: ProblemLog, look: Look | None = None
) -> Reading:
    """Read all COCO files of the folder. `class_names`, where given, are only held against those in the files."""
    files = [file for path in folder.with_suffix(".json") if (file := read_coco_file(folder, path, limits, log))]
    if not files:
        log.add("format.coco.missing", "no JSON file has the lists `images` and `annotations`")
        report_faulty_images(folder, limits=limits, log=log)
        return Reading(index=None, problems=log.all())
    classes = Classes.of(files, log)
    if class_names and tuple(class_names) != classes.names:
        log.add("format.class_names_differ", f"given {list(class_names)}, the files declare {list(classes.names)}")
    found = _Gathering(references=References(folder.files, log), classes=classes, limits=limits, log=log)
    for file in files:
        found.add(file)
    report_unlisted(folder, found.annotate, log)
    return assemble(
        folder,
        format="coco",
        class_names=classes.names,
        annotate=found.annotate,
        declared=found.declared,
        limits=limits,
        log=log,
        look=look,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gathering:
    """Images of all files, by path; what is marked on them is read once their real sizes are known."""

    references: References
    classes: Classes
    limits: Limits
    log: ProblemLog
    annotate: dict[str, Annotate] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)

    def add(self, file: CocoFile) -> None:
        marks = self._by_image(file)
        for key, image in file.images.items():
            path = _path_of(image, file, self.references, self.log, key)
            if path in self.annotate:
                text = f"described more than once; the first is used ({file.path}#{key})"
                self.log.add("format.duplicate_image", text, path)
            elif path is not None:
                said = self.declared[path] = _declaration(image, file, key)
                reader = Marks(file=file.path, said=said, classes=self.classes, limits=self.limits, log=self.log)
                self.annotate[path] = partial(reader.read, marks.get(key, []))

    def _by_image(self, file: CocoFile) -> dict[int | str, list[dict[str, Any]]]:
        marks: dict[int | str, list[dict[str, Any]]] = defaultdict(list)
        for entry in file.annotations:
            owner = entry.get("image_id")
            if isinstance(owner, int | str) and owner in file.images:
                marks[owner].append(entry)
            else:
                where = f"{file.path}#{entry.get('id')}"
                self.log.add("label.unknown_image", f"image_id {owner!r:.60} is not among `images`", where)
        return marks


def _path_of(
    image: dict[str, Any], file: CocoFile, references: References, log: ProblemLog, key: int | str
) -> str | None:
    name, where = image.get("file_name"), f"{file.path}#{key}"
    if isinstance(name, str) and name:
        return references.resolve(name, near=file.path, location=where)
    log.add("format.coco.structure", f"file_name is {name!r:.60}, expected a path", where)
    return None


def _declaration(image: dict[str, Any], file: CocoFile, key: int | str) -> Declared:
    return Declared(
        file=file.path, image_id=str(key), width=_pixels(image.get("width")), height=_pixels(image.get("height"))
    )


def _pixels(value: Any) -> int | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9 and value == int(value)
    return int(value) if whole else None
