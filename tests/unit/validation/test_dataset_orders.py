"""An order that cannot be carried out is refused from its own words, naming the key and what is accepted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.catalog import rows
from truscore.catalog.export_formats import FORMATS, NETWORK_REASONS
from truscore.validation import BY_ID, CATALOGUE, DatasetOrder, check_order

GOOD = {
    "dataset_id": "cards-2026.01",
    "version": "v1",
    "uri": "s3://cards/sets/one/",
    "category": "border_detection",
    "option": "dual_class",
}
PLAIN_HEAD = {"architecture_config": {"custom_modifications": {"head_customization": "standard"}}}


def order(**changes: object) -> DatasetOrder:
    return DatasetOrder(**{**GOOD, **changes})


REFUSED = {
    "order.dataset_id": ({"dataset_id": "../etc"}, "dataset_id", "letters, digits"),
    "order.request_id": ({"request_id": "a\nb"}, "request_id", "printable"),
    "order.category": ({"category": "moon_detection"}, "category", "border_detection"),
    "order.option": ({"option": "triple_class"}, "option", "dual_class"),
    "order.architecture": ({"architecture": "perceptron"}, "architecture", "mask_rcnn"),
    "order.config": (
        {"overrides": {"hyperparameters": {"optimization": {"learning_rage": 1.0}}}},
        "hyperparameters.optimization.learning_rage",
        "learning_rate",
    ),
    "order.format": ({"format": "tfrecord"}, "format", "coco"),
    "order.export_format": ({"export_formats": ("onnx", "coreml")}, "export_formats", "onnx"),
    "order.class_names": ({"class_names": ("a", "a")}, "class_names", "a"),
    "order.uri": ({"uri": "https://bucket/prefix/"}, "uri", "s3://bucket/prefix/"),
}
FOUND_LATER = {
    "order.nothing_there",
    "order.too_large",
    "order.unsafe_key",
    "order.changed_meanwhile",
    "order.version_changed",
    "order.reader_crashed",
    "order.reader_limits",
}


@pytest.mark.parametrize("rule", sorted(REFUSED))
def test_a_fault_in_an_order_is_refused_by_its_rule(rule: str) -> None:
    changes, key, accepted = REFUSED[rule]
    (found,) = check_order(order(**changes))
    assert (found.rule, found.location) == (rule, key)
    assert accepted in found.message


@pytest.mark.parametrize("name", ["mobile", "quantized", "ONNX", ""])
@pytest.mark.parametrize("more", [{}, {"architecture": "mask_rcnn"}, {"validation_only": True}], ids=str)
def test_a_format_that_no_exporter_makes_is_refused_before_anything_is_read(name: str, more: dict[str, Any]) -> None:
    (found,) = check_order(order(export_formats=("onnx", name), **more))
    assert (found.rule, found.location) == ("order.export_format", "export_formats")
    assert repr(name) in found.message
    assert "accepted are onnx" in found.message


def test_every_refusal_of_a_format_says_what_is_accepted_and_is_not_cut() -> None:
    for row in rows():
        if row.available and row.category != "experimental":
            named = {"category": row.category, "option": row.option, "architecture": row.architecture}
            for name in sorted(set(FORMATS) - set(row.export_formats)):
                (found,) = check_order(order(**named, export_formats=(name,), overrides=PLAIN_HEAD))
                assert "accepted are onnx" in found.message
                assert not found.message.endswith("…"), found.message


def test_every_format_of_an_architecture_is_accepted() -> None:
    for row in rows():
        if row.available and row.category != "experimental":
            named = {"category": row.category, "option": row.option, "architecture": row.architecture}
            # Borders' default head is in the way of some.
            assert check_order(order(**named, export_formats=row.export_formats, overrides=PLAIN_HEAD)) == []


@pytest.mark.parametrize("architecture", ["", "mask_rcnn", "yolo", "retinanet"])
def test_a_format_that_the_head_is_in_the_way_of_is_refused_before_training(architecture: str) -> None:
    named = {"option": "single_class", "architecture": architecture}
    (found,) = check_order(order(**named, export_formats=("onnx", "mobile")))
    assert (found.rule, found.location) == ("order.export_format", "export_formats")
    for said in ("'mobile'", "'phoenix_specialized'", "accepted are onnx", "head_customization=standard"):
        assert said in found.message
    assert check_order(order(**named)) == check_order(order(**named, export_formats=("onnx", "torch_export"))) == []


@pytest.mark.parametrize("name", ["quantized", "torch_export"])
def test_a_format_that_windows_are_in_the_way_of_is_refused_before_training(name: str) -> None:
    named: dict[str, Any] = {"category": "corner_analysis", "option": "damage_detection"}
    windows, whole = ({"overrides": {"sampling": sampling}} for sampling in ("windows", "whole"))
    (found,) = check_order(order(**named, **windows, export_formats=("onnx", name)))
    assert (found.rule, found.location) == ("order.export_format", "export_formats")
    for said in (repr(name), "sampling 'windows'", "accepted are onnx, or none for onnx", "or sampling=whole"):
        assert said in found.message
    assert check_order(order(**named, **windows)) == check_order(order(**named, **whole, export_formats=(name,))) == []


@pytest.mark.parametrize(("base", "name"), NETWORK_REASONS)
def test_a_format_that_the_ordered_network_is_in_the_way_of_is_refused_before_training(base: str, name: str) -> None:
    (row, *_) = [row for row in rows() if base in row.bases]
    named = {"category": row.category, "option": row.option, "architecture": row.architecture}
    on_it = {"architecture_config": {"base_architecture": base}}
    (found,) = check_order(order(**named, overrides=on_it, export_formats=(name,)))
    assert (found.rule, found.location) == ("order.export_format", "export_formats")
    for said in (repr(name), f"the network {base!r}", "accepted are onnx", "or another"):
        assert said in found.message
    assert check_order(order(**named, overrides=on_it)) == check_order(order(**named, export_formats=(name,))) == []


def test_every_rule_about_orders_is_refused_here_or_later() -> None:
    assert {rule.id for rule in CATALOGUE if rule.id.startswith("order.")} == set(REFUSED) | FOUND_LATER


def test_a_good_order_is_not_refused() -> None:
    assert check_order(order()) == []


@pytest.mark.parametrize("validation_only", [False, True])
def test_an_architecture_that_is_not_there_is_refused_and_its_option_is_not(validation_only: bool) -> None:
    stereo = {"category": "photometric_stereo", "option": "depth_reconstruction", "validation_only": validation_only}
    assert check_order(order(**stereo)) == check_order(order(**stereo, architecture="multi_view_stereo")) == []
    refused = check_order(order(**stereo, architecture="monocular_depth"))
    assert [found.rule for found in refused] == ["order.architecture"]


def test_all_faults_of_an_order_are_reported_at_once() -> None:
    found = check_order(order(dataset_id="", version="a b", uri="file:///etc", category="x"))
    assert [one.rule for one in found] == ["order.dataset_id", "order.dataset_id", "order.uri", "order.category"]


@pytest.mark.parametrize("uri", ["", "s3://", "s3://bucket", "s3://bucket/", "s3://bucket/../x/", "s3://BUCKET/a/"])
def test_an_address_that_names_no_folder_is_refused(uri: str) -> None:
    assert [found.rule for found in check_order(order(uri=uri))] == ["order.uri"]


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=300), min_size=9, max_size=9), number=st.floats() | st.integers() | st.text())
def test_no_order_makes_the_check_fail(texts: list[str], number: object) -> None:
    keys = ("dataset_id", "version", "uri", "format", "category", "option", "architecture", "request_id")
    plain = dict(zip(keys, texts, strict=False))
    overrides = {texts[8]: number, "hyperparameters": {"optimization": {"batch_size": number}}}
    for one in check_order(DatasetOrder(**plain, overrides=overrides, class_names=texts, export_formats=texts)):
        assert one.rule in BY_ID
        assert len(one.message) <= 500
