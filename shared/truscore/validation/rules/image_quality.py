"""Image quality: can the pixels teach what they are meant to?"""

from collections import Counter
from collections.abc import Iterator

from truscore.datasets import ImageRecord
from truscore.validation.measures.near_duplicates import near_links
from truscore.validation.measures.thumbnails import similarity
from truscore.validation.rule import Family, Occurrence, Rule, Severity
from truscore.validation.rule_context import RuleContext, same_object


def blank_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images of one tone."""
    for path, stats in context.measured():
        if stats.spread <= context.policy.blank_spread:
            yield Occurrence(message=f"image is one even tone of about {stats.mean:.0f}", location=path)


def blurred_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images without sharp edges."""
    policy = context.policy
    for path, stats in context.well_lit(lambda stats: stats.sharpness / max(stats.spread, 1.0) ** 2):
        ratio = stats.sharpness / max(stats.spread, 1.0) ** 2
        if stats.spread > policy.least_spread and ratio < policy.blur_ratio:
            message = f"image is blurred: sharpness {ratio:.1e} of its contrast, sharp is from {policy.blur_ratio:.0e}"
            yield Occurrence(message=message, location=path)


def dark_images(context: RuleContext) -> Iterator[Occurrence]:
    """Underexposed images."""
    for path, stats in context.unlit():
        if stats.mean < context.policy.dark_mean and stats.spread > context.policy.blank_spread:
            message = f"image is too dark: mean {stats.mean:.0f}, accepted from {context.policy.dark_mean:g} of 255"
            yield Occurrence(message=message, location=path)


def bright_images(context: RuleContext) -> Iterator[Occurrence]:
    """Overexposed images."""
    for path, stats in context.measured():
        if stats.mean > context.policy.bright_mean and stats.spread > context.policy.blank_spread:
            message = (
                f"image is too bright: mean {stats.mean:.0f}, accepted up to {context.policy.bright_mean:g} of 255"
            )
            yield Occurrence(message=message, location=path)


def flat_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images of low contrast."""
    policy = context.policy
    for path, stats in context.well_lit(lambda stats: stats.spread):
        if policy.blank_spread < stats.spread <= policy.least_spread:
            message = f"contrast is low: tones span {stats.spread:.0f} of 255, accepted above {policy.least_spread:g}"
            yield Occurrence(message=message, location=path)


def small_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images too small for a network."""
    least = context.policy.least_side_px
    for image in context.index.images:
        if min(image.width, image.height) < least:
            message = f"image is {image.width}x{image.height} px: each side needs at least {least}"
            yield Occurrence(message=message, location=image.path)


