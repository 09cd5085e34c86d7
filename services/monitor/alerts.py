"""When a person should know: rules over runs, hosts and unknown events in, alerts to raise and clear out. The time is
an argument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from uuid import UUID, uuid5

from services.monitor.diagnosis import measures_of_end, measures_of_epochs
from services.monitor.facts import Acknowledged, AlertFact, Cleared, Raised, Sampled, UnknownEvent
from services.monitor.rules import OTHERS_RULES, Rule
from services.monitor.run import Run
from services.monitor.stage import Stage, failed_at, message_of, stage_of

_NAMESPACE = UUID("6f4b7a52-6a2e-5d0c-9a55-3a9d2f0c7e11")
STALE_S = 300.0
HEAT = frozenset({"hw_thermal_slowdown", "sw_thermal_slowdown"})
_FEW = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertState:
    """An alert by its rule and subject, as last raised, last cleared and last acknowledged."""

    raised: Raised | None = None
    cleared_at: float = 0
    acknowledged: Acknowledged | None = None

    @property
    def stands(self) -> bool:
        return self.raised is not None and self.raised.raised_at > self.cleared_at

    @property
    def since(self) -> float:
        return max(self.raised.raised_at if self.raised else 0, self.cleared_at)

    @property
    def acknowledgement(self) -> Acknowledged | None:
        """Of what stands now: who took note of an earlier time has not seen this one."""
        known = self.acknowledged
        if known is None or self.raised is None or known.acknowledged_at < self.raised.raised_at:
            return None
        return known


def with_alert(standing: AlertState | None, fact: AlertFact) -> AlertState:
    standing = standing or AlertState()
    if isinstance(fact, Acknowledged):
        known = standing.acknowledged
        newer = known is None or fact.acknowledged_at >= known.acknowledged_at
        return replace(standing, acknowledged=fact if newer else known)
    if isinstance(fact, Cleared):
        return replace(standing, cleared_at=max(standing.cleared_at, fact.cleared_at))
    newer = standing.raised is None or fact.raised_at > standing.raised.raised_at
    return replace(standing, raised=fact if newer else standing.raised)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a rule looks at: one value of one subject, and how to say it."""

    subject: str
    value: float
    text: str


def measured_of_run(run: Run, now: float) -> Mapping[str, Measured]:
    """Measures of a run by name; one that means nothing at this stage is absent."""
    found: dict[str, tuple[float, str]] = {}
    failed = failed_at(run)
    if failed is not None:
        found["failed_s"] = (now - failed, message_of(run))
    if stage_of(run) is Stage.TRAINING:
        silence_s = now - run.last_progress_at
        found["silence_s"] = (silence_s, f"no progress for {silence_s:.0f} s")
        losses = _last_losses(run)
        if losses:
            broken = sum(not isfinite(loss) for loss in losses)
            found["losses_not_finite"] = (broken, f"the training loss is {losses[-1]}")
            found["loss_growth"] = _growth(run, losses)
        found |= measures_of_epochs(run)
    found |= measures_of_end(run, now)
    return {name: Measured(subject=run.run_id, value=value, text=text) for name, (value, text) in found.items()}


def _last_losses(run: Run) -> list[float]:
    count = len(run.curve)
    losses = [run.curve[i].loss for i in range(max(0, count - _FEW), count)]
    return losses + ([run.epochs[max(run.epochs)].train_loss] if run.epochs else [])


def _growth(run: Run, losses: list[float]) -> tuple[float, str]:
    """The smallest of the last few losses over the smallest of all: a single spike is not divergence."""
    finite = [loss for loss in run.curve.losses if isfinite(loss) and loss > 0]
    lately = min((loss for loss in losses if isfinite(loss)), default=0.0)
    lowest = min(finite, default=0.0)
    growth = lately / lowest if lowest > 0 else 0.0
    return growth, f"the training loss is {lately:.4g}, {growth:.1f} times its lowest {lowest:.4g}"


def measured_of_host(sample: Sampled, now: float) -> Mapping[str, Measured]:
    """Measures of a host by name; only the age of its last sample where that is too old for what it measured."""
    age_s = now - sample.sampled_at
    found = {"sample_age_s": (age_s, f"the last hardware sample is {age_s:.0f} s old")}
    if age_s <= STALE_S:
        found |= _load_of(sample)
    subject = f"{sample.host}/{sample.service}"
    return {name: Measured(subject=subject, value=value, text=text) for name, (value, text) in found.items()}


def _load_of(sample: Sampled) -> dict[str, tuple[float, str]]:
    gib = 2**30
    found = {
        "disk_free_gib": (sample.disk_free_bytes / gib, f"{sample.disk_free_bytes / gib:.1f} GiB of disk are free"),
    }
    if sample.memory_total_bytes:
        share = 100 * sample.memory_used_bytes / sample.memory_total_bytes
        found["memory_percent"] = (share, f"{share:.0f} % of the memory is in use")
    if sample.cgroup_memory_limit_bytes:
        share = 100 * sample.cgroup_memory_bytes / sample.cgroup_memory_limit_bytes
        limit_gib = sample.cgroup_memory_limit_bytes / gib
        found["memory_limit_percent"] = (share, f"{share:.0f} % of the {limit_gib:.1f} GiB that it may use are in use")
    return found | _load_of_gpus(sample)


