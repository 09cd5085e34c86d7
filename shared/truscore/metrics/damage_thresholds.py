"""From which probability on a pixel is damage, chosen on images with known answers.

False alarms on flawless images are traded against what is found of damage, both in one number: the Dice coefficient, of
which false alarms on all of them cost half.

Legend: N images, T thresholds, R resamples, K classes with "nothing" as class 0.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.segmentation import PixelConfusion

# Close to 1 as well: a single pixel makes a false alarm of a picture of millions.
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
DEFAULT = THRESHOLDS.index(0.5)
# With the whole of it, a threshold that finds next to nothing is as good as one that finds most, wherever networks see
# something on each of a few flawless images.
FALSE_ALARMS_COST = 0.5
RESAMPLES = 200


def best_threshold(images: Sequence[Sequence[PixelConfusion]]) -> int:
    """The place in ``THRESHOLDS`` of the highest Dice coefficient of all damage, less the share of it that false alarms
    cost, or of those that are not worse by more than one standard error (Breiman et al. 1984, "Classification and
    regression trees", section 3.4.3) the one nearest to 0.5: a few images tell thresholds apart by chance.
    ``images`` are [N][T]. Where no image has damage, that of one half: nothing says what is missed."""
    counts_NTKK = np.array([[one.counts for one in image] for image in images], dtype=np.int64)
    worth_T = _worths(counts_NTKK, np.ones((1, len(images))))[0]
    if not worth_T.any():
        return DEFAULT
    best = int(worth_T.argmax())
    drawn_RN = np.random.default_rng(0).multinomial(len(images), [1 / len(images)] * len(images), size=RESAMPLES)
    worth_RT = _worths(counts_NTKK, drawn_RN)
    error_T = (worth_RT[:, best : best + 1] - worth_RT).std(axis=0)
    as_good = np.flatnonzero(worth_T[best] - worth_T <= error_T)
    return int(min(as_good, key=lambda place: (abs(THRESHOLDS[place] - 0.5), -worth_T[place])))


def _worths(counts_NTKK: NDArray[np.int64], drawn_RN: NDArray[np.generic]) -> NDArray[np.float64]:
    """[R, T], each image as often as it was drawn."""
    both_NT = counts_NTKK[:, :, 1:, 1:].sum(axis=(2, 3))
    areas_NT = counts_NTKK[:, :, :, 1:].sum(axis=(2, 3)) + counts_NTKK[:, :, 1:].sum(axis=(2, 3))
    # Flawless images have no damage at any threshold.
    flawless_N = counts_NTKK[:, 0, 1:].sum(axis=(1, 2)) == 0
    alarm_NT = flawless_N[:, None] & (counts_NTKK[:, :, 0, 1:].sum(axis=2) > 0)
    dice_RT = 2 * (drawn_RN @ both_NT) / np.maximum(drawn_RN @ areas_NT, 1)
    alarmed_RT = (drawn_RN @ alarm_NT) / np.maximum(drawn_RN @ flawless_N, 1)[:, None]
    worth_RT: NDArray[np.float64] = dice_RT * (1 - FALSE_ALARMS_COST * alarmed_RT)
    return worth_RT
