"""Which formats are made, and on which images they are proved."""

from hypothesis import given
from hypothesis import strategies as st

from services.exporter.formats import choose_formats
from services.exporter.sampling import spread


def test_an_order_without_formats_means_onnx() -> None:
    assert choose_formats(()) == (("onnx",), ())


def test_an_unknown_format_is_refused_naming_it_and_the_accepted_ones_while_the_others_are_made() -> None:
    accepted, (refusal,) = choose_formats(("stone", "onnx", "onnx"))
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
