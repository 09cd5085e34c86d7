"""What each option's models are for, as metrics of ``truscore.metrics``. Data only."""

# The first chooses the best epoch. A model is fit for use where it is better than trivial predictors in all of them.
EDGES = ("edge_error_all_px",)
EDGES_AND_CENTRING = ("edge_error_all_px", "centring_error_all_pp")

_SMALLER_IS_BETTER = ("error", "MAE", "RMSE", "false_alarm", "loss")


def larger_is_better(metric: str) -> bool:
    """The direction of a metric by its name: smaller is better of errors, false alarms and losses."""
    return not any(word in metric for word in _SMALLER_IS_BETTER)


def score_of(metric: str, value: float) -> float:
    """The value turned so that larger is better."""
    return value if larger_is_better(metric) else -value
