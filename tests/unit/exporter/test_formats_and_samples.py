"""Which formats are made, and on which images they are proved."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from truscore.catalog import EXPORT_FORMATS, rows

from services.exporter.child.formats.registry import FORMATS
from services.exporter.formats import choose_formats
from services.exporter.inputs import spread
from services.exporter.order import ExportOrder


def test_an_order_without_formats_means_onnx(order: ExportOrder) -> None:
    assert choose_formats(replace(order, formats=())) == (("onnx",), ())


def test_the_catalog_names_the_formats_that_are_made_and_no_other() -> None:
    assert {name for row in rows() for name in row.export_formats} == set(EXPORT_FORMATS) == set(FORMATS)


def test_an_unknown_format_is_refused_naming_it_and_the_accepted_ones_while_the_others_are_made(
    order: ExportOrder,
) -> None:
    accepted, (refusal,) = choose_formats(replace(order, formats=("stone", "onnx", "onnx")))
    assert accepted == ("onnx",)
    assert (refusal.format, refusal.code) == ("stone", "unsupported_format")
    assert "'stone'" in refusal.message
    assert "accepted: onnx" in refusal.message


@given(st.sets(st.text(min_size=1, max_size=5), max_size=40), st.integers(1, 12))
def test_samples_are_the_same_for_the_same_split_in_any_order_and_never_repeat(paths: set[str], count: int) -> None:
    chosen = spread(tuple(paths), count)
    assert chosen == spread(tuple(sorted(paths, reverse=True)), count)
    assert len(chosen) == len(set(chosen)) == min(count, len(paths))
    assert set(chosen) <= paths
