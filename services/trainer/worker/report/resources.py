"""What bound a run and what would make the next one faster. Every sentence carries the figure it follows from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from truscore.recipes import Recipe

from services.trainer.worker.report.performance import Performance

# What counts as much, of the run's time or of the device's memory.
LOADING_SHARE, VALIDATING_SHARE, SAVING_SHARE = 0.2, 0.3, 0.15
MEMORY_FULL, MEMORY_IDLE = 0.9, 0.45
BUSY_CORES, IDLE_EPOCHS_SHARE = 0.8, 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceUsage:
    """Where the run was: bytes are of the GPU where there is one, else of this machine; cores are those it may use."""

    device: str
    gpu: bool
    cores: int
    busy_cores: float  # processor time over wall time since the process began
    loader_processes: int
    memory_peak_bytes: int
    memory_total_bytes: int
    half_precision: bool

    @property
    def memory_share(self) -> float:
        return self.memory_peak_bytes / max(1, self.memory_total_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What to do, and the figures that say so."""

    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """``bound_by`` is "memory", "data loading", "validation", "saving" or "compute"."""

    bound_by: str
    because: str
    advice: tuple[Advice, ...]
    machine: ResourceUsage


def assess_resources(performance: Performance, machine: ResourceUsage, recipe: Recipe) -> Resources:
    """Memory is looked at first, then the phases of the run, and what is left is compute."""
    bound_by, because = _bound(performance, machine)
    advice = (
        *_on_loading(performance, machine),
        *_on_validating(performance, recipe),
        *_on_saving(performance),
        *_on_memory(machine, recipe),
        *_on_compute(performance, machine, recipe),
        *_on_epochs(performance),
    )
    return Resources(bound_by=bound_by, because=because, advice=advice, machine=machine)


def _bound(performance: Performance, machine: ResourceUsage) -> tuple[str, str]:
    shares = {phase: performance.share(phase) for phase in performance.seconds}
    if machine.memory_share >= MEMORY_FULL:
        held = f"{_gigabytes(machine.memory_peak_bytes)} of {_gigabytes(machine.memory_total_bytes)}"
        return "memory", f"at its peak the run held {held}"
    if shares["loading"] >= LOADING_SHARE:
        return "data loading", f"{shares['loading']:.0%} of the time was spent waiting for images"
    if shares["saving"] >= SAVING_SHARE:
        return "saving", f"{shares['saving']:.0%} of the time was spent on saving checkpoints"
    if shares["validating"] >= VALIDATING_SHARE:
        return "validation", f"{shares['validating']:.0%} of the time was spent on validating"
    return "compute", f"{shares['computing']:.0%} of the time was spent on computing on {machine.device}"


def _on_loading(performance: Performance, machine: ResourceUsage) -> Iterator[Advice]:
    waited, share = performance.seconds["loading"], performance.share("loading")
    if share >= LOADING_SHARE:
        processes = machine.loader_processes
        remedy = "more processor cores for loading" if processes else "loading in processes beside the training"
        yield Advice(
            text=f"{remedy}, or smaller image files, would save up to {waited:.1f} s, {share:.0%} of the run, that it "
            f"waited for images from {processes or 'no'} loader process{'' if processes == 1 else 'es'}",
            figures={"loading_s": waited, "loading_share": share, "loader_processes": processes},
        )


def _on_validating(performance: Performance, recipe: Recipe) -> Iterator[Advice]:
    spent, share = performance.seconds["validating"], performance.share("validating")
    frequency = recipe.hyperparameters.training_process.validation_frequency
    if share >= VALIDATING_SHARE:
        yield Advice(
            text=f"validation_frequency {2 * frequency} instead of {frequency} would save about {spent / 2:.1f} s: "
            f"validating took {spent:.1f} s, {share:.0%} of the run",
            figures={"validating_s": spent, "validating_share": share, "validation_frequency": frequency},
        )


def _on_saving(performance: Performance) -> Iterator[Advice]:
    spent, share = performance.seconds["saving"], performance.share("saving")
    if share >= SAVING_SHARE:
        yield Advice(
            text=f"a faster disk would save up to {spent:.1f} s, {share:.0%} of the run, that went into "
            f"{performance.epochs} checkpoints",
            figures={"saving_s": spent, "saving_share": share, "checkpoints": performance.epochs},
        )


def _on_memory(machine: ResourceUsage, recipe: Recipe) -> Iterator[Advice]:
    batch = recipe.hyperparameters.optimization.batch_size
    figures = {"memory_peak_bytes": machine.memory_peak_bytes, "memory_share": machine.memory_share}
    if machine.memory_share >= MEMORY_FULL:
        yield Advice(
            text=f"memory_optimization, or half the batch_size of {batch} with twice the gradient_accumulation_steps, "
            f"would leave room: {machine.memory_share:.0%} of the memory was in use",
            figures=figures,
        )
    elif machine.gpu and machine.memory_share <= MEMORY_IDLE and not _found(recipe):
        yield Advice(
            text=f"batch_size {2 * batch} instead of {batch} has room, and keeps the GPU busier: "
            f"{machine.memory_share:.0%} of its memory was in use",
            figures={**figures, "batch_size": batch},
        )


def _on_compute(performance: Performance, machine: ResourceUsage, recipe: Recipe) -> Iterator[Advice]:
    computing, share = performance.seconds["computing"], performance.share("computing")
    figures = {"computing_s": computing, "computing_share": share}
    if _bound(performance, machine)[0] != "compute":
        return
    if machine.gpu and not machine.half_precision:
        yield Advice(text=f"mixed_precision would shorten the {computing:.1f} s of computing", figures=figures)
    if not machine.gpu:
        yield Advice(
            text=f"a GPU would shorten the {computing:.1f} s of computing, {share:.0%} of the run, at "
            f"{performance.images_per_second:.1f} images/s",
            figures={**figures, "images_per_second": performance.images_per_second},
        )
        if machine.busy_cores < BUSY_CORES * machine.cores and not _found(recipe):
            yield Advice(
                text=f"a larger batch_size than {recipe.hyperparameters.optimization.batch_size} would use the cores "
                f"better, or something else took them: {machine.busy_cores:.1f} of {machine.cores} were busy",
                figures={"busy_cores": machine.busy_cores, "cores": machine.cores},
            )
    yield Advice(
        text=f"an image_size of {recipe.image_size // 2} instead of {recipe.image_size} has a quarter of the pixels to "
        f"compute, where the detail can be spared",
        figures={"image_size": recipe.image_size, **figures},
    )


def _on_epochs(performance: Performance) -> Iterator[Advice]:
    idle = performance.epochs - performance.best_epoch
    if idle > IDLE_EPOCHS_SHARE * performance.epochs:
        yield Advice(
            text=f"fewer epochs, or less patience, would save {performance.after_best_s:.1f} s: the {idle} epochs "
            f"after the best one, {performance.best_epoch} of {performance.epochs}, improved nothing",
            figures={"after_best_s": performance.after_best_s, "best_epoch": performance.best_epoch},
        )


def _found(recipe: Recipe) -> bool:
    """Whether the run has found its batch: what kept that from being larger is in its notes."""
    return recipe.hyperparameters.optimization.find_batch_size


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"
