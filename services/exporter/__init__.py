"""Checkpoints become files for grading engines. Knows formats, parity and packages; knows nothing of training."""

__all__: list[str] = []
