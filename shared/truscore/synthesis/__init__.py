"""Rendered trading cards with exact ground truth. Knows paint and geometry; knows nothing of services or training."""

from truscore.synthesis.damage_dataset import DAMAGE_NAMES, render_damage_dataset
from truscore.synthesis.dataset import CLASS_NAMES, render_dataset

__all__ = ["CLASS_NAMES", "DAMAGE_NAMES", "render_damage_dataset", "render_dataset"]
