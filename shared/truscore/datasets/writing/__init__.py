"""Datasets written to a folder in any format. Knows what each format can hold; knows nothing of how they are read."""

from truscore.datasets.writing.capacity import Lossy, losses
from truscore.datasets.writing.dataset import WRITERS, Written, write_dataset

__all__ = ["WRITERS", "Lossy", "Written", "losses", "write_dataset"]
