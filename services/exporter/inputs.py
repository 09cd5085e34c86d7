"""Fetches what an export needs. What is gone for good is an answer; what may come back is left to be retried."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from truscore.catalog.table import row_of
from truscore.datasets import (
    DatasetIndex,
    ImageRecord,
    InvalidIndex,
    InvalidSplit,
    Split,
    index_from_json,
    split_from_json,
)
from truscore.datasets.index.targets import MULTI_VIEW, TARGETS, has_target, scenes_in
from truscore.storage import (
    DigestMismatch,
    InvalidUri,
    ObjectMissing,
    ObjectRef,
    Store,
    StoreError,
    TooLarge,
    fetch_many,
    parse_uri,
)

from services.exporter.order import ExportOrder
from services.exporter.packaging.origin import Origin, from_report
from services.exporter.task import EvaluatedImage, LitSet

INDEX_LIMIT_BYTES = 1 << 30
CHECKPOINT_LIMIT_BYTES = 16 << 30
REPORT_LIMIT_BYTES = 64 << 20
INDEX = "index.json"
PHOTOMETRIC_STEREO = "photometric_stereo"
GONE_FOR_GOOD = (ObjectMissing, DigestMismatch, InvalidUri, TooLarge)


class Unexportable(Exception):
    """No artefact can be made of this order: `code` and `message` of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How many images of each kind, at most: to compare outputs on, to measure metrics on (of each split), and to
    calibrate on."""

    pictures: int
    evaluated: int = 0
    calibration: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What an export needs, on this disk. `pictures` are of the validation split, `calibration` of the training split,
    whose paths in the dataset `training` has; `evaluated` are of validation and test."""

    checkpoint: Path
    pictures: tuple[Path, ...]
    calibration: tuple[Path, ...] = ()
    evaluated: tuple[EvaluatedImage, ...] = ()
    index: Path | None = None
    training: tuple[str, ...] = ()
    lit: LitSet | None = None


def fetch_inputs(store: Store, order: ExportOrder, folder: Path, *, wanted: Wanted) -> Inputs:
    """Raises Unexportable, and StoreError where another try may succeed."""
    checkpoint = folder / "checkpoint.pt"
    with _needed("checkpoint"):
        store.get_file(
            order.checkpoint.uri, checkpoint, sha256=order.checkpoint.sha256, limit_bytes=CHECKPOINT_LIMIT_BYTES
        )
    index, split, document = _dataset(store, order)
    known = {image.path: image for image in index.images}
    (folder / INDEX).write_bytes(document)
    if order.category == PHOTOMETRIC_STEREO:
        lit = _fetch_lit(store, order, folder / "dataset", (index, split), wanted)
        return Inputs(checkpoint=checkpoint, pictures=(), index=folder / INDEX, lit=lit)
    shown = spread(split.validation, wanted.pictures)
    calibration = spread(split.train, wanted.calibration)
    parts = {"validation": split.validation, "test": split.test}
    evaluated = [(name, path) for name, paths in parts.items() for path in spread(paths, wanted.evaluated)]
    files = _fetch(
        store, order, folder, [known[path] for path in (*shown, *(path for _, path in evaluated))], "validation"
    )
    files |= _fetch(store, order, folder, [known[path] for path in calibration], "training")
    return Inputs(
        checkpoint=checkpoint,
        pictures=tuple(files[path] for path in shown),
        calibration=tuple(files[path] for path in calibration),
        evaluated=tuple(EvaluatedImage(split=name, path=path, file=str(files[path])) for name, path in evaluated),
        index=folder / INDEX,
        training=tuple(split.train),
    )


