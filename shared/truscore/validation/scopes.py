"""Which rules look at one image only, and at how much of it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """The least that a rule has to see."""

    SHAPE = "shape"  # one annotation and the size of its image
    IMAGE = "image"  # all that is drawn on one image, and its size
    PICTURE = "picture"  # the pixels of one image


# Rules that are not here compare images, or are the reader's.
SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        "label.unknown_category": Scope.SHAPE,
        "label.empty_box": Scope.SHAPE,
        "label.short_polygon": Scope.SHAPE,
        "label.invalid_rle": Scope.SHAPE,
        "label.not_finite": Scope.SHAPE,
        "label.tiny_box": Scope.SHAPE,
        "label.box_outside": Scope.SHAPE,
        "label.box_leaves_image": Scope.SHAPE,
        "label.crossing_polygon": Scope.SHAPE,
        "label.box_misses_polygon": Scope.SHAPE,
        "label.loose_box": Scope.SHAPE,
        "label.box_misses_mask": Scope.SHAPE,
        "label.polygon_leaves_image": Scope.SHAPE,
        "label.crowd_outline": Scope.SHAPE,
        "coverage.whole_image_box": Scope.SHAPE,
        "geometry.not_quadrilateral": Scope.SHAPE,
        "geometry.bent_border": Scope.SHAPE,
        "geometry.card_aspect": Scope.SHAPE,
        "label.duplicate_instance": Scope.IMAGE,
        "label.conflicting_labels": Scope.IMAGE,
        "label.borders_not_nested": Scope.IMAGE,
        "coverage.border_missing": Scope.IMAGE,
        "coverage.crowded_image": Scope.IMAGE,
        "geometry.border_outside_card": Scope.IMAGE,
        "geometry.implausible_centring": Scope.IMAGE,
        "geometry.stray_corner": Scope.IMAGE,
        "quality.small_image": Scope.IMAGE,
        "quality.stretched_image": Scope.IMAGE,
        "quality.rotated_image": Scope.IMAGE,
        "image.several_pictures": Scope.IMAGE,
        "quality.blank_image": Scope.PICTURE,
        "quality.dark_image": Scope.PICTURE,
        "quality.bright_image": Scope.PICTURE,
        "quality.compression_damage": Scope.PICTURE,
        "quality.blurred_image": Scope.PICTURE,
        "quality.low_contrast": Scope.PICTURE,
        "quality.low_information": Scope.PICTURE,
    }
)
# Of an object under many lights these take its best view: a single one says nothing.
OF_BEST_VIEW = frozenset({"quality.blurred_image", "quality.low_contrast", "quality.low_information"})
