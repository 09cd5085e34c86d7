"""The multi-light reader: views of objects, each under its own light, as photometric stereo needs them.

A light's direction is a unit vector from the object: x to the right, y UP, z to the camera. Directions and normal maps
are taken as written; nothing is turned or scaled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from truscore.datasets.formats.multi_light.layouts import MapFiles, Views, objects_in
from truscore.datasets.formats.multi_light.object_maps import read_mask, read_normals
from truscore.datasets.formats.multi_light.pairing import Pairing
from truscore.datasets.index.records import ImageRecord, Light, LitObject
from truscore.datasets.reading.build_index import assemble, nothing_marked, report_faulty_images, report_unlisted
from truscore.datasets.reading.declaration import Declaration
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import Limits, Reading

if TYPE_CHECKING:
    from truscore.datasets.images.scan import Look

NAME = "multi_light"


def recognise_multi_light(folder: Folder, limits: Limits) -> bool:
    """Whether some object has images, and lights that are listed or named."""
    return any(views.images for views in objects_in(folder))


def read_multi_light(
    folder: Folder,
    *,
    class_names: Sequence[str],
    limits: Limits,
    log: ProblemLog,
    look: Look | None = None,
    declaration: Declaration,
) -> Reading:
    """Read every view with its light, and the mask and normal map of every object. There are no classes."""
    objects = [views for views in objects_in(folder) if views.images]
    if not objects:
        log.add("format.multi_light.missing", "no image has a light that a list or its own name tells")
        report_faulty_images(folder, limits=limits, log=log)
        return Reading(index=None, problems=log.all())
    if class_names:
        text = f"classes {', '.join(class_names)} are given; views under lights have none"
        log.add("format.class_names_differ", text)
    pairing = Pairing(folder=folder, limits=limits, log=log, files=frozenset(folder.images))
    for views in objects:
        pairing.add(views)
    report_unlisted(folder, {*pairing.lights, *(path for views in objects for path in _files(views.maps))}, log)
    reading = assemble(
        folder,
        format=NAME,
        class_names=(),
        annotate=dict.fromkeys(pairing.lights, nothing_marked),
        declared={},
        limits=limits,
        log=log,
        look=look,
    )
    if reading.index is None:
        return reading
    images = tuple(_lit(reading.index.images, pairing.lights))
    seen = {image.light.object for image in images if image.light}
    things = tuple(_object(folder, views, declaration, limits, log) for views in objects if views.name in seen)
    index = replace(reading.index, images=images, objects=things)
    return replace(reading, index=index, problems=log.all())


def _files(maps: MapFiles) -> Iterable[str]:
    return (maps.mask, maps.normals, *maps.beside)


def _lit(images: Iterable[ImageRecord], lights: Mapping[str, Light]) -> Iterator[ImageRecord]:
    for image in images:
        light = lights[image.path]
        yield replace(image, light=light, group=f"object {light.object}")


def _object(folder: Folder, views: Views, declaration: Declaration, limits: Limits, log: ProblemLog) -> LitObject:
    maps = views.maps
    for path in maps.unread:
        instead = f"{maps.normals} is used" if maps.normals else "save the normals as normals.npy or Normal_gt.png"
        log.add("format.multi_light.mat_unread", f"files of MATLAB are not read; {instead}", path)
    mask, mask_HW = None, None
    if maps.mask:
        mask, mask_HW = read_mask(folder.root, maps.mask, declaration.mask_threshold, limits, log)
    normals = read_normals(folder.root, maps.normals, mask_HW, limits, log) if maps.normals else None
    return LitObject(name=views.name, mask=mask, normals=normals)
