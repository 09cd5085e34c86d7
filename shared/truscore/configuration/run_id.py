"""What a run may be called, and how its name is derived from what it is."""

import hashlib
import json
import re

from truscore.configuration.recipe import Recipe
from truscore.configuration.text import recipe_to_json

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
RUN_ID_ACCEPTED = 'accepted are 1 to 128 letters, digits, "_" and "-", beginning with a letter or digit'


def is_run_id(text: str) -> bool:
    """Whether the text can name a run, as a part of keys in the store and of queries."""
    return _RUN_ID.fullmatch(text) is not None


def run_id_for(dataset_digest: str, recipe: Recipe, request_id: str) -> str:
    """``run-`` and 20 hexadecimal digits: the same request twice is the same run."""
    identity = json.dumps([dataset_digest, recipe_to_json(recipe), request_id])
    return "run-" + hashlib.sha256(identity.encode()).hexdigest()[:20]
