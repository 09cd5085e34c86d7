"""What the orders of trials are called: the search and the number, so that their answers name them. Pure."""

import re

_TRIAL = re.compile(r"search/([A-Za-z0-9][A-Za-z0-9_-]{0,63})/(\d{1,6})", re.ASCII)


def request_id_of(search_id: str, number: int) -> str:
    return f"search/{search_id}/{number}"


def named_trial(request_id: str) -> tuple[str, int] | None:
    """The search and the trial's number; None where the order is nobody's trial."""
    match = _TRIAL.fullmatch(request_id)
    return (match[1], int(match[2])) if match else None
