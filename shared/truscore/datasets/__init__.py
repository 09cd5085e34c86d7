"""Datasets as one index. Knows files, images and annotation formats; knows nothing of stores, events or training."""

from truscore.datasets.formats.format import Format
from truscore.datasets.formats.registry import FORMATS, read_dataset, recognise_format
from truscore.datasets.images.decode import UnreadableImage, load_image
from truscore.datasets.images.file_states import FileReuse
from truscore.datasets.images.perceptual_hash import hamming, near_duplicates
from truscore.datasets.images.scan import ScanOptions
from truscore.datasets.images.scan_cache import ScanCache
from truscore.datasets.index.class_map import ClassMap, InvalidClassMap, apply_class_map, class_map, class_map_from_json
from truscore.datasets.index.json_codec import InvalidIndex, index_digest, index_from_json, index_to_json, write_index
from truscore.datasets.index.records import (
    RLE,
    Annotation,
    DatasetIndex,
    DepthMap,
    ImageRecord,
    Light,
    LitObject,
    MaskMap,
    NormalMap,
)
from truscore.datasets.limits import Limits
from truscore.datasets.reading.declaration import DECLARATION_FILE, Declaration, declaration_to_json
from truscore.datasets.reading.problems import CODES, Problem
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.shapes.masks import annotation_mask, mask_to_rle
from truscore.datasets.splitting.folds import fold_dataset, sample_dataset
from truscore.datasets.splitting.split import InvalidSplit, Split, split_dataset, split_from_json, split_to_json

__all__ = [
    "CODES",
    "DECLARATION_FILE",
    "FORMATS",
    "RLE",
    "Annotation",
    "ClassMap",
    "DatasetIndex",
    "Declaration",
    "DeclaredImage",
    "DepthMap",
    "FileReuse",
    "Format",
    "ImageRecord",
    "InvalidClassMap",
    "InvalidIndex",
    "InvalidSplit",
    "Light",
    "Limits",
    "LitObject",
    "MaskMap",
    "NormalMap",
    "Problem",
    "ReadResult",
    "ScanCache",
    "ScanOptions",
    "Split",
    "UnreadableImage",
    "annotation_mask",
    "apply_class_map",
    "class_map",
    "class_map_from_json",
    "declaration_to_json",
    "fold_dataset",
    "hamming",
    "index_digest",
    "index_from_json",
    "index_to_json",
    "load_image",
    "mask_to_rle",
    "near_duplicates",
    "read_dataset",
    "recognise_format",
    "sample_dataset",
    "split_dataset",
    "split_from_json",
    "split_to_json",
    "write_index",
]
