"""The training loop. It yields what happened and knows no detector, store, broker or page.

What is random in it comes from generators that are saved with the progress, and everything else is a function of the
recipe, the data and the step: going on from a saved point gives the bits that never stopping gives.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from truscore.recipes import Recipe

from services.trainer.journal import EpochDone, Progressed
from services.trainer.worker.data import Batches, Share, training_steps
from services.trainer.worker.distributed import Ranks
from services.trainer.worker.evaluate import Validated, validate
from services.trainer.worker.fsdp import bring_home
from services.trainer.worker.optim import learning_rate, set_learning_rate
from services.trainer.worker.tasks import Task
from services.trainer.worker.train_state import Progress, Sums

REPORTS_PER_EPOCH = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupted:
    """Somebody asked the run to stop: "cancel", "pause" or "drain"."""

    wish: str


@dataclass(kw_only=True, slots=True)
class Run:
    """Everything a run is made of. ``model`` is what is trained, ``network`` what is saved: the same but for wrapping.

    ``asked`` gives what was asked of the run, empty where nothing was, the same on all processes; ``clock`` seconds.
    ``steps_after`` are taken by others once this run is over, and count for when all is done.
    """

    recipe: Recipe
    task: Task[Any, Any]
    batches: Batches[Any, Any]
    model: nn.Module
    network: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    half: bool
    ranks: Ranks
    steps_per_epoch: int
    progress: Progress
    asked: Callable[[], str]
    clock: Callable[[], float]
    steps_after: int = 0

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
        return self.progress.epoch > self.epochs or self.progress.fruitless >= patience

    def precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.half else nullcontext()


def train(run: Run) -> Iterator[Progressed | EpochDone | Interrupted]:
    """Train to the end from wherever ``run.progress`` stands; after Interrupted nothing more is done.

    The run is ready to be saved whenever an EpochDone or Interrupted is yielded. Raises Diverged.
    """
    while not run.over:
        began = run.clock() - run.progress.epoch_s
        for batches in _awaited(run, run.batches.training(steps_left(run))):
            if wish := run.asked():
                yield _interrupt(run, wish, began)
                return
            take_step(run, batches)
            if run.progress.step_in_epoch % max(1, run.steps_per_epoch // REPORTS_PER_EPOCH) == 0:
                yield _report(run, run.clock() - began)
        trained_s = run.clock() - began
        bring_home(run.model, run.network)
        validated = validate(run, until=run.asked) if _validation_is_due(run) else Validated()
        if wish := run.asked():
            yield _interrupt(run, wish, began)
            return
        done = _close_epoch(run, validated, trained_s=trained_s, duration_s=run.clock() - began)
        closed = run.clock()
        yield done
        # What is done with an epoch meanwhile is to save it.
        run.progress.saving_s += run.clock() - closed


def _awaited(run: Run, steps: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """The same, with the time noted that the run stood still for them; nothing here waits for the device."""
    while True:
        began = run.clock()
        batches = next(steps, None)
        run.progress.loading_s += run.clock() - began
        if batches is None:
            return
        yield batches


def steps_left(run: Run) -> list[Any]:
    """The steps of the epoch under way that are not done."""
    hyper = run.recipe.hyperparameters
    steps = training_steps(
        len(run.task.training),
        batch_size=hyper.optimization.batch_size,
        accumulate=hyper.advanced_settings.gradient_accumulation_steps,
        seed=run.recipe.seed,
        epoch=run.progress.epoch,
        share=Share(rank=run.ranks.rank, world_size=run.ranks.world_size),
    )
    return steps[run.progress.step_in_epoch :]


def take_step(run: Run, batches: Sequence[Any]) -> None:
    """One optimizer step over all the batches. Each counts by its images: many small ones equal a large one."""
    settings, progress = run.recipe.hyperparameters.optimization, run.progress
    run.model.train()
    run.optimizer.zero_grad(set_to_none=True)
    counts = [run.task.image_count(batch) for batch in batches]
    for number, (batch, count) in enumerate(zip(batches, counts, strict=True), start=1):
        with run.ranks.accumulating(run.model, last=number == len(batches)):
            with run.precision():
                parts = run.task.losses(run.model, run.task.to_device(batch, run.device))
                loss = torch.stack(list(parts.values())).sum()
            torch.autograd.backward(loss * (count / sum(counts)))
        progress.recent.add(parts, images=count)
    nn.utils.clip_grad_norm_(run.model.parameters(), settings.gradient_clipping)
    set_learning_rate(run.optimizer, learning_rate(settings, step=progress.step, total_steps=run.total_steps))
    run.optimizer.step()
    progress.step += 1
    progress.step_in_epoch += 1


def _report(run: Run, trained_s: float) -> Progressed:
    progress = run.progress
    parts = _settle(run)
    return Progressed(
        step=progress.step,
        total_steps=run.total_steps,
        epoch=progress.epoch,
        loss=sum(parts.values()),
        learning_rate=run.optimizer.param_groups[0]["lr"],
        images_per_second=progress.sums.images * run.ranks.world_size / trained_s,
        eta_s=trained_s / progress.step_in_epoch * (run.total_steps - progress.step + run.steps_after),
        loss_parts=parts,
    )


def _settle(run: Run) -> dict[str, float]:
    """Means since the last settlement, moved into the epoch's sums. Raises Diverged: nothing is saved after it."""
    recent = run.progress.recent
    means = recent.means()
    run.progress.sums.include(recent)
    run.progress.recent = Sums()
    return means


def _interrupt(run: Run, wish: str, began: float) -> Interrupted:
    run.progress.recent.means()  # Raises Diverged: what is no number must not be saved.
    run.progress.epoch_s = run.clock() - began
    return Interrupted(wish=wish)


def _validation_is_due(run: Run) -> bool:
    frequency = run.recipe.hyperparameters.training_process.validation_frequency
    return run.progress.epoch % frequency == 0 or run.progress.epoch == run.epochs


def _close_epoch(run: Run, validated: Validated, *, trained_s: float, duration_s: float) -> EpochDone:
    _settle(run)
    progress, stopping = run.progress, run.recipe.hyperparameters.training_process.early_stopping
    is_best = validated.loss is not None and progress.judge(
        validated.score(run.recipe.primary_metric), validated.metrics, min_delta=stopping.min_delta
    )
    losses = run.ranks.gather([sum(progress.sums.means().values())])
    durations_s = [*(done.duration_s for done in progress.history), duration_s]
    epochs_left = run.epochs - progress.epoch + run.steps_after / run.steps_per_epoch
    done = EpochDone(
        epoch=progress.epoch,
        total_epochs=run.epochs,
        train_loss=sum(losses) / len(losses),
        val_loss=validated.loss,
        learning_rate=run.optimizer.param_groups[0]["lr"],
        metrics=validated.metrics,
        duration_s=duration_s,
        images_per_second=progress.sums.images * run.ranks.world_size / trained_s,
        eta_s=sum(durations_s) / len(durations_s) * epochs_left,
        is_best=is_best,
        loading_s=progress.loading_s,
        validating_s=duration_s - trained_s,
    )
    progress.close_epoch(done)
    return done
