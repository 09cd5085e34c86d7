"""The end of a run: the best checkpoint evaluated once more, the report, and the journal's last record."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from truscore.metrics.plugins import custom_metrics
from truscore.process.code_version import environment

from services.trainer.journal import Completed, Writer
from services.trainer.worker.build_run import BuiltRun, evaluated_on
from services.trainer.worker.checkpoint import read, weights_sha256
from services.trainer.worker.checkpointer import Checkpointer
from services.trainer.worker.comparison import compare_with_trivial
from services.trainer.worker.cross_validation.folds import CrossValidated
from services.trainer.worker.evaluate import Evaluation, evaluate
from services.trainer.worker.evaluated_details import evaluated
from services.trainer.worker.loop import TrainingRun
from services.trainer.worker.report.properties import Originals, image_properties
from services.trainer.worker.report.resources import ResourceUsage
from services.trainer.worker.report.writer import RunResults, Summary, write_report
from services.trainer.worker.run_dir import RunDir, TrainingJob
from services.trainer.worker.tasks import Samples


def finish_run(
    built: BuiltRun,
    job: TrainingJob,
    *,
    usage: ResourceUsage,
    folds: CrossValidated | None,
    checkpointer: Checkpointer,
    run_dir: RunDir,
    journal: Writer,
) -> None:
    """Every process takes part in the evaluation; the leading one writes."""
    run = built.run
    # Of the last epoch's weights, before the best ones are loaded over them: what a resumed run has to come to as well.
    final_sha256 = weights_sha256(run.network)
    # Broadcast to the others rather than read by them: they may run where the leading process's disk can't be seen.
    final_checkpoint = checkpointer.final_checkpoint() if run.group.is_main else None
    weights = run.group.broadcast({} if final_checkpoint is None else read(final_checkpoint.path)["model"])
    run.network.load_state_dict(weights)
    # Once more, with the weights that are handed over: the report needs what was predicted on each image.
    evaluation = evaluate(run)
    # The test split is looked at here alone, after everything was chosen (decision 18).
    tested = evaluate(evaluated_on(run, job, job.test)) if job.test else Evaluation()
    # The leading process alone: the others took part in the evaluation, and write nothing.
    if final_checkpoint is not None:
        run_dir.report.mkdir(exist_ok=True)
        comparison = compare_with_trivial(run.task, evaluation, job.validation, run.recipe)
        details = run.task.report(run.network, evaluation.image_results, run_dir.report)
        custom, faults = custom_metrics(_to_plug_ins(run, job, evaluation, details))
        run_results = RunResults(
            comparison=comparison,
            validation=evaluation.metrics,
            validation_loss=evaluation.loss,
            test=tested.metrics,
            details=details,
            custom_metrics=custom,
            **_evaluated_images(run.task.validation, job),
        )
        summary = _summary(built, job, final_sha256, usage, folds)
        notes = {f"metric {name}": fault for name, fault in faults.items()}
        summary = replace(summary, notes={**summary.notes, **notes})
        path = write_report(run_dir.report, summary, run_results)
        journal.append(evaluated(details, epoch=_best_epoch(run), custom_metrics=custom))
        completed = Completed(
            epochs=len(run.progress.history),
            best_epoch=_best_epoch(run),
            metrics=evaluation.metrics,
            path=final_checkpoint.path.relative_to(run_dir.path).as_posix(),
            sha256=final_checkpoint.sha256,
            size_bytes=final_checkpoint.size_bytes,
            weights_sha256=final_sha256,
            # Of the epochs, over all attempts: neither the wait for another host nor this evaluation counts.
            duration_s=sum(done.duration_s for done in run.progress.history),
            report=path.relative_to(run_dir.path).as_posix(),
            comparison=comparison,
        )
        # Last of all: once this record is on disk, the run is over for whoever resumes it.
        journal.append(completed, durable=True)
    checkpointer.remove_superseded()


def _to_plug_ins(
    run: TrainingRun, job: TrainingJob, evaluation: Evaluation, details: Mapping[str, Any]
) -> dict[str, Any]:
    """What metrics of other packages get, in plain values."""
    return {
        "category": run.recipe.category,
        "option": run.recipe.option,
        "architecture": run.recipe.architecture,
        "class_names": list(job.class_names),
        "metrics": dict(evaluation.metrics),
        "details": json.loads(json.dumps(details)),
    }


def _evaluated_images(evaluated: Samples, job: TrainingJob) -> dict[str, Any]:
    """Paths by index and what the images are like; a task may leave out images without a label."""
    if not isinstance(evaluated, Originals):
        return {"evaluated": [record.path for record in job.validation], "properties": {}}
    return {"evaluated": [record.path for record in evaluated.records], "properties": image_properties(evaluated)}


def _best_epoch(run: TrainingRun) -> int:
    kept_last = run.recipe.hyperparameters.training_process.checkpoint_saving == "latest"
    best = run.progress.best
    # None where no epoch was validated: then the last one is what there is.
    return len(run.progress.history) if kept_last or best is None else best.epoch


def _summary(
    built: BuiltRun, job: TrainingJob, final_sha256: str, usage: ResourceUsage, folds: CrossValidated | None
) -> Summary:
    run = built.run
    parts = {"training": job.training, "validation": job.validation, "test": job.test}
    return Summary(
        run_id=job.run_id,
        recipe=job.recipe,
        class_names=job.class_names,
        dataset_digest=job.dataset_digest,
        images={name: len(records) for name, records in parts.items()},
        best_epoch=_best_epoch(run),
        weights_sha256=final_sha256,
        notes=built.notes,
        history=tuple(run.progress.history),
        usage=usage,
        saving_s=run.progress.saving_s,
        git_commit=job.git_commit,
        git_dirty=job.git_dirty,
        environment=environment(),
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
