"""`contract.json`: what an engine has to know to feed a model and to read it. Its shape is published as
`docs/model-contract.schema.json`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from truscore.catalog.export_formats import FORMATS

from services.exporter.release import Release, Signature, Tensor

SCHEMA = "truscore.model-contract/1"
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "image": "intensity from 0 to 1",
        "views": "linear intensity",
        "black_level": "linear intensity",
        "lights": "unit vector",
        "light_directions": "unit vector",
        "light_intensities": "share of the typical light",
        "normals": "unit vector",
        "depth": "micrometre",
        "pitch_um": "micrometre",
        "intrinsics": "pixel",
        "rotation": "unit vector",
        "translation": "micrometre",
        "depth_range": "micrometre",
        "albedo": "linear intensity",
        "roughness": "alpha of GGX",
        "f0": "linear intensity",
        "roughness_confidence": "probability",
        "present": "0 or 1",
        "mask": "0 or 1",
        "boxes": "pixel",
        "corners": "pixel",
        "line_deviation": "pixel",
        "labels": "class",
        "grade_index": "class",
        "centring": "percent",
        "centring_deviation": "percentage point",
        "masks": "probability",
        "probabilities": "probability",
        "line_confidence": "probability",
    }
)
BEFORE = (
    "decode the picture",
    "apply its EXIF orientation, so that it stands upright",
    "three channels in the order red, green, blue, channels first",
    "divide by 255, as float32; any height and width, no resizing, no normalisation",
)
BEFORE_VIEWS = (
    "decode each view to its 8 or 16 bits a colour, apply its EXIF orientation; views lie on each other to the pixel",
    "divide by the largest number that a file holds, as float32; undo a gamma, so that twice the light is twice the "
    "number",
    "divide each colour by its light's intensity in that colour, channels first in the order red, green, blue",
    "look for a black level over all views (truscore.photometric_stereo.find_black_level), divided likewise; 0 where "
    "none explains the views clearly better",
    "where directions were measured roughly, refit them to the views (truscore.photometric_stereo.refit_lights), which "
    "leaves exact ones as they are",
)
# Of a model that finds the lights itself.
BEFORE_UNMEASURED_VIEWS = (
    *BEFORE_VIEWS[:2],
    "channels first in the order red, green, blue; nothing is divided out and no black level taken off",
)
OF_VIEWS = ("normal_estimation", "depth_estimation", "reflectance_estimation")
CENTRING = (
    "map the card's four corners to the unit square, and the printed border's corners with them; left and top margin "
    "are the mean distances of its left and upper corners from the square's left and upper side, right and bottom the "
    "others from theirs, none below 0; centring is 100 left / (left + right) and 100 top / (top + bottom)"
)


def contract_of(release: Release) -> dict[str, Any]:
    """As plain values for JSON. All files of a release have one signature: that of its checkpoint."""
    signature = release.artifacts[0].signature
    graded = signature.task == "ordinal_classification"
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "model_id": release.model_id,
        "version": release.version,
        "run_id": release.run_id,
        "task": signature.task,
        "files": [
            {
                "format": each.format,
                "file_name": each.file_name,
                "runtime": FORMATS[each.format].runtime if each.format in FORMATS else "",
                "sha256": each.sha256,
                "size_bytes": each.size_bytes,
                "notes": dict(each.notes),
            }
            for each in release.artifacts
        ],
        "inputs": [_tensor(each, signature.task) for each in signature.inputs],
        "outputs": [_tensor(each, signature.task) for each in signature.outputs],
        "classes": [
            {"label": place, "name": name} for place, name in enumerate(signature.class_names, _first(signature.task))
        ],
        "thresholds": dict(signature.thresholds),
        "before": list(_before(signature)),
        "after": [],
    }
    if graded:
        document["grade_scale"] = list(signature.class_names)
    if release.category == "border_detection":
        document["centring"] = {"unit": "percent", "formula": CENTRING}
    return document


def _before(signature: Signature) -> tuple[str, ...]:
    if signature.task not in OF_VIEWS:
        return BEFORE
    return BEFORE_VIEWS if any(each.name == "lights" for each in signature.inputs) else BEFORE_UNMEASURED_VIEWS


def _first(task: str) -> int:
    """What the first class is called by in the outputs: detectors and masks keep 0 for none of the classes."""
    return 1 if task in {"detection", "instance_segmentation", "semantic_segmentation"} else 0


def _tensor(tensor: Tensor, task: str) -> dict[str, Any]:
    unit = UNITS.get(tensor.name, "of the dataset" if task == "regression" else "probability")
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": [int(length) if length.isdecimal() else length for length in tensor.shape],
        "unit": unit,
        "meaning": tensor.meaning,
    }
