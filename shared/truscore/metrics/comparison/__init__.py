"""What a network is worth beside trivial predictors: those that look at no picture. Knows no network, task or event."""

from truscore.metrics.comparison.values import Comparison, Interval, comparison_from_plain

__all__ = ["Comparison", "Interval", "comparison_from_plain"]
