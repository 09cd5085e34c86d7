"""Which annotation formats there are, how each is recognised and read. A further format is one more row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from truscore.datasets.formats.choice import choose_format
from truscore.datasets.formats.class_folders.reader import read_class_folders, recognise_class_folders
from truscore.datasets.formats.coco.reader import read_coco, recognise_coco
from truscore.datasets.formats.coco_panoptic.reader import read_coco_panoptic, recognise_coco_panoptic
from truscore.datasets.formats.create_ml.reader import read_create_ml, recognise_create_ml
from truscore.datasets.formats.csv.reader import read_csv, recognise_csv
from truscore.datasets.formats.cvat.reader import read_cvat, recognise_cvat
from truscore.datasets.formats.darwin.reader import read_darwin, recognise_darwin
from truscore.datasets.formats.datumaro.reader import read_datumaro, recognise_datumaro
from truscore.datasets.formats.deeppcb.reader import read_deeppcb, recognise_deeppcb
from truscore.datasets.formats.dota.reader import read_dota, recognise_dota
from truscore.datasets.formats.format import Format
from truscore.datasets.formats.image_folder.reader import read_image_folder, recognise_image_folder
from truscore.datasets.formats.label_studio.reader import read_label_studio, recognise_label_studio
from truscore.datasets.formats.labelbox.reader import read_labelbox, recognise_labelbox
from truscore.datasets.formats.labelme.reader import read_labelme, recognise_labelme
from truscore.datasets.formats.masks.reader import read_masks, recognise_masks
from truscore.datasets.formats.multi_light.reader import read_multi_light, recognise_multi_light
from truscore.datasets.formats.nearest import kinds_seen, nearest_formats
from truscore.datasets.formats.open_images.reader import read_open_images, recognise_open_images
from truscore.datasets.formats.plain_images.reader import read_plain_images
from truscore.datasets.formats.run_lengths.reader import read_run_lengths, recognise_run_lengths
from truscore.datasets.formats.sagemaker.reader import read_sagemaker, recognise_sagemaker
from truscore.datasets.formats.supervisely.reader import read_supervisely, recognise_supervisely
from truscore.datasets.formats.truscore.reader import read_truscore, recognise_truscore
from truscore.datasets.formats.via.reader import read_via, recognise_via
from truscore.datasets.formats.voc.reader import read_voc, recognise_voc
from truscore.datasets.formats.yolo.reader import read_yolo, recognise_yolo
from truscore.datasets.images.scan import ScanOptions
from truscore.datasets.index.class_map import InvalidClassMap, apply_class_map, class_map
from truscore.datasets.limits import Limits
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.declaration import DECLARATION_FILE, Declaration, read_declaration
from truscore.datasets.reading.folder import list_folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.unread_files import report_derived_pictures, report_unread_files
from truscore.datasets.splitting.declared_groups import with_declared_groups

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        row.name: row
        for row in (
            Format(
                name="truscore",
                title="The system's own index",
                recognise=recognise_truscore,
                read=read_truscore,
            ),
            # What a person drew stands before what may have been exported from it.
            Format(name="labelme", title="LabelMe shapes and flags", recognise=recognise_labelme, read=read_labelme),
            Format(name="cvat", title="CVAT for images and video (XML)", recognise=recognise_cvat, read=read_cvat),
            Format(
                name="label_studio",
                title="Label Studio tasks (JSON, JSON-MIN)",
                recognise=recognise_label_studio,
                read=read_label_studio,
            ),
            Format(name="coco", title="COCO instances (JSON)", recognise=recognise_coco, read=read_coco),
            Format(name="voc", title="Pascal VOC boxes (XML)", recognise=recognise_voc, read=read_voc),
            Format(
                name="coco_panoptic",
                title="COCO panoptic segmentation (JSON with pictures)",
                recognise=recognise_coco_panoptic,
                read=read_coco_panoptic,
            ),
            Format(
                name="supervisely",
                title="Supervisely projects (JSON)",
                recognise=recognise_supervisely,
                read=read_supervisely,
            ),
            Format(name="datumaro", title="Datumaro (JSON)", recognise=recognise_datumaro, read=read_datumaro),
            Format(
                name="create_ml", title="Create ML boxes (JSON)", recognise=recognise_create_ml, read=read_create_ml
            ),
            Format(
                name="sagemaker",
                title="SageMaker Ground Truth (manifest)",
                recognise=recognise_sagemaker,
                read=read_sagemaker,
            ),
            Format(name="labelbox", title="Labelbox (NDJSON)", recognise=recognise_labelbox, read=read_labelbox),
            Format(name="darwin", title="V7 Darwin (JSON)", recognise=recognise_darwin, read=read_darwin),
            Format(
                name="image_folder",
                title="Hugging Face image folders (metadata.jsonl)",
                recognise=recognise_image_folder,
                read=read_image_folder,
            ),
            Format(name="dota", title="DOTA turned boxes (text)", recognise=recognise_dota, read=read_dota),
            Format(
                name="open_images",
                title="Open Images boxes (CSV)",
                recognise=recognise_open_images,
                read=read_open_images,
            ),
            Format(
                name="run_lengths",
                title="Masks as run lengths (CSV)",
                recognise=recognise_run_lengths,
                read=read_run_lengths,
            ),
            Format(name="via", title="VGG Image Annotator (JSON, CSV)", recognise=recognise_via, read=read_via),
            Format(name="deeppcb", title="DeepPCB pairs", recognise=recognise_deeppcb, read=read_deeppcb),
            Format(name="yolo", title="YOLO boxes and polygons", recognise=recognise_yolo, read=read_yolo),
            Format(name="csv", title="CSV labels, scores and boxes", recognise=recognise_csv, read=read_csv),
            Format(
                name="multi_light",
                title="Views under many lights, for photometric stereo",
                recognise=recognise_multi_light,
                read=read_multi_light,
                annotates=False,
            ),
            Format(
                name="masks",
                title="Images with masks",
                recognise=recognise_masks,
                read=read_masks,
                annotates=False,
            ),
            Format(
                name="folder",
                title="Image folders by class or grade",
                recognise=recognise_class_folders,
                read=read_class_folders,
                annotates=False,
            ),
        )
    }
)


def recognise_format(root: Path, *, limits: Limits | None = None) -> str:
    """The name of the dataset's format, or "" where no known one is recognised, or where several fit alike."""
    limits, log = limits or Limits(), ProblemLog(limit=0)
    folder = list_folder(root, limits=limits, log=log)
    context = ReaderContext(folder=folder, limits=limits, log=log)
    choice = choose_format(context, tuple(FORMATS.values()))
    return read_declaration(folder, log).format or ("" if choice.question else choice.name)


