"""Grades as graders write them, on one scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.datasets.index.grade_names import GRADING_COMPANIES, QUALIFIERS, Grade, is_missing_grade, parse_grade


@pytest.mark.parametrize(
    ("written", "value", "grader", "qualifiers"),
    [
        ("9,5", 9.5, "", ()),
        ("PSA_9_5", 9.5, "PSA", ()),
        ("9½", 9.5, "", ()),
        ("9.5/10", 9.5, "", ()),
        ("PSA 8 NM-MT", 8, "PSA", ()),
        ("GEM MT 10", 10, "", ()),
        ("gem mint", 10, "", ()),
        ("BGS Gem Mint", 9.5, "BGS", ()),
        ("BGS 10 Pristine", 10, "BGS", ()),
        ("Near Mint-Mint", 8, "", ()),
        ("NM-MT+", 8.5, "", ()),
        ("very good", 3, "", ()),
        ("SGC 96", 9, "SGC", ()),
        ("SGC 10", 10, "SGC", ()),
        ("PSA 8 (OC)", 8, "PSA", ("OC",)),
        ("psa 7 mk st", 7, "PSA", ("MK", "ST")),
    ],
)
def test_a_grade_is_read_with_its_grader_and_qualifiers(
    written: str, value: float, grader: str, qualifiers: tuple[str, ...]
) -> None:
    assert parse_grade(written) == Grade(value=value, grader=grader, qualifiers=qualifiers)


@pytest.mark.parametrize(
    "written", ["", "cat", "scratch 3", "psa 8-9", "card 12", "-5", "psa 12", "9.25", "1000", "OC"]
)
def test_other_words_and_numbers_are_no_grades(written: str) -> None:
    assert parse_grade(written) is None


def test_a_card_that_was_given_no_number_has_no_value() -> None:
    assert parse_grade("PSA Authentic") == Grade(value=None, grader="PSA")


def test_a_grader_named_elsewhere_is_kept() -> None:
    assert parse_grade("96", grader="SGC") == Grade(value=9.0, grader="SGC")


@given(
    halves=st.integers(2, 20),
    grader=st.sampled_from(["", *sorted(GRADING_COMPANIES)]),
    qualifier=st.sampled_from(["", *sorted(QUALIFIERS)]),
    point=st.sampled_from(".,"),
    between=st.sampled_from([" ", "_", "-"]),
    upper=st.booleans(),
)
def test_a_written_grade_comes_back(
    halves: int, grader: str, qualifier: str, point: str, between: str, upper: bool
) -> None:
    number = f"{halves / 2:g}".replace(".", point)
    written = between.join(filter(None, (grader, number, qualifier)))
    expected = Grade(
        value=halves / 2, grader=GRADING_COMPANIES.get(grader, ""), qualifiers=(qualifier.upper(),) if qualifier else ()
    )
    assert parse_grade(written.upper() if upper else written) == expected


@given(st.text(max_size=80) | st.text("psabgcm0123456789.,_-/½ +()", max_size=30))
def test_any_text_is_a_grade_within_bounds_or_none(text: str) -> None:
    grade = parse_grade(text)
    assert grade is None or grade.value is None or 0 <= grade.value < 1000
    assert not (is_missing_grade(text) and grade is not None)
