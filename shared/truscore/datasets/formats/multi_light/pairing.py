"""Which light each view was taken under. Knows names, lists and numbers; opens no image."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from truscore.datasets.formats.json_values import LEFT_OUT
from truscore.datasets.formats.multi_light.layouts import RTI, Views
from truscore.datasets.formats.multi_light.light_lists import (
    LightList,
    directions_in,
    images_in,
    intensities_in,
    read_light_text,
    rti_directions_in,
    rti_images_in,
)
from truscore.datasets.formats.multi_light.near_lights import (
    NEAR,
    mean_distance_mm,
    near_directions_in,
    near_intensities_in,
)
from truscore.datasets.index.records import Light
from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.references import is_escape


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairing:
    """Light by path of the view, gathered object by object; what does not add up is reported."""

    context: ReaderContext
    files: frozenset[str]
    lights: dict[str, Light] = field(default_factory=dict)
    # One list may hold for many objects: it is read, and its faults are reported, once.
    _read: dict[str, LightList | None] = field(default_factory=dict)

    def add(self, views: Views) -> None:
        """Note the light of each of the object's views."""
        if views.named:
            self._add_named(views)
            return
        directions, intensities = self._lights(views)
        images = self._in_order(views)
        # Of lists that do not match nobody knows which light belongs to which image.
        directions = self._matching(directions, views.directions, views, len(images))
        intensities = self._matching(intensities, views.intensities, views, len(images))
        for place, path in enumerate(images):
            direction, intensity = (found.vectors[place] if found else None for found in (directions, intensities))
            self._note(path, Light(object=views.name, direction=direction, intensity_rgb=intensity), views.listing)

    def _lights(self, views: Views) -> tuple[LightList | None, LightList | None]:
        if name_of(views.directions).lower() == NEAR:
            return self._near(views.directions)
        rti = suffix_of(views.directions) == RTI
        directions = self._list(views.directions, rti_directions_in if rti else directions_in)
        return directions, self._list(views.intensities, intensities_in) if views.intensities else None

    def _near(self, path: str) -> tuple[LightList | None, LightList | None]:
        text = read_light_text(self.context, path)
        if text is None:
            return None, None
        directions = near_directions_in(text)
        self._report(path, directions)
        left_out = f"lamps {mean_distance_mm(text):g} mm from the object: read are their directions from its middle"
        self.context.log.add(LEFT_OUT, f"{left_out}, not how light falls off and turns over it", path)
        return directions, near_intensities_in(text)

    def _add_named(self, views: Views) -> None:
        for name, count in sorted(Counter(views.named.values()).items()):
            if count > 1:
                text = f"{count} images of {views.name!r} are named {name!r}; accepted is one for each light"
                self.context.log.add("format.multi_light.count", text, views.images[0])
        for path, name in views.named.items():
            self._note(path, Light(object=views.name, name=name), "")

    def _note(self, path: str, light: Light, listing: str) -> None:
        if path in self.lights:
            self.context.log.add("format.duplicate_image", f"{listing} names it again; the first light is used", path)
        elif path:
            self.lights[path] = light

    def _list(self, path: str, parse: Callable[[str], LightList]) -> LightList | None:
        if path not in self._read:
            text = read_light_text(self.context, path)
            self._read[path] = None if text is None else parse(text)
            self._report(path, self._read[path])
        return self._read[path]

    def _report(self, path: str, found: LightList | None) -> None:
        for fault in found.faults if found else ():
            self.context.log.add(fault.code, f"line {fault.line}: {fault.text}", f"{path}#{fault.line}")
        if found and found.declared is not None and found.declared != len(found.vectors):
            text = f"its first line declares {found.declared} lights, {len(found.vectors)} follow"
            self.context.log.add("format.multi_light.count", text, path)

    def _matching(self, found: LightList | None, path: str, views: Views, images: int) -> LightList | None:
        if found is None or len(found.vectors) == images:
            return found
        text = f"{len(found.vectors)} lights for {images} images of {views.name!r}; which is which is not known"
        self.context.log.add("format.multi_light.count", text, path)
        return None

    def _in_order(self, views: Views) -> Sequence[str]:
        """The images in the order of their lights, "" for one that is not there."""
        if not views.listing:
            if not views.numbered:
                text = f"no list of images: {len(views.images)} were taken in the order of their names"
                self.context.log.add("format.multi_light.no_list", text, views.images[0])
            return views.images
        content = read_light_text(self.context, views.listing)
        names_in = rti_images_in if suffix_of(views.listing) == RTI else images_in
        named = () if content is None else names_in(content)
        if not views.numbered and content is not None:
            return [self._listed(name, line, views) for line, name in named]
        known = {name_of(path) for path in (*views.images, views.maps.mask, views.maps.normals, views.maps.depth)}
        for line, name in named:
            # A text that is called like the object may say anything.
            if suffix_of(name) in IMAGE_SUFFIXES and name_of(name.replace("\\", "/")) not in known:
                self._missing(name, line, views)
        return views.images

    def _listed(self, name: str, line: int, views: Views) -> str:
        written = name.replace("\\", "/")
        if is_escape(written):
            text = f"{name!r} is absolute or climbs out of the dataset"
            self.context.log.add("format.path_escape", text, f"{views.listing}#{line}")
            return ""
        for place in (views.folder_path, f"{views.folder_path}images/"):
            path = posixpath.normpath(place + written)
            if path in self.files:
                return path
        # RTIBuilder writes the list into a folder of its own, beside that of the images.
        named = [path for path in views.images if name_of(path) == name_of(written)]
        if len(named) == 1:
            return named[0]
        self._missing(name, line, views)
        return ""

    def _missing(self, name: str, line: int, views: Views) -> None:
        self.context.log.add("format.image_missing", f"image {name!r} is not in the dataset", f"{views.listing}#{line}")
