"""The trainer trains on what the validator accepted, and on nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from truscore.storage import MemoryStore
from truscore.validation.report.signature import InvalidKey, Signer, Verifier, key_id_of

from services.trainer.handlers.consume import order_of
from services.trainer.inputs.report_check import ReportMismatch, check_report
from services.trainer.plan import TrainingOrder
from tests.unit.trainer.service.stand import an_envelope, some_dataset

PRIVATE = "11" * 32


@pytest.fixture
def ordered() -> tuple[TrainingOrder, bytes]:
    store = MemoryStore()
    order = order_of(some_dataset(store), an_envelope())
    return order, store.get(order.report.uri, limit_bytes=10**6)


def test_a_dataset_is_trained_on_where_its_report_says_the_same(ordered: tuple[TrainingOrder, bytes]) -> None:
    order, report = ordered
    assert json.loads(report)["about"]["dataset_id"] == order.dataset_id
    check_report(order, report, verifier=Verifier())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"dataset_digest": "d" * 64}, "dataset digest"),
        ({"uri": "s3://elsewhere/"}, "uri"),
        ({"dataset_id": "other"}, "dataset_id"),
        ({"version": "2"}, "version"),
        ({"option": "single_class"}, "option"),
        ({"class_names": ("graphical_border", "outer_border")}, "class names"),
    ],
)
def test_an_order_that_differs_from_its_report_is_refused_by_name(
    changed: dict[str, Any], named: str, ordered: tuple[TrainingOrder, bytes]
) -> None:
    order, report = ordered
    with pytest.raises(ReportMismatch, match=named):
        check_report(replace(order, **changed), report, verifier=Verifier())


def test_another_index_than_the_one_that_was_validated_is_refused(ordered: tuple[TrainingOrder, bytes]) -> None:
    order, report = ordered
    with pytest.raises(ReportMismatch, match="the index has digest"):
        check_report(replace(order, index=replace(order.index, sha256="e" * 64)), report, verifier=Verifier())


def _rejected(plain: dict[str, Any]) -> None:
    plain["accepted"] = False


def _unread(plain: dict[str, Any]) -> None:
    plain["statistics"] = None


@pytest.mark.parametrize(("change", "named"), [(_rejected, "accepted"), (_unread, "dataset digest")])
def test_a_report_that_rejects_is_no_leave_to_train(
    change: Callable[[dict[str, Any]], None], named: str, ordered: tuple[TrainingOrder, bytes]
) -> None:
    order, report = ordered
    plain = json.loads(report)
    change(plain)
    with pytest.raises(ReportMismatch, match=named):
        check_report(order, json.dumps(plain).encode(), verifier=Verifier())


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{}", b'{"about": 1}', b"[" * 100_000])
def test_what_is_no_report_is_refused(text: bytes, ordered: tuple[TrainingOrder, bytes]) -> None:
    with pytest.raises(ReportMismatch, match="no report"):
        check_report(ordered[0], text, verifier=Verifier())


def test_a_trusted_signature_is_accepted_and_every_other_refused(ordered: tuple[TrainingOrder, bytes]) -> None:
    order, report = ordered
    signer, stranger = Signer(PRIVATE), Signer("22" * 32)
    verifier = Verifier([signer.public_hex])
    signed = replace(order, key_id=signer.key_id, signature=signer.sign(order.report.sha256))
    check_report(signed, report, verifier=verifier)
    for forged, why in (
        (order, "nobody"),
        (replace(signed, key_id=stranger.key_id, signature=stranger.sign(order.report.sha256)), stranger.key_id),
        (replace(signed, signature=stranger.sign(order.report.sha256)), "not over this report"),
        (replace(signed, signature=signer.sign("f" * 64)), "not over this report"),
        (replace(signed, signature="no hexadecimal"), "not over this report"),
    ):
        with pytest.raises(ReportMismatch, match=why):
            check_report(forged, report, verifier=verifier)


def test_keys_are_named_by_their_public_half_and_never_shown() -> None:
    signer = Signer(PRIVATE)
    assert signer.key_id == key_id_of(signer.public_hex)
    for text in ("", "secret", "11" * 31, "zz" * 32):
        with pytest.raises(InvalidKey) as refusal:
            Signer(text)
        assert not text or text not in str(refusal.value)
