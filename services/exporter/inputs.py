"""Fetches what an export needs. What is gone for good is an answer; what may come back is left to be retried."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from truscore.datasets import ImageRecord, InvalidIndex, InvalidSplit, index_from_json, split_from_json
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

INDEX_LIMIT_BYTES = 1 << 30
CHECKPOINT_LIMIT_BYTES = 16 << 30
GONE_FOR_GOOD = (ObjectMissing, DigestMismatch, InvalidUri, TooLarge)


class Unexportable(Exception):
    """No artefact can be made of this order: `code` and `message` of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The checkpoint and pictures of the validation split, on this disk."""

    checkpoint: Path
    pictures: tuple[Path, ...]


def fetch_inputs(store: Store, order: ExportOrder, folder: Path, *, pictures: int) -> Inputs:
    """Raises Unexportable, and StoreError where another try may succeed."""
    checkpoint = folder / "checkpoint.pt"
    with _needed("checkpoint"):
        store.get_file(
            order.checkpoint.uri, checkpoint, sha256=order.checkpoint.sha256, limit_bytes=CHECKPOINT_LIMIT_BYTES
        )
    chosen = _validation_images(store, order, pictures)
    targets = [folder / f"picture-{number}{Path(image.path).suffix}" for number, image in enumerate(chosen)]
    root = order.dataset_uri.rstrip("/")
    with _needed("validation_image"):
        fetch_many(
            store,
            [
                (parse_uri(f"{root}/{image.path}").uri, image.sha256, target)
                for image, target in zip(chosen, targets, strict=True)
            ],
        )
    return Inputs(checkpoint=checkpoint, pictures=tuple(targets))


def _validation_images(store: Store, order: ExportOrder, count: int) -> list[ImageRecord]:
    try:
        split = split_from_json(_read(store, "split", order.split))
        index = index_from_json(_read(store, "index", order.index))
    except (InvalidSplit, InvalidIndex) as error:
        raise Unexportable("dataset_unreadable", f"{order.split.uri}, {order.index.uri}: {error}") from error
    if not split.validation:
        raise Unexportable("no_validation_images", f"{order.split.uri}: no image to prove an artefact on; needed: 1")
    known = {image.path: image for image in index.images}
    if unknown := sorted(set(split.validation) - set(known)):
        raise Unexportable("dataset_unreadable", f"{order.split.uri}: {unknown[0]!r} is not in the index")
    return [known[path] for path in spread(split.validation, count)]


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
