"""When to alert, as data: built in, or read from a TOML file that replaces them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

MEASURES = {
    "silence_s": "seconds since a run in training made progress",
    "losses_not_finite": "how many of a run's last losses are NaN or infinite",
    "loss_growth": "a run's lowest recent loss over its lowest loss of all",
    "val_loss_growth": "a run's lowest recent validation loss over its lowest of all, while its training loss falls",
    "epochs_since_best": "epochs since a run's best",
    "loading_percent": "share of training that a run stood still for images, in each of its last epochs",
    "unfit_s": "seconds since a run ended whose model is not better than trivial predictors",
    "failed_s": "seconds since a run failed, in training or export",
    "memory_percent": "memory in use on a host",
    "gpu_memory_percent": "memory in use on the fullest GPU of a host",
    "gpu_celsius": "temperature of the hottest GPU of a host",
    "memory_limit_percent": "memory that a service's control group holds, of what it may hold",
    "gpus_throttled_by_heat": "GPUs of a host that run slower for their heat",
    "gpu_xid": "number of the last critical error (Xid) of a GPU of a host",
    "gpu_ecc_uncorrected": "memory errors of a host's GPUs that ECC could not correct",
    "dead_letters": "messages that a service gave up on",
    "unconsumed_messages": "messages that wait in an inbox that nobody consumes",
    "queue_growth": "how many more messages wait in an inbox than within the last hour",
    "queue_still_s": "seconds since a message was last taken from an inbox that has messages and a consumer",
    "dead_classes": "classes with images that a run's last evaluation never answered, in each of its last evaluations",
    "disk_free_gib": "free disk where a service works",
    "disk_full_in_h": "hours until the disk where a service works is full, as it filled in the last hour",
    "certificate_days": "days until the certificate ends that the monitor's gRPC is served with",
    "stray_s": "seconds since something was published under a routing key that is no event of the contract",
    "sample_age_s": "seconds since a service on a host sampled its hardware, which it does while it works",
}
SEVERITIES = ("warning", "critical")
# Rules that other services look at: whoever raised such an alert clears it.
OTHERS_RULES = frozenset({"mlflow.unavailable"})
MAX_RULES = 100
MAX_FILE_BYTES = 1_000_000


class InvalidRule(ValueError):
    """A rule file says something that isn't accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Holds where the measure is at least `at_least`, or at most `at_most`, for `for_s` seconds on end.

    What was raised is cleared once the measure is beyond `clear_at` (below it under `at_least`, above it under
    `at_most`; the bound itself where it is not given) for `clear_for_s` seconds on end.
    """

    name: str
    severity: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None
    for_s: float = 0
    clear_at: float | None = None
    clear_for_s: float = 0

    def __post_init__(self) -> None:
        if self.name in OTHERS_RULES:
            raise InvalidRule(f"rule {self.name!r}: the name is taken by a rule of another service")
        if self.severity not in SEVERITIES:
            raise InvalidRule(
                f"rule {self.name!r}: severity is {self.severity!r}, accepted are {', '.join(SEVERITIES)}"
            )
        if self.measure not in MEASURES:
            raise InvalidRule(f"rule {self.name!r}: measure is {self.measure!r}, accepted are {', '.join(MEASURES)}")
        if (self.at_least is None) == (self.at_most is None):
            raise InvalidRule(f"rule {self.name!r}: give either at_least or at_most")
        if self.clear_at is not None and not self._eases(self.clear_at):
            raise InvalidRule(f"rule {self.name!r}: clear_at is {self.clear_at:g}, {self._accepted_clear_at}")

    def _eases(self, clear_at: float) -> bool:
        if self.at_least is not None:
            return clear_at <= self.at_least
        return self.at_most is not None and clear_at >= self.at_most

    @property
    def _accepted_clear_at(self) -> str:
        if self.at_least is not None:
            return f"accepted is at most at_least, {self.at_least:g}"
        return f"accepted is at least at_most, {self.at_most:g}"

    def holds(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    def keeps(self, value: float) -> bool:
        """Whether an alert that was raised stays: between the bound and `clear_at` it is neither raised nor cleared."""
        if self.clear_at is None:
            return self.holds(value)
        return value >= self.clear_at if self.at_least is not None else value <= self.clear_at

    @property
    def bound_text(self) -> str:
        bound = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{self.measure} {bound}" + (f" for {self.for_s:g} s" if self.for_s else "")


RULES = (
    Rule(name="run.stalled", severity="critical", measure="silence_s", at_least=900),
    Rule(name="run.loss_not_finite", severity="critical", measure="losses_not_finite", at_least=1),
    Rule(name="run.diverging", severity="warning", measure="loss_growth", at_least=10, clear_at=5),
    Rule(name="run.overfitting", severity="warning", measure="val_loss_growth", at_least=1.5, clear_at=1.3),
    Rule(name="run.plateau", severity="warning", measure="epochs_since_best", at_least=20),
    Rule(name="run.dead_class", severity="warning", measure="dead_classes", at_least=1),
    Rule(name="run.data_starved", severity="warning", measure="loading_percent", at_least=30, clear_at=20),
    # These clear by themselves after a day: neither can be taken back.
    Rule(name="run.not_fit_for_use", severity="warning", measure="unfit_s", at_most=86_400),
    Rule(name="run.failed", severity="warning", measure="failed_s", at_most=86_400),
    Rule(
        name="host.memory_full",
        severity="warning",
        measure="memory_percent",
        at_least=95,
        for_s=60,
        clear_at=90,
        clear_for_s=60,
    ),
    Rule(
        name="host.gpu_memory_full",
        severity="warning",
        measure="gpu_memory_percent",
        at_least=98,
        for_s=60,
        clear_at=95,
        clear_for_s=60,
    ),
    Rule(
        name="host.gpu_hot",
        severity="warning",
        measure="gpu_celsius",
        at_least=90,
        for_s=60,
        clear_at=85,
        clear_for_s=60,
    ),
    Rule(
        name="host.gpu_throttled",
        severity="warning",
        measure="gpus_throttled_by_heat",
        at_least=1,
        for_s=60,
        clear_for_s=300,
    ),
    # Neither number ever falls while the driver is loaded; these clear when the service is started again.
    Rule(name="host.gpu_error", severity="critical", measure="gpu_xid", at_least=1),
    Rule(name="host.gpu_memory_errors", severity="critical", measure="gpu_ecc_uncorrected", at_least=1),
    Rule(
        name="host.memory_limit",
        severity="warning",
        measure="memory_limit_percent",
        at_least=90,
        for_s=60,
        clear_at=80,
        clear_for_s=60,
    ),
    Rule(name="queue.dead_letters", severity="warning", measure="dead_letters", at_least=1),
    Rule(
        name="queue.unconsumed",
        severity="critical",
        measure="unconsumed_messages",
        at_least=1,
        for_s=300,
        clear_for_s=60,
    ),
    Rule(name="queue.growing", severity="warning", measure="queue_growth", at_least=100, clear_at=50, clear_for_s=300),
    Rule(name="queue.stands_still", severity="warning", measure="queue_still_s", at_least=3600),
    # A typo in a routing key: nobody consumes it, and whoever published it waits for an answer. Clears after a day.
    Rule(name="message.stray", severity="warning", measure="stray_s", at_most=86_400),
    Rule(name="host.disk_full", severity="critical", measure="disk_free_gib", at_most=2, clear_at=3),
    Rule(
        name="host.disk_filling",
        severity="warning",
        measure="disk_full_in_h",
        at_most=6,
        for_s=600,
        clear_at=12,
        clear_for_s=600,
    ),
    Rule(name="certificate.expiring", severity="warning", measure="certificate_days", at_most=14),
)


def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """The rules of a file with one [[rule]] table each, or the built-in ones; InvalidRule names what isn't accepted."""
    if path is None:
        return RULES
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InvalidRule(f"{path} has {path.stat().st_size} bytes, at most {MAX_FILE_BYTES} are accepted")
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("rule", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRule(f"{path} is no TOML: {error}") from error
    if not isinstance(tables, list) or not 0 < len(tables) <= MAX_RULES:
        raise InvalidRule(f"{path}: give from 1 to {MAX_RULES} [[rule]] tables")
    rules = tuple(_rule(table, path) for table in tables)
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRule(f"{path}: rule {twice[0]!r} is there twice")
    return rules


def _rule(table: Mapping[str, Any], path: Path) -> Rule:
    numbers, texts = {"at_least", "at_most", "for_s", "clear_at", "clear_for_s"}, {"name", "severity", "measure"}
    accepted = [each.name for each in fields(Rule)]
    for key, value in table.items():
        if key not in accepted:
            raise InvalidRule(f"{path}: unknown key {key!r} in a rule, accepted are {', '.join(accepted)}")
        fits = (
            isinstance(value, str) if key in texts else isinstance(value, int | float) and not isinstance(value, bool)
        )
        if not fits:
            raise InvalidRule(f"{path}: {key} is {value!r}, accepted is a {'number' if key in numbers else 'text'}")
    if missing := sorted(texts - set(table)):
        raise InvalidRule(f"{path}: a rule lacks {', '.join(missing)}")
    return Rule(**table)