def read_dataset(
    root: Path,
    *,
    format: str = "",
    class_names: Sequence[str] = (),
    limits: Limits | None = None,
    scan_options: ScanOptions | None = None,
    declaration: Declaration | None = None,
) -> ReadResult:
    """Read a dataset's folder into one index. Bad data never raises: it is among the problems.

    Without a `declaration` that of the folder's `truscore.json` holds.

    `scan_options.measure` is called with each image's path and picture (upright RGB) in a worker thread, so that
    whoever measures images need not decode them again; what it returns is in the result's `measurements`.
    """
    limits = limits or Limits()
    log = ProblemLog(limit=limits.problems_per_code)
    if not root.is_dir():
        log.add("format.empty", f"{root.name!r} is not a folder")
        return ReadResult(index=None, problems=log.all())
    folder = list_folder(root, limits=limits, log=log)
    if not folder.files:
        log.add("format.empty", "the dataset holds no files")
        return ReadResult(index=None, problems=log.all())
    declaration = declaration or read_declaration(folder, log)
    report_unread_files(folder, log)
    context = ReaderContext(
        folder=folder,
        class_names=tuple(class_names) or declaration.classes,
        declaration=declaration,
        limits=limits,
        log=log,
        scan_options=scan_options or ScanOptions(),
    )
    choice = choose_format(context, tuple(FORMATS.values()))
    wanted = format or declaration.format
    name = wanted or choice.name
    if name not in FORMATS:
        accepted = f"accepted are: {', '.join(FORMATS)}"
        # What was seen leaves no room for the formats, which the rule's remedy lists.
        seen = f"no format recognised in {kinds_seen(context)}"
        log.add("format.unrecognised", f"format {wanted!r} is not known; {accepted}" if wanted else seen)
        for near in () if wanted else nearest_formats(context):
            text = f"nearest is {near.format}: {near.failed}. To have it read so: {near.change}"
            log.add("format.nearest", text, near.place)
        return read_plain_images(context)
    if choice.question and not wanted:
        log.add("format.ambiguous", choice.question)
    others = [other for other in (choice.name, *choice.others) if other not in {name, ""} and FORMATS[other].annotates]
    if others and (wanted or not choice.question):
        log.add("format.several_formats", f"read as {name}; annotations of {', '.join(others)} lie there too")
    reading = FORMATS[name].read(context)
    report_derived_pictures(context)
    return _grouped(_mapped(replace(reading, problems=log.all()), declaration, log), declaration, log)


def _mapped(reading: ReadResult, declaration: Declaration, log: ProblemLog) -> ReadResult:
    """With the classes that the declaration maps the dataset's to."""
    if not declaration.class_map or reading.index is None:
        return reading
    try:
        index = apply_class_map(reading.index, class_map(declaration.class_map))
    except InvalidClassMap as refusal:
        log.add("format.class_map", str(refusal), DECLARATION_FILE)
        return replace(reading, problems=log.all())
    return replace(reading, index=index)


def _grouped(reading: ReadResult, declaration: Declaration, log: ProblemLog) -> ReadResult:
    """With the groups that the declaration names."""
    if not declaration.groups or reading.index is None:
        return reading
    index, problems = with_declared_groups(reading.index, declaration.groups)
    for problem in problems:
        log.add("format.declaration", problem, DECLARATION_FILE)
    return replace(reading, index=index, problems=log.all())
