"""Which processes of the local stack wait for their next order."""

from __future__ import annotations

import pytest

from deploy.local.services import WAITING, without_waiting
from services.exporter import settings as exporter
from services.trainer import settings as trainer


@pytest.mark.parametrize(("gigabytes", "said"), [(4, dict.fromkeys(WAITING, "false")), (8, {})])
def test_on_a_machine_with_little_memory_nothing_waits(gigabytes: int, said: dict[str, str]) -> None:
    # What the kernel keeps for itself is missing from what it tells.
    assert without_waiting(int(gigabytes * 0.97e9)) == said


def test_what_is_switched_off_are_settings_of_the_services() -> None:
    both = (exporter.Settings, trainer.Settings)
    known = {f"TRUSCORE_{name.upper()}" for settings in both for name in settings.model_fields}
    assert set(WAITING) <= known