def _load_of_gpus(sample: Sampled) -> dict[str, tuple[float, str]]:
    found: dict[str, tuple[float, str]] = {}
    for gpu in sample.gpus:
        share = 100 * gpu.memory_used_bytes / gpu.memory_total_bytes if gpu.memory_total_bytes else 0.0
        if share >= found.get("gpu_memory_percent", (0.0, ""))[0]:
            found["gpu_memory_percent"] = (share, f"{share:.0f} % of the memory of GPU {gpu.index} is in use")
        if gpu.temperature_celsius >= found.get("gpu_celsius", (0.0, ""))[0]:
            found["gpu_celsius"] = (gpu.temperature_celsius, f"GPU {gpu.index} is at {gpu.temperature_celsius:.0f} °C")
    return found | (_faults_of_gpus(sample) if sample.gpus else {})


def _faults_of_gpus(sample: Sampled) -> dict[str, tuple[float, str]]:
    hot = [gpu for gpu in sample.gpus if HEAT & set(gpu.throttle_reasons)]
    xid = max(sample.gpus, key=lambda gpu: gpu.last_xid)
    errors = sum(gpu.ecc_uncorrected_errors for gpu in sample.gpus)
    slowed = ", ".join(f"GPU {gpu.index} at {gpu.temperature_celsius:.0f} °C and {gpu.sm_clock_mhz} MHz" for gpu in hot)
    return {
        "gpus_throttled_by_heat": (len(hot), f"slowed down by heat: {slowed or 'none'}"),
        "gpu_xid": (xid.last_xid, f"GPU {xid.index} had the critical error Xid {xid.last_xid}"),
        "gpu_ecc_uncorrected": (errors, f"{errors} errors of GPU memory could not be corrected"),
    }


def measured_of_unknown_event(event: UnknownEvent, now: float) -> Mapping[str, Measured]:
    """Measures of what was published under a routing key and is no event."""
    return {"stray_s": Measured(subject=event.routing_key, value=now - event.at, text=event.reason)}


def alert_id_of(rule: str, subject: str) -> str:
    return str(uuid5(_NAMESPACE, f"{rule}\0{subject}"))


class Watchdog:
    """Holds the rules against the board; remembers only since when a condition has held, or has been over."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._held_since: dict[str, float] = {}
        self._over_since: dict[str, float] = {}

    def look(
        self,
        runs: Iterable[Run],
        hosts: Iterable[Sampled],
        standing: Mapping[str, AlertState],
        now: float,
        *,
        unknown_events: Iterable[UnknownEvent] = (),
        more: Iterable[Mapping[str, Measured]] = (),
    ) -> list[Raised | Cleared]:
        """What to say now: conditions that began to hold for long enough, and alerts whose condition ended. `more` was
        measured elsewhere."""
        measured = [
            *(measured_of_run(run, now) for run in runs),
            *(measured_of_host(host, now) for host in hosts),
            *(measured_of_unknown_event(event, now) for event in unknown_events),
            *more,
        ]
        seen = dict(self._seen(measured))
        holding = {alert_id: each for alert_id, each in seen.items() if each[0].holds(each[1].value)}
        self._held_since = {alert_id: self._held_since.get(alert_id, now) for alert_id in holding}
        return [*self._to_raise(holding, standing, now), *self._to_clear(seen, standing, now)]

    def _seen(self, by_subject: Iterable[Mapping[str, Measured]]) -> Iterator[tuple[str, tuple[Rule, Measured]]]:
        for measures in by_subject:
            for rule in self._rules:
                found = measures.get(rule.measure)
                if found is not None:
                    yield alert_id_of(rule.name, found.subject), (rule, found)

    def _to_raise(
        self, holding: Mapping[str, tuple[Rule, Measured]], standing: Mapping[str, AlertState], now: float
    ) -> Iterator[Raised]:
        for alert_id, (rule, found) in holding.items():
            stands = alert_id in standing and standing[alert_id].stands
            if not stands and now - self._held_since[alert_id] >= rule.for_s:
                yield Raised(
                    alert_id=alert_id,
                    rule=rule.name,
                    severity=rule.severity,
                    subject=found.subject,
                    message=f"{found.text} ({rule.bound_text})",
                    raised_at=now,
                )

    def _to_clear(
        self, seen: Mapping[str, tuple[Rule, Measured]], standing: Mapping[str, AlertState], now: float
    ) -> Iterator[Cleared]:
        ours = {
            alert_id: alert.raised
            for alert_id, alert in standing.items()
            if alert.raised and alert.stands and alert.raised.rule not in OTHERS_RULES
        }
        over = {
            alert_id
            for alert_id in ours
            if alert_id not in seen or not seen[alert_id][0].keeps(seen[alert_id][1].value)
        }
        self._over_since = {alert_id: self._over_since.get(alert_id, now) for alert_id in over}
        for alert_id in over:
            # What is no longer measured at all (the run ended, the host is silent) waits for nothing.
            wait_s = seen[alert_id][0].clear_for_s if alert_id in seen else 0
            if now - self._over_since[alert_id] >= wait_s:
                raised = ours[alert_id]
                yield Cleared(alert_id=alert_id, rule=raised.rule, subject=raised.subject, cleared_at=now)


def alerts_about(alerts: Mapping[str, AlertState], subject: str) -> list[AlertState]:
    """The alerts about one subject that stand."""
    return [each for each in alerts.values() if each.raised and each.stands and each.raised.subject == subject]
