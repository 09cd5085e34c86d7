"""How files of views follow the light: declared, decoded before anything is solved, and checked against the views."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from truscore.datasets import DatasetIndex, index_from_json, index_to_json, read_dataset
from truscore.datasets.index.response import Response
from truscore.datasets.reading.declaration import Declaration, declaration_to_json
from truscore.photometric_stereo import read_views
from truscore.validation import validate_folder

from tests.planted_faults import lit

HALF_A_STEP = 0.5 / 255
Floats = np.ndarray[Any, np.dtype[np.float64]]


def srgb_encoded(linear: Floats) -> Floats:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


ENCODED: dict[str, tuple[dict[str, Any], Response, Callable[[Floats], Floats]]] = {
    "srgb": ({"response": "srgb"}, Response(kind="srgb"), srgb_encoded),
    "gamma": ({"response": "gamma"}, Response(kind="gamma", gamma=2.2), lambda linear: linear ** (1 / 2.2)),
    "gamma 1.8": (
        {"response": "gamma", "gamma": 1.8}, Response(kind="gamma", gamma=1.8), lambda linear: linear ** (1 / 1.8)
    ),
    "linear": ({"response": "linear"}, Response(), lambda linear: linear),
}  # fmt: skip


def written(folder: Path, encode: Callable[[Floats], Floats], declared: dict[str, Any] | None = None) -> Path:
    folder.mkdir()
    lit.diligent(folder, np.random.default_rng(0))
    for path in folder.glob("[0-9]*.png"):
        stored = np.round(255 * encode(np.asarray(Image.open(path)) / 255))
        Image.fromarray(stored.astype(np.uint8)).save(path)
    if declared is not None:
        (folder / "truscore.json").write_text(json.dumps(declared))
    return folder


def indexed(folder: Path) -> DatasetIndex:
    index = read_dataset(folder).index
    assert index is not None
    return index


@pytest.mark.parametrize("name", ENCODED)
def test_views_are_decoded_as_declared(name: str, tmp_path: Path) -> None:
    declared, response, encode = ENCODED[name]
    linear = indexed(written(tmp_path / "linear", lambda values: values))
    encoded = indexed(written(tmp_path / "encoded", encode, declared))
    assert encoded.objects[0].response == response
    expected_NL = read_views(tmp_path / "linear", linear, linear.objects[0].name)
    found_NL = read_views(tmp_path / "encoded", encoded, encoded.objects[0].name)
    # Three colours are divided by an intensity of 0.7 or more, and a bright step of an encoded file is the larger one.
    step = HALF_A_STEP * 2.4 / 0.7
    assert np.abs(found_NL.samples_NL - expected_NL.samples_NL).max() <= step
    # Said by the caller, it counts instead.
    raw = read_views(tmp_path / "encoded", encoded, encoded.objects[0].name, response=Response())
    assert (name == "linear") == (np.abs(raw.samples_NL - expected_NL.samples_NL).max() <= step)


@pytest.mark.parametrize("name", ENCODED)
def test_what_was_declared_is_kept_in_the_index(name: str, tmp_path: Path) -> None:
    declared, response, encode = ENCODED[name]
    index = indexed(written(tmp_path / "set", encode, declared))
    assert index_from_json(index_to_json(index)) == index
    gamma = {"gamma": response.gamma} if response.kind == "gamma" else {}
    assert json.loads(declaration_to_json(Declaration(response=response))) == {"response": response.kind} | gamma


def test_an_index_without_it_is_the_one_of_before(tmp_path: Path) -> None:
    index = indexed(written(tmp_path / "set", lambda values: values))
    assert index.objects[0].response is None
    assert "response" not in index_to_json(index)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"response": "log"}, "'response' is 'log'; expected one of linear, srgb, gamma: of views under lights"),
        ({"response": "gamma", "gamma": 0}, "'gamma' is 0; expected a number from 0.1 to 10"),
        ({"gamma": 2.2}, "'gamma' is 2.2 without a response that has one"),
        ({"response": "srgb", "gamma": 2.2}, "'gamma' is 2.2 without a response that has one"),
    ],
)
def test_what_cannot_be_a_response_is_refused_by_name(declared: dict[str, Any], message: str, tmp_path: Path) -> None:
    reading = read_dataset(written(tmp_path / "set", lambda values: values, declared))
    said = [problem.message for problem in reading.problems if problem.code == "format.declaration"]
    assert len(said) == 1
    assert message in said[0]


@pytest.mark.parametrize(
    ("declared", "encode", "message"),
    [
        ({"response": "srgb"}, srgb_encoded, None),
        ({"response": "gamma"}, ENCODED["gamma"][2], None),
        (None, srgb_encoded, "looks as if a gamma of 2.2 were still in its files"),
        ({"response": "linear"}, srgb_encoded, "looks as if a gamma of 2.2 were still in its files"),
        ({"response": "srgb"}, lambda values: values, "looks linear already, and its files are declared to hold srgb"),
        ({"response": "gamma"}, lambda values: values, "declared to hold gamma 2.2"),
    ],
    ids=["srgb", "gamma", "undeclared", "not linear", "not srgb", "not gamma"],
)
def test_what_was_declared_is_checked_against_the_views(
    declared: dict[str, Any] | None, encode: Callable[[Floats], Floats], message: str | None, tmp_path: Path
) -> None:
    verdict = validate_folder(
        written(tmp_path / "set", encode, declared), category="photometric_stereo", option="surface_normal_estimation"
    )
    said = [found.message for found in verdict.findings if found.rule == "quality.wrong_gamma"]
    assert len(said) == (message is not None), said
    assert message is None or message in said[0]


@given(kind=st.sampled_from(("linear", "srgb", "gamma")), stored=st.floats(0, 1), gamma=st.floats(0.5, 4))
def test_decoding_keeps_black_white_and_order(kind: str, stored: float, gamma: float) -> None:
    response = Response(kind=kind, gamma=gamma)
    ends = response.decoded(np.array([0.0, stored, 1.0]))
    assert ends[0] == 0
    assert ends[2] == pytest.approx(1)
    assert 0 <= ends[1] <= 1
    higher = response.decoded(np.array([min(1.0, stored + 0.01)]))[0]
    assert higher >= ends[1]
