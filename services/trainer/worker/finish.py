"""The end of a run: the best checkpoint judged once more, the report, and the journal's last word."""

from dataclasses import asdict
from typing import Any

from services.trainer.journal import Completed, Writer
from services.trainer.worker.build_run import Assembled, judged_by
from services.trainer.worker.checkpoint import read, weights_sha256
from services.trainer.worker.checkpointer import Keeper
from services.trainer.worker.cross_validation.folds import CrossValidated
from services.trainer.worker.evaluate import Validated, validate
from services.trainer.worker.loop import Run
from services.trainer.worker.report.properties import Originals, image_properties
from services.trainer.worker.report.resources import Machine
from services.trainer.worker.report.writer import Findings, Summary, write_report
from services.trainer.worker.run_dir import Order, RunDir
from services.trainer.worker.tasks import Samples


def conclude(
    assembled: Assembled,
    order: Order,
    *,
    machine: Machine,
    folds: CrossValidated | None,
    keeper: Keeper,
    run_dir: RunDir,
    journal: Writer,
) -> None:
    """Every process takes part in the judging; the leading one writes."""
    run = assembled.run
    final_sha256 = weights_sha256(run.network)
    # Said to the others rather than read by them: they may run where the leading process's disk can't be seen.
    handed_over = keeper.handed_over() if run.ranks.leads else None
    weights = run.ranks.agree({} if handed_over is None else read(handed_over.path)["model"])
    run.network.load_state_dict(weights)
    validated = validate(run)
    tested = validate(judged_by(run, order, order.test)) if order.test else Validated()
    if handed_over is not None:
        run_dir.report.mkdir(exist_ok=True)
        findings = Findings(
            validation=validated.metrics,
            validation_loss=validated.loss,
            test=tested.metrics,
            details=run.task.report(run.network, validated.verdicts, run_dir.report),
            **_judged_images(run.task.validation, order),
        )
        path = write_report(run_dir.report, _summary(assembled, order, final_sha256, machine, folds), findings)
        completed = Completed(
            epochs=len(run.progress.history),
            best_epoch=_best_epoch(run),
            metrics=validated.metrics,
            path=handed_over.path.relative_to(run_dir.path).as_posix(),
            sha256=handed_over.sha256,
            size_bytes=handed_over.size_bytes,
            weights_sha256=final_sha256,
            duration_s=sum(done.duration_s for done in run.progress.history),
            report=path.relative_to(run_dir.path).as_posix(),
        )
        journal.append(completed, durable=True)
    keeper.tidy()


def _judged_images(judged: Samples, order: Order) -> dict[str, Any]:
    """Paths by index and what the images are like; a task may leave out images that nothing is said of."""
    if not isinstance(judged, Originals):
        return {"judged": [record.path for record in order.validation], "properties": {}}
    return {"judged": [record.path for record in judged.records], "properties": image_properties(judged)}


def _best_epoch(run: Run) -> int:
    kept_last = run.recipe.hyperparameters.training_process.checkpoint_saving == "latest"
    best = run.progress.best
    return len(run.progress.history) if kept_last or best is None else best.epoch


def _summary(
    assembled: Assembled, order: Order, final_sha256: str, machine: Machine, folds: CrossValidated | None
) -> Summary:
    run = assembled.run
    parts = {"training": order.training, "validation": order.validation, "test": order.test}
    return Summary(
        run_id=order.run_id,
        recipe=order.recipe,
        class_names=order.class_names,
        dataset_digest=order.dataset_digest,
        images={name: len(records) for name, records in parts.items()},
        best_epoch=_best_epoch(run),
        weights_sha256=final_sha256,
        notes=assembled.notes,
        history=tuple(run.progress.history),
        machine=machine,
        saving_s=run.progress.saving_s,
        **_folded(folds),
    )


def _folded(folds: CrossValidated | None) -> dict[str, Any]:
    if folds is None:
        return {}
    return {
        "folds": tuple(asdict(fold) for fold in folds.folds),
        "spreads": {name: asdict(spread) for name, spread in folds.spreads.items()},
        "pooled": folds.pooled,
    }
