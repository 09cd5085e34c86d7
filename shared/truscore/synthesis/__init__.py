"""Rendered trading cards with exact ground truth. Knows paint and geometry; knows nothing of services or training."""

from truscore.synthesis.dataset import CLASS_NAMES, render_dataset

__all__ = ["CLASS_NAMES", "render_dataset"]