def stretched_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images far longer than wide."""
    for image in context.index.images:
        sides = sorted((image.width, image.height))
        if sides[0] > 0 and sides[1] / sides[0] > context.policy.aspect_ratio:
            message = (
                f"image is {image.width}x{image.height} px: longer than {context.policy.aspect_ratio:g} times its width"
            )
            yield Occurrence(message=message, location=image.path)


def mixed_sizes(context: RuleContext) -> Iterator[Occurrence]:
    """Images of very different size."""
    images = (image for image in context.index.images if image.width and image.height)
    first = next(images, None)
    if first is None:
        return
    small = large = first
    for image in images:
        small = image if _longer(image) < _longer(small) else small
        large = image if _longer(image) > _longer(large) else large
    if _longer(large) > context.policy.size_ratio * _longer(small):
        yield Occurrence(
            message=f"sizes run from {small.width}x{small.height} to {large.width}x{large.height} px: more than "
            f"{context.policy.size_ratio:g} to 1",
            location=small.path,
        )


def _longer(image: ImageRecord) -> int:
    return max(image.width, image.height)


def mixed_modes(context: RuleContext) -> Iterator[Occurrence]:
    """Grey and colour images in one set."""
    modes = Counter(image.mode for image in context.index.images)
    if len(modes) > 1:
        common, _ = modes.most_common(1)[0]
        odd = next(image.path for image in context.index.images if image.mode != common)
        counts = ", ".join(f"{count} {mode}" for mode, count in modes.most_common())
        yield Occurrence(message=f"pixel modes are mixed: {counts}", location=odd)


def rotated_images(context: RuleContext) -> Iterator[Occurrence]:
    """Images that only EXIF turns upright."""
    for image in context.index.images:
        if image.orientation not in {0, 1}:
            message = f"EXIF orientation {image.orientation}: read as the upright {image.width}x{image.height} px"
            yield Occurrence(message=message, location=image.path)


def multi_picture_images(context: RuleContext) -> Iterator[Occurrence]:
    """Files that hold several pictures."""
    for image in context.index.images:
        if image.file_format.upper() == "MPO":
            yield Occurrence(
                message="file is a multi-picture JPEG (MPO): its first picture is read", location=image.path
            )


def exact_duplicates(context: RuleContext) -> Iterator[Occurrence]:
    """The same file under two names."""
    first: dict[str, str] = {}
    for _, image in context.copies():
        if (original := first.setdefault(image.sha256, image.path)) != image.path:
            yield Occurrence(message=f"is byte for byte {original}", location=image.path)


def looks_alike(context: RuleContext, one: str, other: str) -> bool:
    """Whether the thumbnails of two images agree too, where there are any: hashes of even textures differ little."""
    thumbnails = [context.image_stats[path].thumbnail for path in (one, other) if path in context.image_stats]
    return len(thumbnails) < 2 or not all(thumbnails) or similarity(*thumbnails) >= context.policy.near_likeness


def near_duplicates(context: RuleContext) -> Iterator[Occurrence]:
    """Almost the same picture twice."""
    images, first = context.index.images, dict[str, int]()
    copies = {place for place, image in context.copies() if first.setdefault(image.sha256, place) != place}
    # A copy has no print: it would only repeat its original.
    prints = ("" if place in copies else image.perceptual_hash for place, image in enumerate(images))
    for one, other in near_links(prints, bits=context.policy.near_duplicate_bits):
        if not same_object(images[one], images[other]) and looks_alike(context, images[one].path, images[other].path):
            yield Occurrence(message=f"looks almost the same as {images[one].path}", location=images[other].path)


RULES = (
    Rule(
        id="quality.blank_image",
        family=Family.QUALITY,
        severity=Severity.ERROR,
        finds="images of one even tone",
        why="nothing is to be seen on them",
        mend="remove the image, or export it again",
        check=blank_images,
    ),
    Rule(
        id="quality.blurred_image",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="images without sharp edges",
        why="borders and defects cannot be located on them",
        mend="photograph again, or leave the image out",
        check=blurred_images,
    ),
    Rule(
        id="quality.dark_image",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="underexposed images",
        why="detail drowns in noise",
        mend="expose longer, or leave the image out",
        check=dark_images,
    ),
    Rule(
        id="quality.bright_image",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="overexposed images",
        why="detail is burnt out",
        mend="expose shorter, or leave the image out",
        check=bright_images,
    ),
    Rule(
        id="quality.low_contrast",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="images of low contrast",
        why="edges are weaker than noise",
        mend="light the scene better, or leave the image out",
        check=flat_images,
    ),
    Rule(
        id="quality.small_image",
        family=Family.QUALITY,
        severity=Severity.ERROR,
        finds="images smaller than a network can take",
        why="feature maps shrink to nothing",
        mend="export the images larger",
        check=small_images,
    ),
    Rule(
        id="quality.stretched_image",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="images many times longer than wide",
        why="scaled to the network's size they lose one side",
        mend="cut the image",
        check=stretched_images,
    ),
    Rule(
        id="quality.mixed_sizes",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="sets of very small and very large images",
        why="one scale cannot suit all; small ones are blown up",
        mend="export all images at a similar size",
        check=mixed_sizes,
    ),
    Rule(
        id="quality.mixed_modes",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="sets of grey and colour images",
        why="colour becomes a hint at where an image comes from",
        mend="convert all images to one mode",
        check=mixed_modes,
    ),
    Rule(
        id="quality.rotated_image",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="images that EXIF turns upright",
        why="programs that ignore EXIF see them, and their annotations, rotated",
        mend="turn the pixels and remove the tag",
        check=rotated_images,
    ),
    Rule(
        id="quality.exact_duplicate",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="byte-identical images",
        why="one picture counts twice, and leaks between splits where they part",
        mend="remove the copies",
        check=exact_duplicates,
    ),
    Rule(
        id="quality.near_duplicate",
        family=Family.QUALITY,
        severity=Severity.WARNING,
        finds="images that look almost the same",
        why="they leak between splits; ours keep them together",
        mend="keep one of them",
        check=near_duplicates,
    ),
)
