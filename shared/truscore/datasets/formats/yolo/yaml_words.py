"""YAML whose scalars are the words that stand there: a class `no` is not false, and one called 010 is not eight."""

from __future__ import annotations

from typing import Any

import yaml

_MOST_LEVELS = 20  # the library's time grows with the square of the depth
_STARTS = (
    yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken, yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken
)  # fmt: skip
_ENDS = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


class NotWords(ValueError):
    """Text that is no YAML, or of a kind that is not accepted; the message says what and where."""


class _Loader(yaml.BaseLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """YAML wants keys to be unique (1.2.2, section 3.2.1.1); the library takes the last one without a word."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    raise NotWords(f"the key {key.value[:60]!r} is there twice, in lines {lines[key.value]} and {line}")
                lines[key.value] = line
        constructed: dict[Any, Any] = super().construct_mapping(node, deep)
        return constructed


def load_words(text: str) -> Any:
    """Mappings, lists and texts. Raises NotWords."""
    try:
        _check_tokens(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  its scalars are text, and it constructs nothing else
    except (yaml.YAMLError, RecursionError) as error:
        raise NotWords(f"not YAML: {' '.join(str(error).split())[:200]}") from error


def _check_tokens(text: str) -> None:
    level = 0
    for token in yaml.scan(text):
        # An alias may stand for something large many times over; such files need none.
        if isinstance(token, yaml.AliasToken):
            raise NotWords("YAML aliases are not accepted")
        level += isinstance(token, _STARTS) - isinstance(token, _ENDS)
        if level > _MOST_LEVELS:
            raise NotWords(f"nested deeper than {_MOST_LEVELS} levels")
