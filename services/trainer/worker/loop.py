"""The training loop. It yields what happened and knows no detector, store, broker or page.

What is random in it comes from generators that are saved with the progress, and everything else is a function of the
recipe, the data and the step: going on from a saved point gives the bits that never stopping gives.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from truscore.recipes import FoundBatch, Recipe

from services.trainer.journal import EpochDone, Progressed
from services.trainer.worker.data import Batches, Share, training_steps
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.evaluate import Evaluation, evaluate
from services.trainer.worker.fsdp import gather_weights, scatter_weights
from services.trainer.worker.optim import learning_rate, set_learning_rate
from services.trainer.worker.run_time_left import time_left
from services.trainer.worker.tasks import Task
from services.trainer.worker.tasks.protocol import ChoosesThreshold
from services.trainer.worker.time_left import UnderWay
from services.trainer.worker.train_state import Progress, Sums

REPORTS_PER_EPOCH = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupted:
    """The run was requested to stop: "cancel", "pause" or "drain"; or has used up its "time_budget"."""

    stop: str


@dataclass(kw_only=True, slots=True)
class TrainingRun:
    """Everything a run is made of. ``model`` is what is trained, ``network`` what is saved: the same but for wrapping.

    ``stop_requested`` gives "cancel", "pause" or "drain" where the run is to stop, else "", the same on all processes;
    ``clock`` gives seconds.
    ``batch_size`` is this process's part of a batch: the recipe's, or a share of it where a CPU has several processes.
    ``chooses`` is whether validation images may choose a threshold, where the task has one to choose.
    ``steps_after`` are taken by others once this run is over, and ``evaluations_after``, as long as a validation each,
    are made of what is handed over: both count for when all is done. ``warm_up`` is the first report of this process:
    its epoch, how many of the epoch's steps were done and in how many seconds.
    """

    recipe: Recipe
    task: Task[Any, Any]
    batches: Batches[Any, Any]
    model: nn.Module
    network: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    half: bool
    group: WorkerGroup
    batch_size: int
    steps_per_epoch: int
    progress: Progress
    stop_requested: Callable[[], str]
    clock: Callable[[], float]
    time_budget_s: float = 0.0  # of training, over all processes' attempts; 0 for no bound
    epoch_began: float | None = None  # by the clock, as if the epoch under way had been trained in one go
    steps_after: int = 0
    evaluations_after: float = 1.0
    chooses: bool = True
    warm_up: tuple[int, int, float] | None = None
    found_batch: FoundBatch | None = (
        None  # what batch and learning rate of the recipe follow from, where it has them found
    )
    gradient_norm: torch.Tensor | None = None  # scalar, of the last step, before it was clipped; left on the device

    @property
    def epochs(self) -> int:
        return self.recipe.hyperparameters.training_process.epochs

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def over(self) -> bool:
        """Whether all epochs are done or patience is at its end."""
        patience = self.recipe.hyperparameters.training_process.early_stopping.patience
        return self.progress.epoch > self.epochs or self.progress.evaluations_without_improvement >= patience

    def trained_s(self) -> float:
        """Seconds of training so far, with its validation and saving, over all attempts."""
        done_s = sum(done.duration_s for done in self.progress.history) + self.progress.saving_s
        return done_s + (0.0 if self.epoch_began is None else self.clock() - self.epoch_began)

    def stop_due(self) -> str:
        """What is to stop the run now; the leading process's clock counts, as its requests do."""
        if stop := self.stop_requested():
            return stop
        if not self.time_budget_s:
            return ""
        return self.group.broadcast("time_budget" if self.trained_s() >= self.time_budget_s else "")

    def precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.half else nullcontext()


