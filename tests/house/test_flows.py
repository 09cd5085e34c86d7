"""docs/flows.md names functions that are there, each calling the next."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "flows.md"
LONGEST = 8
STEP = re.compile(r"^(\d+)\. `([\w/.]+\.py)` `([\w.]+)`( ⇢)?: \S", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    number: int
    path: str
    function: str
    indirect: bool  # the next one is reached over the broker, by the wiring, or in another process


def flows() -> dict[str, list[Step]]:
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {
        section.splitlines()[0]: [
            Step(number=int(number), path=path, function=function, indirect=bool(arrow))
            for number, path, function, arrow in STEP.findall(section)
        ]
        for section in sections
    }


def body_of(step: Step) -> ast.AST:
    node: ast.AST = ast.parse((REPOSITORY / step.path).read_text())
    for name in step.function.split("."):
        found = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", None) == name]
        assert found, f"{step.path} has no {step.function}"
        node = found[0]
    return node


def names_in(node: ast.AST) -> set[str]:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def test_the_four_flows_are_described_in_at_most_eight_steps() -> None:
    assert len(flows()) == 4
    for name, steps in flows().items():
        assert [step.number for step in steps] == list(range(1, len(steps) + 1)), name
        assert 3 <= len(steps) <= LONGEST, name


def test_no_line_of_a_flow_is_left_out_of_the_walk() -> None:
    assert len(re.findall(r"^\d+\. ", PAGE.read_text(), re.MULTILINE)) == sum(map(len, flows().values()))


@pytest.mark.parametrize("name", list(flows()))
def test_each_function_of_a_flow_is_there_and_calls_the_next(name: str) -> None:
    steps = flows()[name]
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        body = body_of(step)
        if following is not None and not step.indirect:
            called = following.function.rsplit(".", 1)[-1]
            assert called in names_in(body), f"{step.path} {step.function} does not call {called}"
