"""Runs the engine that proves files: a process without torch, with the bounds of the child."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from truscore.process.bounded import clean_environment, run_bounded

from services.exporter.engine.files import PROOF, RESULT
from services.exporter.release import Artifact, Refusal
from services.exporter.task import Result

ENGINE = Path(__file__).parent / "engine"
# Of outputs that the gate has no tolerance for: the same file on the same runtime.
DEFAULT_TOLERANCE = 1e-3


class EngineFault(RuntimeError):
    """The engine ended without a result."""


async def proven_by_engine(result: Result, folder: Path, *, time_limit_s: float, memory_limit_bytes: int) -> Result:
    """The result without the files that an engine without torch answers otherwise with; each is refused by name.

    Files that no such engine can run stay as they are. What an engine has left in the folder already is taken as it is.
    Raises EngineFault. When cancelled, the process is killed.
    """
    if not (folder / PROOF).is_file() or not json.loads((folder / PROOF).read_bytes())["files"]:
        return result
    if not (folder / RESULT).is_file():
        await _run(folder, time_limit_s=time_limit_s, memory_limit_bytes=memory_limit_bytes)
    report = json.loads((folder / RESULT).read_bytes())
    kept, refused = [], list(result.refusals)
    for artifact in result.artifacts:
        answered = report["files"].get(artifact.format)
        if answered is None:
            kept.append(artifact)
        elif why := _why_not(artifact, answered):
            message = f"an engine without torch does not answer with {artifact.file_name} as its maker did: {why}"
            refused.append(Refusal(format=artifact.format, code="engine", message=message))
        else:
            note = f"{report['runtime']} without torch, on {artifact.parity.images} pictures"
            kept.append(replace(artifact, notes={**artifact.notes, "answered_by": note}))
    return Result(artifacts=tuple(kept), refusals=tuple(refused))


async def _run(folder: Path, *, time_limit_s: float, memory_limit_bytes: int) -> None:
    ended = await run_bounded(
        (sys.executable, str(ENGINE), str(folder)),
        environment=clean_environment(OMP_WAIT_POLICY="PASSIVE", CUDA_VISIBLE_DEVICES=""),
        stderr=folder / "engine-stderr.txt",
        time_limit_s=time_limit_s,
        memory_limit_bytes=memory_limit_bytes,
    )
    if ended.code or ended.timed_out or ended.memory_bytes is not None:
        raise EngineFault(
            f"the engine that proves the files ended with code {ended.code} (at most {time_limit_s:g} s and "
            f"{memory_limit_bytes} bytes of memory): {ended.stderr}"
        )


def _why_not(artifact: Artifact, answered: Mapping[str, Any]) -> str:
    """Empty where every output is near enough."""
    if "error" in answered:
        return str(answered["error"])
    apart = {name: float(value) for name, value in answered["worst"].items()}
    accepted = {name: artifact.parity.tolerance.get(name, DEFAULT_TOLERANCE) for name in apart}
    return ", ".join(
        f"{name} differ by {value:.3g} (accepted {accepted[name]:.3g})"
        for name, value in apart.items()
        if value > accepted[name]
    )
