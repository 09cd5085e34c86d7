"""A search's file as it is typed, as the fields of a SearchSpec. Pure but for the file, which is read here."""

import json
from collections.abc import Mapping
from typing import Any

from services.cli.context import CliError, Code
from services.cli.inputs.order_builder import read_config


def read_space(text: str) -> dict[str, Any]:
    """The JSON object, in the contract's form: choices as JSON text. CliError saying what is wrong."""
    tree = dict(read_config(text))
    parameters = tree.get("parameters")
    if not isinstance(parameters, list) or not all(isinstance(each, Mapping) for each in parameters):
        raise CliError(Code.USAGE, '--space: accepted is {"parameters": [{"key": …, "float_range": …}, …], …}')
    return tree | {"parameters": [_parameter(each) for each in parameters]}


def _parameter(part: Mapping[str, Any]) -> dict[str, Any]:
    choices = part.get("choices", [])
    if not isinstance(choices, list):
        raise CliError(Code.USAGE, f"--space: choices of {part.get('key')!r} is {choices!r}; accepted: a JSON list")
    return dict(part) | ({"choices": [json.dumps(value) for value in choices]} if choices else {})
