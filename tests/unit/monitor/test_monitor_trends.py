"""What is about to run out is an alert before it has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.monitor.alerts import Measured, Watchdog
from services.monitor.facts import Cleared, Raised
from services.monitor.rules import RULES
from services.monitor.trends import DiskTrends, measured_of_certificate
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, board_after

GIB = 2**30
NOW = 1_800_000_000.0


def disk(free_gib: list[float], minutes: int = 5) -> list[float]:
    """What is measured while the disk has so much free, a sample each few minutes."""
    trends, found = DiskTrends(), []
    for number, free in enumerate(free_gib):
        at = 60.0 * minutes * number
        board = board_after([event_sequences.sampled(at, disk_free_bytes=int(free * GIB))])
        found += [each["disk_full_in_h"].value for each in trends.measured(board.hosts.values(), BEGIN_S + at)]
    return found


def test_a_disk_that_loses_a_gib_each_five_minutes_is_full_when_they_are_used_up() -> None:
    assert disk([50, 49, 48, 47]) == pytest.approx([4.0, 47 / 12])


def test_a_disk_that_does_not_fill_and_one_that_is_only_just_seen_have_no_end() -> None:
    assert disk([50, 50, 50, 51]) == []
    assert disk([50, 10]) == []


def test_only_the_last_hour_counts() -> None:
    assert disk([100, 90, 80] + [80] * 12)[2:][-1:] != []
    assert len(disk([100, 90, 80] + [80] * 20)) < 20


def test_a_host_that_is_silent_says_nothing_of_its_disk() -> None:
    trends = DiskTrends()
    board = board_after([event_sequences.sampled(0, disk_free_bytes=GIB)])
    assert list(trends.measured(board.hosts.values(), BEGIN_S + 1000)) == []


def certificate(path: Path, days: float) -> Path:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "monitor")])
    now = datetime.fromtimestamp(NOW, UTC)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
    )  # fmt: skip
    path.write_bytes(built.sign(key, None).public_bytes(Encoding.PEM))
    return path


def look(watchdog: Watchdog, more: list[Mapping[str, Measured]], now: float = NOW) -> list[Raised | Cleared]:
    return watchdog.look([], [], {}, now, more=more)


def test_a_certificate_that_ends_within_two_weeks_is_an_alert_and_one_that_ends_later_is_none(tmp_path: Path) -> None:
    watchdog = Watchdog(RULES)
    (alert,) = look(watchdog, list(measured_of_certificate(certificate(tmp_path / "a.pem", 13), NOW)))
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.subject) == ("certificate.expiring", str(tmp_path / "a.pem"))
    assert "in 13.0 days" in alert.message
    assert look(watchdog, list(measured_of_certificate(certificate(tmp_path / "b.pem", 15), NOW))) == []


def test_no_certificate_and_one_that_can_not_be_read_measure_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("no certificate")
    for path in (None, tmp_path / "nowhere.pem", tmp_path / "broken.pem"):
        assert list(measured_of_certificate(path, NOW)) == []


def test_a_disk_that_is_full_within_six_hours_has_to_fill_for_ten_minutes_to_be_an_alert() -> None:
    watchdog = Watchdog(RULES)
    filling = [{"disk_full_in_h": Measured(subject="gpu-1/trainer", value=4, text="soon full")}]
    assert look(watchdog, filling) == []
    (alert,) = look(watchdog, filling, NOW + 601)
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.severity) == ("host.disk_filling", "warning")
