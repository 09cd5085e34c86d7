"""From a completed run to a release: look, fetch, make, keep. Says nothing; that is the handler's."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from truscore.catalog.export_formats import FORMATS
from truscore.files import is_full_disk
from truscore.storage import NoSpace, Store

from services.exporter.child_process import ChildFault
from services.exporter.formats import choose_formats
from services.exporter.inputs import Inputs, Unexportable, Wanted, fetch_inputs, origin_of
from services.exporter.order import ExportOrder, ExportOutcome
from services.exporter.prepared_child import PreparedChildren
from services.exporter.release import Artifact, Refusal, Release
from services.exporter.release_store import ReleaseStore
from services.exporter.task import Result, Task

RunChild = Callable[[Task, Path], Awaitable[Result]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofSettings:
    """How much proof an artefact gets."""

    parity_pictures: int
    benchmark_rounds: int
    metric_images: int = 0  # of each split, validation and test
    calibration_images: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Exporter:
    """Makes each release once: what was kept before is answered again from its manifest."""

    store: Store
    releases: ReleaseStore
    run_child: RunChild
    workdir: Path
    proof: ProofSettings
    code_commit: str = ""
    prepared: PreparedChildren | None = None
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def export(self, order: ExportOrder) -> ExportOutcome:
        """One order at a time: the bounds of memory are those of one child."""
        accepted, refused = choose_formats(order)
        if not accepted:
            return ExportOutcome(release=None, refusals=refused)
        async with self._busy:
            outcome = await self._found_or_made(order, accepted, refused)
            if self.prepared is not None:
                await self.prepared.prepare()  # for the next order
            return outcome

    async def _found_or_made(
        self, order: ExportOrder, accepted: tuple[str, ...], refused: tuple[Refusal, ...]
    ) -> ExportOutcome:
        before = await asyncio.to_thread(self.releases.of_run, order) if order.further else ()
        if order.further:
            if release := next((each for each in before if made_formats(each) >= set(accepted)), None):
                return ExportOutcome(release=release, refusals=refused)
        elif release := await asyncio.to_thread(self.releases.find, order):
            return ExportOutcome(release=release, refusals=release.refusals)
        with TemporaryDirectory(prefix=f"{order.run_id}-", dir=self.workdir, ignore_cleanup_errors=True) as scratch:
            try:
                return await self._make(order, accepted, refused, before, Path(scratch))
            except (Unexportable, ChildFault, NoSpace, OSError) as error:
                if not (code := code_of(error)):
                    raise
                why = tuple(Refusal(format=name, code=code, message=str(error)) for name in accepted)
                return ExportOutcome(release=None, refusals=refused + why)

    async def _make(
        self,
        order: ExportOrder,
        accepted: tuple[str, ...],
        refused: tuple[Refusal, ...],
        before: tuple[Release, ...],
        folder: Path,
    ) -> ExportOutcome:
        began_s = self.clock()
        kept = await asyncio.to_thread(self._fetch_kept, before, folder)
        result = await self._result(order, tuple(name for name in accepted if name not in kept), folder)
        report_refusals = await asyncio.to_thread(self._keep_reports, order, result.refusals, folder)
        refusals = refused + report_refusals
        artifacts = {**kept, **{each.format: each for each in result.artifacts}}
        if not set(accepted) & set(artifacts):
            return ExportOutcome(release=None, refusals=refusals)
        version = order.version_of(artifacts)
        # Another exporter may have been given the same message meanwhile: what it announced stays as announced.
        release = await asyncio.to_thread(self._announced, order, version)
        if release is None:
            made = _release(
                order,
                tuple(artifacts.values()),
                refusals,
                version=version,
                duration_s=self.clock() - began_s,
                exported_at=self.now().isoformat(),
            )
            origin = await asyncio.to_thread(origin_of, self.store, order, code_commit=self.code_commit)
            release = await asyncio.to_thread(self.releases.keep, made, folder, origin)
        return ExportOutcome(release=release, refusals=refusals if order.further else release.refusals)

    def _announced(self, order: ExportOrder, version: str) -> Release | None:
        return self.releases.at(order, version) if order.further else self.releases.find(order)

    def _fetch_kept(self, before: Sequence[Release], folder: Path) -> dict[str, Artifact]:
        """What was made of the run before, proven then, by format; its files in the folder."""
        kept: dict[str, Artifact] = {}
        for release in before:
            for artifact in release.artifacts:
                if artifact.format not in kept:
                    self.releases.fetch(release, artifact, folder)
                    kept[artifact.format] = artifact
        return kept

    async def _result(self, order: ExportOrder, formats: tuple[str, ...], folder: Path) -> Result:
        if not formats:
            return Result(artifacts=(), refusals=())
        inputs = await asyncio.to_thread(fetch_inputs, self.store, order, folder, wanted=self._wanted(formats))
        return await self.run_child(self._task(order, formats, inputs, folder), folder)

    def _keep_reports(self, order: ExportOrder, refusals: tuple[Refusal, ...], folder: Path) -> tuple[Refusal, ...]:
        """What the gate measured of files that it refused, in the store; each refusal says where."""
        kept = []
        for refusal in refusals:
            if refusal.report:
                uri = self.releases.keep_report(order, folder / refusal.report)
                refusal = replace(refusal, report=uri, message=f"{refusal.message}; report: {uri}")  # noqa: PLW2901
            kept.append(refusal)
        return tuple(kept)

    def _wanted(self, formats: tuple[str, ...]) -> Wanted:
        return Wanted(
            pictures=self.proof.parity_pictures,
            evaluated=self.proof.metric_images,
            calibration=self.proof.calibration_images if any(FORMATS[name].calibrated for name in formats) else 0,
        )

    def _task(self, order: ExportOrder, formats: tuple[str, ...], inputs: Inputs, folder: Path) -> Task:
        return Task(
            checkpoint=str(inputs.checkpoint),
            formats=formats,
            pictures=tuple(map(str, inputs.pictures)),
            benchmark_rounds=self.proof.benchmark_rounds,
            output_folder=str(folder),
            calibration=tuple(map(str, inputs.calibration)),
            evaluated=inputs.evaluated,
            index=str(inputs.index) if inputs.index and (inputs.evaluated or inputs.lit) else "",
            training=inputs.training,
            lit=inputs.lit,
            row=(order.category, order.option, order.architecture),
            provenance={
                "model_id": order.model_id,
                "version": order.version,
                "run_id": order.run_id,
                "dataset_id": order.dataset_id,
                "dataset_version": order.dataset_version,
                "checkpoint_sha256": order.checkpoint.sha256,
            },
        )


def code_of(error: Exception) -> str:
    """What an order that ended so is answered with; empty where it is to be tried again."""
    if isinstance(error, Unexportable | ChildFault):
        return error.code
    return "disk_full" if isinstance(error, NoSpace) or is_full_disk(error) else ""


def made_formats(release: Release) -> set[str]:
    return {artifact.format for artifact in release.artifacts}


def _release(
    order: ExportOrder,
    artifacts: tuple[Artifact, ...],
    refusals: tuple[Refusal, ...],
    *,
    version: str,
    duration_s: float,
    exported_at: str,
) -> Release:
    return Release(
        model_id=order.model_id,
        version=version,
        run_id=order.run_id,
        checkpoint_sha256=order.checkpoint.sha256,
        dataset_id=order.dataset_id,
        dataset_version=order.dataset_version,
        category=order.category,
        option=order.option,
        architecture=order.architecture,
        metrics=order.metrics,
        artifacts=artifacts,
        refusals=refusals,
        duration_s=duration_s,
        exported_at=exported_at,
        comparison=order.comparison,
    )
