"""What is about to run out: disk by how fast it fills, a certificate by its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from services.monitor.alerts import STALE_S, Measured
from services.monitor.facts import Sampled

# Long enough that a download or a checkpoint alone is no trend, short enough to notice one within the hour.
WINDOW_S = 3600.0
LEAST_S = 600.0
SPACING_S = 60.0


class DiskTrends:
    """Remembers what was free on each host's disk in the last hour, a value a minute."""

    def __init__(self) -> None:
        self._free: dict[str, deque[tuple[float, int]]] = {}

    def measured(self, hosts: Iterable[Sampled], now: float) -> Iterator[Mapping[str, Measured]]:
        """Hours until each disk that fills is full, were it to fill as in the last hour."""
        fresh = {f"{host.host}/{host.service}": host for host in hosts if now - host.sampled_at <= STALE_S}
        self._free = {subject: self._free.get(subject, deque()) for subject in fresh}
        for subject, host in fresh.items():
            hours = _hours_left(self._free[subject], host)
            if hours is not None:
                text = f"at the rate of the last hour the disk is full in {hours:.1f} h"
                yield {"disk_full_in_h": Measured(subject=subject, value=hours, text=text)}


def _hours_left(seen: deque[tuple[float, int]], host: Sampled) -> float | None:
    """Also notes the sample, and forgets what is older than the window."""
    at, free = host.sampled_at, host.disk_free_bytes
    while seen and at - seen[0][0] > WINDOW_S:
        seen.popleft()
    if not seen or at - seen[-1][0] >= SPACING_S:
        seen.append((at, free))
    began, free_then = seen[0]
    if at - began < LEAST_S or free >= free_then:
        return None
    return free / ((free_then - free) / (at - began)) / 3600


def measured_of_certificate(path: Path | None, now: float) -> Iterator[Mapping[str, Measured]]:
    """Days until the first certificate of the PEM file ends; nothing where there is no file that can be read."""
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes()) if path is not None else []
    except (OSError, ValueError):
        return  # telemetry says why, and serves what it has
    if chain:
        ends = min(certificate.not_valid_after_utc for certificate in chain)
        days = (ends - datetime.fromtimestamp(now, UTC)).total_seconds() / 86_400
        text = f"the certificate ends on {ends:%Y-%m-%d %H:%M} UTC, in {days:.1f} days"
        yield {"certificate_days": Measured(subject=str(path), value=days, text=text)}
