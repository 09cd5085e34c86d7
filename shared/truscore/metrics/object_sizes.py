"""Small, medium and large, as COCO has them, carried over to images of any size.

COCO parts areas at 32 x 32 and 96 x 96 pixels on images of about 640 x 480. A network that sees 160 pixels would find
everything small, so on smaller images the limits keep their share of the area; on larger ones they are COCO's own.
"""

from collections.abc import Sequence

SIZES = ("small", "medium", "large")
COCO_LIMITS_PX = (32.0**2, 96.0**2)
COCO_IMAGE_PX = 640.0 * 480.0


def size_limits_px(image_areas_px: Sequence[float]) -> tuple[float, float]:
    """Areas at which small ends and large begins, for images of these areas."""
    mean = sum(image_areas_px) / max(1, len(image_areas_px))
    scale = min(1.0, mean / COCO_IMAGE_PX) if image_areas_px else 1.0
    return COCO_LIMITS_PX[0] * scale, COCO_LIMITS_PX[1] * scale


def size_name(share: float) -> str:
    """By the share of its image's area: up to 1/300 is small, from 3 % on large."""
    small, large = (limit / COCO_IMAGE_PX for limit in COCO_LIMITS_PX)
    return SIZES[0] if share < small else SIZES[1] if share < large else SIZES[2]