def _fetch_lit(
    store: Store, order: ExportOrder, folder: Path, known: tuple[DatasetIndex, Split], wanted: Wanted
) -> LitSet:
    """Objects and not single views: a view alone proves nothing."""
    index, split = known
    owner = {image.path: image.light.object for image in index.images if image.light is not None}
    target = row_of(order.category, order.option, order.architecture).learns_from
    true = {owner[each.path] for each in index.images if has_target(each, target, objects=index.objects)}
    if target == MULTI_VIEW:
        true &= {names[0] for names in scenes_in(index.objects).values()}  # as the trainer evaluates
    parts = {"validation": split.validation, "test": split.test}
    names = {part: sorted({owner[path] for path in paths if path in owner} & true) for part, paths in parts.items()}
    shown = spread(names["validation"], wanted.pictures)
    if not shown:
        raise Unexportable(
            "no_validation_images", f"{order.split.uri}: no object with {TARGETS[target]} to prove a file on"
        )
    evaluated = [(part, name) for part, each in names.items() for name in spread(each, wanted.evaluated)]
    objects = {*shown, *(name for _, name in evaluated)}
    if target == MULTI_VIEW:
        objects = {name for names in scenes_in(index.objects).values() if objects & {*names} for name in names}
    files = {image.path: image.sha256 for image in index.images if owner.get(image.path) in objects}
    for lit_object in index.objects:
        if lit_object.name in objects:
            files |= {each.path: each.sha256 for each in lit_object.maps}
    root = order.dataset_uri.rstrip("/")
    with _needed("validation_image"):
        fetch_many(store, [(parse_uri(f"{root}/{path}").uri, digest, folder / path) for path, digest in files.items()])
    return LitSet(folder=str(folder), shown=shown, evaluated=tuple(evaluated))


def _fetch(store: Store, order: ExportOrder, folder: Path, images: Sequence[ImageRecord], part: str) -> dict[str, Path]:
    """Files by their place in the dataset; an image that is wanted for several reasons is fetched once."""
    root = order.dataset_uri.rstrip("/")
    unique = {image.path: image for image in images}
    files = {path: folder / f"{part}-{number}{Path(path).suffix}" for number, path in enumerate(unique)}
    with _needed(f"{part}_image"):
        fetch_many(
            store,
            [(parse_uri(f"{root}/{path}").uri, image.sha256, files[path]) for path, image in unique.items()],
        )
    return files


def _dataset(store: Store, order: ExportOrder) -> tuple[DatasetIndex, Split, bytes]:
    """The index, the split, and the index as it is stored."""
    try:
        split = split_from_json(_read(store, "split", order.split))
        document = _read(store, "index", order.index)
        index = index_from_json(document)
    except (InvalidSplit, InvalidIndex) as error:
        raise Unexportable("dataset_unreadable", f"{order.split.uri}, {order.index.uri}: {error}") from error
    if not split.validation:
        raise Unexportable("no_validation_images", f"{order.split.uri}: no image to prove an artefact on; needed: 1")
    paths = {image.path for image in index.images}
    if unknown := sorted({*split.validation, *split.train, *split.test} - paths):
        raise Unexportable("dataset_unreadable", f"{order.split.uri}: {unknown[0]!r} is not in the index")
    return index, split, document


def origin_of(store: Store, order: ExportOrder, *, code_commit: str) -> Origin:
    """What the model came of, with what the run's report knows; a report that is gone holds no release up."""
    inputs = {"checkpoint": order.checkpoint, "index": order.index, "split": order.split}
    if order.config is not None:
        inputs["config"] = order.config
    try:
        known = from_report(store.get(order.report_uri, limit_bytes=REPORT_LIMIT_BYTES)) if order.report_uri else {}
    except GONE_FOR_GOOD:
        known = {}
    return Origin(
        inputs=inputs,
        dataset_uri=order.dataset_uri,
        dataset_digest=order.dataset_digest,
        code_commit=code_commit,
        **known,
    )


def spread(paths: Sequence[str], count: int) -> tuple[str, ...]:
    """At most `count` of the sorted paths, evenly spread over them: the same ones for the same split."""
    ordered = sorted(paths)
    if len(ordered) <= count:
        return tuple(ordered)
    return tuple(ordered[index * len(ordered) // count] for index in range(count))


def _read(store: Store, what: str, stored: ObjectRef) -> bytes:
    with _needed(what):
        return store.get(stored.uri, limit_bytes=INDEX_LIMIT_BYTES, sha256=stored.sha256)


@contextmanager
def _needed(what: str) -> Iterator[None]:
    try:
        yield
    except GONE_FOR_GOOD as error:
        raise Unexportable(f"{what}_{_kind(error)}", str(error)) from error


def _kind(error: StoreError) -> str:
    match error:
        case ObjectMissing():
            return "missing"
        case DigestMismatch():
            return "corrupt"
        case TooLarge():
            return "too_large"
        case _:
            return "address"