def train(run: TrainingRun) -> Iterator[Progressed | EpochDone | Interrupted]:
    """Train to the end from wherever ``run.progress`` stands; after Interrupted nothing more is done.

    The run is ready to be saved whenever an EpochDone or Interrupted is yielded. Raises Diverged.
    """
    while not run.over:
        began = run.epoch_began = run.clock() - run.progress.epoch_s
        # A resumed epoch goes on behind its last saved step: the images' order is a function of seed and epoch.
        for batches in _awaited(run, run.batches.training(steps_left(run))):
            if stop := run.stop_due():
                yield _interrupt(run, stop, began)
                return
            take_step(run, batches)
            if run.progress.step_in_epoch % max(1, run.steps_per_epoch // REPORTS_PER_EPOCH) == 0:
                yield _report(run, run.clock() - began)
        trained_s = run.clock() - began
        # Sharded weights have to be whole for evaluation and checkpoint; all processes take part.
        gather_weights(run.model, run.network)
        evaluation = _validated(run) if _validation_is_due(run) else Evaluation()
        if stop := run.stop_requested():
            yield _interrupt(run, stop, began)
            return
        done = _close_epoch(run, evaluation, trained_s=trained_s, duration_s=run.clock() - began)
        closed, run.epoch_began = run.clock(), None
        yield done
        # What is done with an epoch meanwhile is to save it.
        run.progress.saving_s += run.clock() - closed


def _awaited(run: TrainingRun, steps: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """The same, with the time noted that the run stood still for them; nothing here waits for the device."""
    while True:
        began = run.clock()
        batches = next(steps, None)
        run.progress.loading_s += run.clock() - began
        if batches is None:
            return
        yield batches


def steps_left(run: TrainingRun) -> list[Any]:
    """The steps of the epoch under way that are not done."""
    hyper = run.recipe.hyperparameters
    steps = training_steps(
        len(run.task.training),
        batch_size=run.batch_size,
        accumulate=hyper.advanced_settings.gradient_accumulation_steps,
        seed=run.recipe.seed,
        epoch=run.progress.epoch,
        share=Share(rank=run.group.rank, world_size=run.group.world_size),
    )
    return steps[run.progress.step_in_epoch :]


def take_step(run: TrainingRun, batches: Sequence[Any]) -> None:
    """One optimizer step over all the batches. Each counts by its images: many small ones equal a large one."""
    settings, progress = run.recipe.hyperparameters.optimization, run.progress
    run.model.train()  # each step: an evaluation leaves the network, which shares its modules, in eval mode
    # To none, not to zero: AdamW would still decay a weight whose gradient is zero, and passes over one that has none.
    run.optimizer.zero_grad(set_to_none=True)
    counts = [run.task.image_count(batch) for batch in batches]
    for number, (batch, count) in enumerate(zip(batches, counts, strict=True), start=1):
        with run.group.gradient_sync(run.model, last=number == len(batches)):
            with run.precision():
                # Scalars by name, left on the device: they are read from there once a report, ten times an epoch.
                parts = run.task.losses(run.model, run.task.to_device(batch, run.device))
                loss = torch.stack(list(parts.values())).sum()  # scalar, a mean over the batch's images
            # Outside of autocast, as PyTorch asks for: each gradient is computed in the type of its forward operation.
            # The last batch of an epoch may be smaller: weighing by images makes the step's gradient that of one batch.
            torch.autograd.backward(loss * (count / sum(counts)))
        progress.recent.add(parts, images=count)
    # Over all weights at once (Pascanu et al. 2013, "On the difficulty of training recurrent neural networks",
    # algorithm 1), and once a step: clipping each batch would make the result depend on how the step is cut up.
    run.gradient_norm = nn.utils.clip_grad_norm_(run.model.parameters(), settings.gradient_clipping)
    # The rate follows from the step alone, so a resumed run needs no scheduler's state.
    set_learning_rate(run.optimizer, learning_rate(settings, step=progress.step, total_steps=run.total_steps))
    run.optimizer.step()
    progress.step += 1
    progress.step_in_epoch += 1


def _report(run: TrainingRun, trained_s: float) -> Progressed:
    progress = run.progress
    parts = _settle(run)
    left = time_left(run, _under_way(run, trained_s))
    return Progressed(
        step=progress.step,
        total_steps=run.total_steps,
        epoch=progress.epoch,
        loss=sum(parts.values()),
        learning_rate=run.optimizer.param_groups[0]["lr"],
        # Of all processes: a step has a share of one size for each of them.
        images_per_second=progress.sums.images * run.group.world_size / trained_s,
        eta_s=left.eta_s,
        loss_parts=parts,
        eta_low_s=left.low_s,
        eta_high_s=left.high_s,
        gradient_norm=_gradient_norm(run),
    )


def _gradient_norm(run: TrainingRun) -> float:
    """0 before the first step of this process, and where weights are sharded: there all processes would have to ask."""
    norm = run.gradient_norm
    return float(norm) if norm is not None and not hasattr(norm, "full_tensor") else 0.0


def _under_way(run: TrainingRun, trained_s: float) -> UnderWay:
    """The epoch at the pace of its steps but for those that this process warmed up in."""
    epoch, steps = run.progress.epoch, run.progress.step_in_epoch
    run.warm_up = run.warm_up or (epoch, steps, trained_s)
    warm_epoch, warm_steps, warm_s = run.warm_up
    if warm_epoch == epoch and warm_steps < steps:
        pace_s = (trained_s - warm_s) / (steps - warm_steps)
    else:
        pace_s = trained_s / steps
    return UnderWay(share=steps / run.steps_per_epoch, epoch_s=pace_s * run.steps_per_epoch)


def _settle(run: TrainingRun) -> dict[str, float]:
    """Means since the last settlement, moved into the epoch's sums. Raises Diverged: nothing is saved after it."""
    recent = run.progress.recent
    # The only place where the host waits for the device (.item()); every step would stall the GPU's queue.
    means = recent.means()
    run.progress.sums.include(recent)
    run.progress.recent = Sums()
    return means


def _interrupt(run: TrainingRun, stop: str, began: float) -> Interrupted:
    run.progress.recent.means()  # Raises Diverged: what is no number must not be saved.
    run.progress.epoch_s = run.clock() - began
    return Interrupted(stop=stop)


def _validation_is_due(run: TrainingRun) -> bool:
    frequency = run.recipe.hyperparameters.training_process.validation_frequency
    # The last epoch always: where the frequency exceeds the epochs, the run would end without a single metric.
    return run.progress.epoch % frequency == 0 or run.progress.epoch == run.epochs


def _validated(run: TrainingRun) -> Evaluation:
    """The epoch's evaluation; at the threshold that does best in it, where the task has one."""
    evaluation = evaluate(run, until=run.stop_requested)
    if not (run.chooses and evaluation.image_results and isinstance(run.task, ChoosesThreshold)):
        return evaluation
    # All processes have all results, and choose alike.
    results = run.task.choose_threshold(run.network, evaluation.image_results)
    scatter_weights(run.network, run.model)
    return replace(evaluation, metrics=run.task.metrics(results), image_results=results)


def _close_epoch(run: TrainingRun, evaluation: Evaluation, *, trained_s: float, duration_s: float) -> EpochDone:
    _settle(run)
    progress, stopping = run.progress, run.recipe.hyperparameters.training_process.early_stopping
    is_best = evaluation.loss is not None and progress.record_score(
        evaluation.score(run.recipe.primary_metric), evaluation.metrics, min_delta=stopping.min_delta
    )
    # Every process has the loss of its own share; all shares have as many images, so the mean of means is the mean.
    losses = run.group.all_gather([sum(progress.sums.means().values())])
    done = EpochDone(
        epoch=progress.epoch,
        total_epochs=run.epochs,
        train_loss=sum(losses) / len(losses),
        val_loss=evaluation.loss,
        learning_rate=run.optimizer.param_groups[0]["lr"],
        metrics=evaluation.metrics,
        duration_s=duration_s,
        images_per_second=progress.sums.images * run.group.world_size / trained_s,
        eta_s=0.0,
        is_best=is_best,
        loading_s=progress.loading_s,
        validating_s=duration_s - trained_s,
    )
    # Told by the epochs done, of which this is one by then.
    progress.close_epoch(done)
    left = time_left(run)
    progress.history[-1] = replace(done, eta_s=left.eta_s, eta_low_s=left.low_s, eta_high_s=left.high_s)
    return progress.history[-1]
