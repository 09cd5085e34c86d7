"""The name of a run, derived from what it is: the same request twice is the same run."""

import hashlib
import json

from truscore.configuration.recipe import Recipe
from truscore.configuration.text import recipe_to_json


def run_id_for(dataset_digest: str, recipe: Recipe, request_id: str) -> str:
    """``run-`` and 20 hexadecimal digits."""
    identity = json.dumps([dataset_digest, recipe_to_json(recipe), request_id])
    return "run-" + hashlib.sha256(identity.encode()).hexdigest()[:20]
