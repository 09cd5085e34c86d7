"""The multi-light reader: views of objects, each under its own light, as photometric stereo needs them.

A light's direction is a unit vector from the object: x to the right, y UP, z to the camera. Directions and normal maps
are taken as written; nothing is turned or scaled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from truscore.datasets.formats.multi_light.camera_sources import read_cameras
from truscore.datasets.formats.multi_light.depth_map import read_depth
from truscore.datasets.formats.multi_light.layouts import REFLECTANCE, Views, objects_in
from truscore.datasets.formats.multi_light.object_maps import read_mask, read_normals
from truscore.datasets.formats.multi_light.pairing import Pairing
from truscore.datasets.formats.multi_light.published_cameras import Box
from truscore.datasets.formats.multi_light.reflectance_maps import read_reflectance
from truscore.datasets.index.records import Camera, ImageRecord, Light, LitObject
from truscore.datasets.reading.build_index import build_read_result, no_annotations, report_unlisted, unreadable_dataset
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "multi_light"


def recognise_multi_light(context: ReaderContext) -> bool:
    """Whether some object has images, and lights that are listed or named."""
    return any(views.images for views in objects_in(context.folder, limits=context.limits))


def read_multi_light(context: ReaderContext) -> ReadResult:
    """Read each view with its light, and mask, normals, depth and reflectance of each object; there are no classes."""
    folder, class_names = context.folder, context.class_names
    objects = [views for views in objects_in(folder, limits=context.limits) if views.images]
    if not objects:
        return unreadable_dataset(
            context, "format.multi_light.missing", "no image has a light that a list or its own name tells"
        )
    if class_names:
        text = f"classes {', '.join(class_names)} are given; views under lights have none"
        context.log.add("format.class_names_differ", text)
    context.files_read.update(path for views in objects for path in (*views.maps.files, views.maps.pitch) if path)
    pairing = Pairing(context=context, files=frozenset(folder.pictures))
    for views in objects:
        pairing.add(views)
    report_unlisted(context, {*pairing.lights, *(path for views in objects for path in views.maps.files)})
    reading = build_read_result(
        context,
        format=NAME,
        class_names=(),
        annotate=dict.fromkeys(pairing.lights, no_annotations),
    )
    if reading.index is None:
        return reading
    sizes = {pairing.lights[image.path].object: (image.width, image.height) for image in reading.index.images}
    known = [_object(context, views) for views in objects if views.name in sizes]
    boxes = {lit_object.name: box for lit_object, box in known if box}
    cameras, camera_files = read_cameras(context, sizes, boxes)
    context.files_read.update(camera_files)
    images = tuple(_lit(reading.index.images, pairing.lights, cameras))
    lit_objects = tuple(replace(lit_object, camera=cameras.get(lit_object.name)) for lit_object, _ in known)
    index = replace(reading.index, images=images, objects=lit_objects)
    return replace(reading, index=index, problems=context.log.all())


def _lit(
    images: Iterable[ImageRecord], lights: Mapping[str, Light], cameras: Mapping[str, Camera]
) -> Iterator[ImageRecord]:
    """What several cameras saw stays together, too."""
    for image in images:
        light = lights[image.path]
        camera = cameras.get(light.object)
        group = f"scene {camera.scene}" if camera else f"object {light.object}"
        yield replace(image, light=light, group=group)


def _object(context: ReaderContext, views: Views) -> tuple[LitObject, Box | None]:
    """What is known of it but its camera, and the box of what its mask marks."""
    maps = views.maps
    mask, mask_HW = None, None
    if maps.mask:
        mask, mask_HW = read_mask(context, maps.mask)
    normals = read_normals(context, maps.normals, mask_HW) if maps.normals else None
    if normals is not None and (solver := context.declaration.proposed_normals):
        context.log.add("label.normals_proposed", f"found by {solver!r}, as truscore.json declares", maps.normals)
    depth = read_depth(context, maps.depth, maps.pitch, mask_HW) if maps.depth else None
    named = {what: path for what in REFLECTANCE if (path := getattr(maps, what))}
    reflectance = {what: read_reflectance(context, path, mask_HW, what) for what, path in named.items()}
    lit_object = LitObject(
        name=views.name,
        mask=mask,
        normals=normals,
        depth=depth,
        camera=None,
        response=context.declaration.response,
        **reflectance,
    )
    return lit_object, None if mask_HW is None else _box(mask_HW)


def _box(mask_HW: NDArray[Any]) -> Box | None:
    rows_N, columns_N = mask_HW.nonzero()
    if not len(rows_N):
        return None
    return float(columns_N.min()), float(rows_N.min()), float(columns_N.max()), float(rows_N.max())
