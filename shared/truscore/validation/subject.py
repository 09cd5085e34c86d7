"""What the rules look at: one dataset, read and measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from truscore.datasets import Annotation, DatasetIndex, ImageRecord
from truscore.validation.expectations import Expectation
from truscore.validation.geometry import Box
from truscore.validation.pixels import Pixels
from truscore.validation.policy import Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """One annotation in its image."""

    image: ImageRecord
    annotation: Annotation
    number: int  # within the image, from 0

    @property
    def location(self) -> str:
        """The image with the annotation's own id, or its place in the image where it has none."""
        return f"{self.image.path}#{self.annotation.source_id or self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A dataset as the rules see it. Names, sizes and boxes are those of the upright images."""

    index: DatasetIndex
    expectation: Expectation
    pixels: Mapping[str, Pixels] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    # Thirty rules go through all annotations: each is placed once.
    _placed: list[Placed] = field(default_factory=list, init=False, repr=False, compare=False)

    def annotations(self) -> Iterator[Placed]:
        """Every annotation, image by image."""
        if not self._placed:
            self._placed.extend(
                Placed(image=image, annotation=annotation, number=number)
                for image in self.index.images
                for number, annotation in enumerate(image.annotations)
            )
        return iter(self._placed)

    def instances(self) -> Iterator[Placed]:
        """Every annotation that stands for one object."""
        return (placed for placed in self.annotations() if not placed.annotation.crowd)

    def class_name(self, label: int) -> str:
        """Name of a label from 1; the label itself where no class has it."""
        names = self.index.class_names
        return names[label - 1] if 1 <= label <= len(names) else f"#{label}"

    def measured(self) -> Iterator[tuple[str, Pixels]]:
        """Path and statistics of every image that could be decoded."""
        return ((image.path, self.pixels[image.path]) for image in self.index.images if image.path in self.pixels)


def frame(image: ImageRecord) -> Box:
    """The image as a box."""
    return (0.0, 0.0, float(image.width), float(image.height))
