"""What a rule is given: one dataset, read and measured."""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from truscore.datasets import Annotation, DatasetIndex, ImageRecord, LitObject
from truscore.datasets.index.stored_images import StoredMeasurements
from truscore.datasets.shapes.geometry import Box
from truscore.datasets.splitting.grouping import repeated
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.measures.view_shifts import ViewShift
from truscore.validation.policy.expectations import Expectation
from truscore.validation.policy.policy import Policy

Measured = TypeVar("Measured")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedAnnotation:
    """One annotation in its image."""

    image: ImageRecord
    annotation: Annotation
    number: int  # within the image, from 0

    @property
    def location(self) -> str:
        """The image with the annotation's own id, or its place in the image where it has none."""
        return f"{self.image.path}#{self.annotation.source_id or self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleContext:
    """A dataset as the rules see it. Names, sizes and boxes are those of the upright images."""

    index: DatasetIndex
    expectation: Expectation
    image_stats: Mapping[str, ImageStats] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    # By path, of views under many lights that could be held against the others of their object.
    view_shifts: Mapping[str, ViewShift] = field(default_factory=dict)
    # Thirty rules go through all annotations: each is placed once.
    _placed: list[PlacedAnnotation] = field(default_factory=list, init=False, repr=False, compare=False)
    _measured_once: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, measure: "Callable[[RuleContext], Measured]") -> Measured:
        """What `measure` gives for this dataset, taken once however many rules need it."""
        if measure not in self._measured_once:
            self._measured_once[measure] = measure(self)
        return cast("Measured", self._measured_once[measure])

    def annotations(self) -> Iterator[PlacedAnnotation]:
        """Every annotation, image by image."""
        if not isinstance(self.index.images, tuple):
            return _placed_in(self.index.images)
        if not self._placed:
            self._placed.extend(_placed_in(self.index.images))
        return iter(self._placed)

    def instances(self) -> Iterator[PlacedAnnotation]:
        """Every annotation that stands for one object."""
        return (placed for placed in self.annotations() if not placed.annotation.crowd)

    def class_name(self, label: int) -> str:
        """Name of a label from 1; the label itself where no class has it."""
        names = self.index.class_names
        return names[label - 1] if 1 <= label <= len(names) else f"#{label}"

    def measured(self) -> Iterator[tuple[str, ImageStats]]:
        """Path and statistics of every image that could be decoded."""
        return ((image.path, stats) for image, stats in self.pictures())

    def pictures(self) -> Iterator[tuple[ImageRecord, ImageStats]]:
        """Every image that could be decoded, with its statistics."""
        if isinstance(self.image_stats, StoredMeasurements):
            return zip(self.index.images, self.image_stats.values(), strict=True)
        return ((image, self.image_stats[image.path]) for image in self.index.images if image.path in self.image_stats)

    def with_twins(self, key: Callable[[ImageRecord], Hashable]) -> Iterator[tuple[int, ImageRecord]]:
        """Place and record of all images whose key another one has too, and hardly any others."""
        return ((place, self.index.images[place]) for place in self._twins(key))

    def copies(self) -> Iterator[tuple[int, ImageRecord]]:
        """As with_twins, of files that are byte for byte the same."""
        return ((place, self.index.images[place]) for place in self.once(_places_of_copies))

    def _twins(self, key: Callable[[ImageRecord], Hashable]) -> "array[int]":
        import numpy as np

        images = self.index.images
        again_N = repeated(np.fromiter((hash(key(image)) for image in images), dtype=np.int64, count=len(images)))
        return array("I", np.flatnonzero(again_N).tolist())

    def unlit(self) -> Iterator[tuple[str, ImageStats]]:
        """As measured(), without views under single lights: of an object on black ground the mean means nothing."""
        lit = {image.path for image in self.index.images if image.light is not None}
        return ((path, stats) for path, stats in self.measured() if path not in lit)

    def well_lit(self, by: Callable[[ImageStats], float]) -> Iterator[tuple[str, ImageStats]]:
        """As measured(), but of each object under many lights only the view that is best by this measure.

        Lit from one side an object is dark by design: it is ill exposed only where every view of it is.
        """
        lights = {image.path: image.light for image in self.index.images if image.light is not None}
        best: dict[str, tuple[str, ImageStats]] = {}
        for path, stats in self.measured():
            light = lights.get(path)
            if light is None:
                yield path, stats
            elif light.object not in best or by(stats) > by(best[light.object][1]):
                best[light.object] = path, stats
        yield from best.values()

    def views(self) -> Iterator[tuple[LitObject, list[ImageRecord]]]:
        """Each object under many lights, with its images."""
        if not self.index.objects:
            return iter(())
        found: dict[str, list[ImageRecord]] = {lit_object.name: [] for lit_object in self.index.objects}
        for image in self.index.images:
            if image.light is not None and image.light.object in found:
                found[image.light.object].append(image)
        return ((lit_object, found[lit_object.name]) for lit_object in self.index.objects)

    @property
    def is_photometric(self) -> bool:
        """Whether it is a set of views under lights, for a category that learns from them."""
        return bool(self.index.objects) and self.expectation.learns_from_lights

    def unannotated(self) -> Iterator[ImageRecord]:
        """Images without annotation. Views under lights are annotated by these, where that is what is learnt from."""
        images = (image for image in self.index.images if not image.is_annotated)
        return (image for image in images if image.light is None or not self.is_photometric)

    def unannotated_count(self) -> int:
        """How many those are."""
        return self.once(_count_unannotated)


def _places_of_copies(context: RuleContext) -> "array[int]":
    return context._twins(lambda image: image.sha256)


def _count_unannotated(context: RuleContext) -> int:
    return sum(1 for _ in context.unannotated())


def _placed_in(images: Iterable[ImageRecord]) -> Iterator[PlacedAnnotation]:
    return (
        PlacedAnnotation(image=image, annotation=annotation, number=number)
        for image in images
        for number, annotation in enumerate(image.annotations)
    )


def same_object(one: ImageRecord, other: ImageRecord) -> bool:
    """Whether two images are views of one object under different lights, which have to look alike."""
    return one.light is not None and other.light is not None and one.light.object == other.light.object


def frame(image: ImageRecord) -> Box:
    """The image as a box."""
    return (0.0, 0.0, float(image.width), float(image.height))
