"""A dataset of pictures out of a dataset of views: one of each object, with the labels that somebody drew for it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from truscore.datasets import DatasetIndex, ImageRecord, Limits, load_image
from truscore.datasets.formats.writing import write_dataset
from truscore.datasets.images.scan import scan_image
from truscore.photometric_stereo.view_channels import CHANNELS_FILE, ViewChannels, channel_picture
from truscore.photometric_stereo.views import InvalidViews, read_views

_FORMAT = "truscore"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    root: Path
    index: DatasetIndex
    channels: ViewChannels


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenPictures:
    """`without_labels` are objects that no labelled image is called like: with labels asked for they are left out."""

    paths: tuple[str, ...]
    without_labels: tuple[str, ...] = ()


def write_view_pictures(
    root: Path, index: DatasetIndex, folder: Path, *, channels: ViewChannels, labels: DatasetIndex | None = None
) -> WrittenPictures:
    """A picture NAME.png of each object of a `multi_light` dataset, and the channels beside them.

    With `labels`, of images called like the objects and of the views' size, the folder is a dataset of its own. Raises
    what `channel_picture` raises and InvalidViews, also where labels fit no object.
    """
    source, by_name = _Source(root=root, index=index, channels=channels), _by_name(labels)
    names = {lit_object.name: PurePosixPath(lit_object.name).name for lit_object in index.objects}
    wanted = {name: stem for name, stem in names.items() if labels is None or stem.lower() in by_name}
    if not wanted:
        listed = ", ".join(sorted(by_name)[:3])
        raise InvalidViews(f"no object is called like a labelled image ({listed}, ...); accepted: the same name")
    if len(set(wanted.values())) < len(wanted):
        raise InvalidViews("objects of one name in several folders; accepted: a name each")
    with tempfile.TemporaryDirectory(prefix="truscore-views-") as made:
        home = folder if labels is None else Path(made)
        home.mkdir(parents=True, exist_ok=True)
        records = [
            _picture(source, name, home / f"{stem}.png", by_name.get(stem.lower())) for name, stem in wanted.items()
        ]
        if labels is not None:
            made_index = DatasetIndex(
                format=_FORMAT,
                class_names=labels.class_names,
                images=tuple(sorted(records, key=lambda record: record.path)),
                grades=labels.grades,
            )
            write_dataset(made_index, home, folder, format=_FORMAT)
    (folder / CHANNELS_FILE).write_text(channels.to_json(), encoding="utf-8")
    return WrittenPictures(
        paths=tuple(record.path for record in records),
        without_labels=tuple(name for name in names if name not in wanted),
    )


def _by_name(labels: DatasetIndex | None) -> Mapping[str, ImageRecord]:
    return {} if labels is None else {PurePosixPath(image.path).stem.lower(): image for image in labels.images}


def _picture(source: _Source, name: str, path: Path, label: ImageRecord | None) -> ImageRecord:
    root, index = source.root, source.index
    views = read_views(root, index, name)
    height, width = views.mask_HW.shape
    if label is not None and (label.width, label.height) != (width, height):
        size = f"{label.width} x {label.height} px, its views {width} x {height}"
        raise InvalidViews(f"{name!r}: the labelled image {label.path} is {size}; accepted is one size")
    images = [image for image in index.images if image.light is not None and image.light.object == name]
    colours_LHW3 = np.stack([load_image(root / image.path) for image in images])
    picture_HW3 = channel_picture(views, colours_LHW3, source.channels)
    _, encoded = cv2.imencode(".png", picture_HW3[..., ::-1])
    path.write_bytes(encoded.tobytes())
    record = scan_image(path.parent, path.name, limits=Limits()).record
    assert record is not None
    if label is None:
        return record
    kept = ("annotations", "labels", "scores", "group", "part", "written_grade")
    return replace(record, **{key: getattr(label, key) for key in kept})
