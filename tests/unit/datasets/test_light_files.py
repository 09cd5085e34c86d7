"""Lists of lights as text."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets.formats.multi_light.light_lists import directions_in, images_in, intensities_in

numbers = st.floats(-1e6, 1e6, allow_nan=False)
vectors = st.tuples(numbers, numbers, numbers)
parted = st.sampled_from([" ", "  ", "\t", ",", ", "])
ended = st.sampled_from(["\n", "\r\n", "\n\n", " \n"])


@settings(max_examples=80, deadline=None)
@given(st.lists(vectors, max_size=8), parted, ended, st.booleans())
def test_what_was_written_is_read_however_it_is_parted(
    rows: list[tuple[float, float, float]], part: str, end: str, counted: bool
) -> None:
    lines = ([str(len(rows))] if counted else []) + [part.join(map(repr, row)) for row in rows]
    found = directions_in(end.join(lines))
    assert (found.vectors, found.faults) == (tuple(rows), ())
    assert found.declared == (len(rows) if counted else None)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_a_list_raise_and_every_line_is_reported(text: str) -> None:
    filled = [line for line in text.split("\n") if line.strip()]
    for found in (directions_in(text), intensities_in(text)):
        assert len(found.vectors) + (found.declared is not None) == len(filled)
        assert len(found.faults) == found.vectors.count(None)
        known = [vector for vector in found.vectors if vector is not None]
        assert all(math.isfinite(value) for vector in known for value in vector)
    assert len(images_in(text)) in {len(filled), len(filled) - 1}


@settings(max_examples=60, deadline=None)
@given(st.lists(vectors, min_size=1, max_size=6), st.data())
def test_a_line_at_fault_keeps_its_place_and_is_named(
    rows: list[tuple[float, float, float]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    lines = [" ".join(map(repr, row)) for row in rows]
    lines[at] = data.draw(st.sampled_from(["0.1 0.2", "a b c", "0.1 0.2 0.3 0.4", "1_0 0 0", "٠ ٠ ١", "nan 0 1"]))
    found = directions_in("\n".join(lines))
    assert found.vectors == (*rows[:at], None, *rows[at + 1 :])
    (fault,) = found.faults
    assert fault.line == at + 1
    assert lines[at] in fault.text
    assert fault.code == ("label.light_not_finite" if "nan" in lines[at] else "format.multi_light.value")


def test_one_number_is_the_intensity_of_all_three_colours() -> None:
    assert intensities_in("0.5\n0.5 0.6 0.7\n").vectors == ((0.5, 0.5, 0.5), (0.5, 0.6, 0.7))


@pytest.mark.parametrize("line", ["0 1 1", "-0.5", "1 1 -0.001"])
def test_a_light_without_intensity_is_no_light(line: str) -> None:
    found = intensities_in(f"1 1 1\n\n{line}\n")
    assert found.vectors == ((1.0, 1.0, 1.0), None)
    assert [(fault.code, fault.line) for fault in found.faults] == [("format.multi_light.value", 3)]


def test_images_are_named_with_the_lines_they_stand_on() -> None:
    assert images_in("2\n a b.png \n\nL(002).png\n") == ((2, "a b.png"), (4, "L(002).png"))
