"""What an attempt is submitted to the cluster as: a Job, or a TrainJob. Names are derived, so that one attempt is one
object however often it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from services.trainer.launchers.kubernetes.nodes import Nodes

MESSAGE_CHARS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """A Job that has ended; ``reason`` and ``message`` are those of its condition, empty where it completed."""

    completed: bool
    reason: str = ""
    message: str = ""


DELETED = Ending(completed=False, reason="Deleted", message="the Job was deleted")


class Workload(Protocol):
    """One kind of object that runs pods to their end."""

    kind: ClassVar[Any]  # as lightkube has it
    expires: ClassVar[bool]  # whether the cluster removes one some time after its end

    def submitted(self, run_id: str, attempt: int, nodes: Nodes) -> Any:
        """The object that is created, without a namespace."""
        ...

    def beside(self, run_id: str, attempt: int, nodes: Nodes, owner: str) -> list[Any]:
        """What is created after it, and goes with it; ``owner`` is its uid."""
        ...

    def pod_labels(self, run_id: str, attempt: int) -> dict[str, str]:
        """What its pods are found by."""
        ...

    def ending(self, job: Any) -> Ending | None:
        """How it ended; None while it goes on."""
        ...


def name_of(run_id: str, attempt: int) -> str:
    """The object's name. ``run_id`` as ``run_id_for`` makes it."""
    return f"truscore-{run_id}-{attempt}"


def ending_in(conditions: Iterable[Any]) -> Ending | None:
    """Of conditions with type, status, reason and message; None while none of them says that it ended."""
    for condition in conditions:
        # "FailureTarget" and "SuccessCriteriaMet" come before, while pods are still there.
        if condition.type in {"Complete", "Failed"} and condition.status == "True":
            failed = condition.type == "Failed"
            return Ending(
                completed=not failed,
                reason=(condition.reason or "") if failed else "",
                message=(condition.message or "")[:MESSAGE_CHARS] if failed else "",
            )
    return None
