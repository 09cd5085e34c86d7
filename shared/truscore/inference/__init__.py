"""Runs exported model files on pictures, as a grading engine does. Knows a file and pictures; nothing of training, runs
or services."""

from truscore.inference.description import Description, UnusableModel, description_of
from truscore.inference.predictions import Prediction, as_graders_write
from truscore.inference.summary import lines_of
from truscore.inference.tables import columns_of, error_row, rows_of

__all__ = [
    "Description",
    "Prediction",
    "UnusableModel",
    "as_graders_write",
    "columns_of",
    "description_of",
    "error_row",
    "lines_of",
    "rows_of",
]
