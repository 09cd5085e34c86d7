"""What a run may be called. Our own ids are derived (``truscore.recipes.run_id_for``); this is what is accepted."""

import re

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
RUN_ID_ACCEPTED = 'accepted are 1 to 128 letters, digits, "_" and "-", beginning with a letter or digit'


def is_run_id(text: str) -> bool:
    """Whether the text can name a run, as a part of keys in the store and of queries."""
    return _RUN_ID.fullmatch(text) is not None
