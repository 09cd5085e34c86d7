"""Image quality: does an image hold what it should, and does it belong to the others?"""

from array import array
from collections.abc import Callable, Iterator
from statistics import median

from truscore.datasets import ImageRecord
from truscore.validation.measures.image_stats import ImageStats
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext

LEAST_TONES = 3.0  # bits of grey levels in a photograph
FEWEST = 10  # images, below which no image is odd


def poor_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images whose grey levels carry next to no information."""
    policy = context.policy
    for path, stats in context.well_lit(lambda stats: stats.entropy):
        if stats.entropy < policy.least_entropy and stats.spread > policy.blank_spread:
            message = f"grey levels carry {stats.entropy:.2f} bits a pixel, accepted from {policy.least_entropy:g}"
            yield Occurrence(message=message, location=path)


def damaged_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images in which JPEG's blocks are seen."""
    for path, stats in context.measured():
        # Pictures of two tones, such as scanned line work, have steps where their lines are, not where blocks end.
        if stats.blockiness > context.policy.blockiness and stats.entropy >= LEAST_TONES:
            message = (
                f"compression shows: steps between 8-pixel blocks are {stats.blockiness:.2f} times those within, "
                f"accepted up to {context.policy.blockiness:g}"
            )
            yield Occurrence(message=message, location=path)


def colourless_images(context: RuleContext) -> Iterator[Occurrence]:
    """Grey pictures stored in colour among coloured ones."""
    tinted = array("d", (stats.colour for _, stats in _in_colour(context)))
    if len(tinted) < FEWEST or median(tinted) <= context.policy.colour_least:
        return
    for image, stats in _in_colour(context):
        if stats.colour < 1.0:
            yield Occurrence(message="image is grey, stored in colour, among coloured ones", location=image.path)


def _in_colour(context: RuleContext) -> Iterator[tuple[ImageRecord, ImageStats]]:
    return (one for one in context.pictures() if one[0].mode not in {"L", "1", "LA", "I;16", "I", "F"})


def odd_sizes(context: RuleContext) -> Iterator[Occurrence]:
    """Images far larger or smaller than the others."""
    for image, ratio in _odd(context, lambda image: max(image.width, image.height), context.policy.odd_size_ratio):
        message = f"image is {image.width}x{image.height} px: {ratio:.1f} times off the set's median size"
        yield Occurrence(message=message, location=image.path)


def odd_aspects(context: RuleContext) -> Iterator[Occurrence]:
    """Images much longer or squarer than the others."""
    for image, ratio in _odd(context, _elongation, context.policy.odd_aspect_ratio):
        message = f"image is {image.width}x{image.height} px: its shape is {ratio:.1f} times off the set's median"
        yield Occurrence(message=message, location=image.path)


def _elongation(image: ImageRecord) -> float:
    return max(image.width, image.height) / min(image.width, image.height)


def _odd(
    context: RuleContext, measure: Callable[[ImageRecord], float], limit: float
) -> Iterator[tuple[ImageRecord, float]]:
    """Images whose measure is off the median by more than the limit, where few are."""
    images = context.index.images
    values = array("d", (float(measure(image)) for image in images if min(image.width, image.height) > 0))
    if len(values) < FEWEST:
        return
    middle = median(values)
    if sum(_off(value, middle) > limit for value in values) > context.policy.odd_share * len(values):
        return
    for image in images:
        if min(image.width, image.height) > 0 and (ratio := _off(float(measure(image)), middle)) > limit:
            yield image, ratio


def _off(value: float, middle: float) -> float:
    return max(value / middle, middle / value)


RULES = (
    Rule(
        id="quality.low_information",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="near-uniform images, whose grey levels carry next to no information",
        why="an empty tray or a lens cap teaches nothing, whatever is drawn on it",
        mend="remove the image, or photograph again",
        check=poor_images,
    ),
    Rule(
        id="quality.compression_damage",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="images in which the 8-pixel blocks of JPEG are seen",
        why="blocks hide fine scratches, and their edges look like wear",
        mend="export again at quality 90 or more, from the original",
        check=damaged_images,
    ),
    Rule(
        id="quality.grey_in_colour",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="grey pictures stored in colour among coloured ones",
        why="colour becomes a hint at where an image comes from",
        mend="photograph in colour, or convert all images to grey",
        check=colourless_images,
    ),
    Rule(
        id="quality.odd_size",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="single images far larger or smaller than the set's median",
        why="they usually come from elsewhere, and one scale does not suit them",
        mend="check where they are from, and export them as the others",
        check=odd_sizes,
    ),
    Rule(
        id="quality.odd_aspect",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="single images much longer or squarer than the set's median",
        why="they were usually cropped or stretched by mistake",
        mend="export them as the others",
        check=odd_aspects,
    ),
)
