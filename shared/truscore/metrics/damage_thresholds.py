"""From which probability on a pixel is damage, chosen on images with known answers. N images, T thresholds.

False alarms on flawless images are traded against what is found of damage: both in one number, their product.
"""

from collections.abc import Sequence

from truscore.metrics.segmentation import PixelConfusion, segmentation_metrics

# Close to 1 as well: a single pixel makes a false alarm of a picture of millions.
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
DEFAULT = THRESHOLDS.index(0.5)


def best_threshold(images: Sequence[Sequence[PixelConfusion]]) -> int:
    """The place in ``THRESHOLDS`` of the highest Dice coefficient of all damage times the share of flawless images
    without a false alarm; of equals the one nearest to 0.5. ``images`` are [N][T]. Where no image has damage, that of
    one half: nothing says what is missed."""
    worths = [_worth([image[place] for image in images]) for place in range(len(THRESHOLDS))]
    if not any(worths):
        return DEFAULT
    return max(range(len(THRESHOLDS)), key=lambda place: (worths[place], -abs(THRESHOLDS[place] - 0.5)))


def _worth(images: Sequence[PixelConfusion]) -> float:
    metrics = segmentation_metrics(images)
    return metrics.get("binary_dice", 0.0) * (1.0 - metrics.get("false_alarm_rate", 0.0))
