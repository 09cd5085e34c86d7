"""Smart defaults: from a dataset's statistics and a machine to a complete configuration, with a reason per choice.

Pure and deterministic. What is not chosen here stays as the row's recipe has it, and says so.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from truscore import catalog
from truscore.catalog.table import Row
from truscore.configuration.errors import InvalidConfig
from truscore.configuration.recipe import Recipe
from truscore.configuration.text import flat_values
from truscore.recipes.batch_size import LEAST_STEPS, rate_factor
from truscore.recipes.default_reasons import STANDING
from truscore.recipes.memory import CPU_SHARE, GPU_SHARE, batch_that_fits, image_bytes, weights_bytes
from truscore.recipes.placement import published_key
from truscore.recipes.resolve import published_recipe, resolve
from truscore.recipes.schedule_length import LengthOfRun, length_of_run, steps_wanted
from truscore.recipes.suggestion import Choice, Facts, Hardware, Suggestion
from truscore.recipes.templates.template import BODYS_SHARE

LEAST_OBJECT_PX = 16
MOST_SIZE_PX = 1024
SIZE_STEP_PX = 32
TRAINING_SHARE = 0.7
LEAST_BATCH = 2
FOCAL_IMBALANCE = 10.0
EVEN_HANDED = ("dice_loss", "hierarchical_dice_loss", "focal_loss")
FEW_IMAGES = 1000
LOCATING = ("instance_segmentation", "detection", "semantic_segmentation")

_ARCHITECTURE = "architecture_config"
_CUSTOM = f"{_ARCHITECTURE}.custom_modifications"
_OPTIMIZATION = "hyperparameters.optimization"
BODY_SHARE = f"{_OPTIMIZATION}.backbone_lr_multiplier"
_PROCESS = "hyperparameters.training_process"
_ADVANCED = "hyperparameters.advanced_settings"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    """A recipe that fits the machine: images of one process, and whether stages have to be recomputed for it."""

    default: Recipe
    profile: str
    image_size: int
    batch_size: int
    recomputed: bool
    wanted: int
    processes: int
    budget_bytes: int
    packaged: Collection[tuple[str, str]]
    why_base: str
    why_size: str

    @property
    def base(self) -> str:
        return self.default.architecture_config.base_architecture

    @property
    def accumulate(self) -> int:
        return max(1, math.ceil(self.wanted / (self.batch_size * self.processes)))

    @property
    def effective(self) -> int:
        """Images of one optimizer step, over all processes."""
        return self.batch_size * self.processes * self.accumulate


def suggest(
    category: str,
    option: str,
    facts: Facts,
    hardware: Hardware,
    *,
    architecture: str = "",
    weights: Collection[str] | None = None,
    packaged: Collection[tuple[str, str]] = (),
) -> Suggestion:
    """A configuration that ``resolve`` accepts as it is. ``weights`` are the store's keys under
    pretrained/; None: nobody knows. ``packaged`` are networks and names of weights that installed packages have. Raises
    InvalidConfig for a row that isn't there, or not ready."""
    row, why_row = _row(category, option, architecture, facts)
    fit = _fit(row, facts, hardware, packaged)
    made = [
        Choice(key="architecture", value=row.architecture, reason=why_row),
        *_network(fit, facts, weights),
        *_steps(fit, facts, hardware),
        _body_share(fit, weights),
        *_machine(fit, hardware),
        _loss(row, fit.default, facts),
    ]
    chosen = {choice.key for choice in made}
    kept = [
        Choice(key=key, value=value, reason=STANDING[key])
        for key, value in flat_values(fit.default)
        if key not in chosen
    ]
    suggestion = Suggestion(category=category, option=option, architecture=row.architecture, choices=(*made, *kept))
    resolve(category, option, row.architecture, suggestion.config)
    return suggestion


def _row(category: str, option: str, architecture: str, facts: Facts) -> tuple[Row, str]:
    if architecture:
        resolve(category, option, architecture)
        return catalog.row_of(category, option, architecture), "asked for"
    ready = [row for row in catalog.architectures(category, option) if row.available]
    if not ready:
        resolve(category, option)  # says what is wrong with them
        raise InvalidConfig("option", option, "an option with an architecture that can be trained")
    boxes_only = facts.instances and not facts.outlined
    finders = [row for row in ready if row.task == "detection"]
    if ready[0].task == "instance_segmentation" and boxes_only and finders:
        return finders[0], f"none of {facts.instances} instances has an outline: boxes can be learnt, masks can't"
    return ready[0], f"the first of {option}"


def _fit(row: Row, facts: Facts, hardware: Hardware, packaged: Collection[tuple[str, str]]) -> _Fit:
    """The largest recipe whose own batch fits, and more of it where there is room for what is wanted of a step; where
    none fits, the small one with what does."""
    names = ("full", "small") if hardware.gpus else ("small",)
    recipes = [_recipe(row, name, packaged) for name in names]
    processes = len(hardware.gpus) or 1
    usual = max(_effective(recipe) for recipe in recipes)
    wanted = max(LEAST_BATCH, min(usual, _training_images(facts) // LEAST_STEPS))
    share = _power_of_two(max(1, wanted // processes))
    least = _power_of_two(min(share, recipes[0].hyperparameters.optimization.batch_size))
    budget = _budget(hardware)
    for name, recipe in zip(names, recipes, strict=True):
        base, (size, why_size) = recipe.architecture_config.base_architecture, _image_size(row, recipe, facts)
        for recomputed in (False, True):
            fits = batch_that_fits(base, size, budget, recomputed=recomputed)
            # Only the first choice gets more than `least`, so that more memory never makes the batch smaller.
            most = share if recipe is recipes[0] and not recomputed else least
            if fits >= least or (recipe is recipes[-1] and recomputed):
                return _Fit(
                    default=recipe, profile=name, image_size=size, batch_size=_power_of_two(min(most, max(1, fits))),
                    recomputed=recomputed, wanted=wanted, processes=processes, budget_bytes=budget, packaged=packaged,
                    why_base=_why_base(name, recipe, hardware), why_size=why_size,
                )  # fmt: skip
    raise AssertionError("the last recipe is taken whatever fits")


def _recipe(row: Row, profile: str, packaged: Collection[tuple[str, str]]) -> Recipe:
    """Of the small ones that on a published body, where a package has its weights."""
    published = published_recipe(row) if profile == "small" else None
    if published and _weights_of(published) in packaged:
        return published
    return resolve(row.category, row.option, row.architecture, profile=profile)


def _weights_of(recipe: Recipe) -> tuple[str, str]:
    return recipe.architecture_config.base_architecture, recipe.architecture_config.pretrained_weights


def _why_base(profile: str, recipe: Recipe, hardware: Hardware) -> str:
    if recipe.architecture_config.pretrained_weights != "none":
        return "a body that has seen ImageNet, whose weights an installed package has: few images teach it more"
    if profile == "full":
        return f"the row's recipe for a GPU, and its batch fits {hardware.gpus[0].name}"
    if hardware.gpus:
        return f"the row's small recipe: the batch of the one for GPUs doesn't fit {hardware.gpus[0].name}"
    return f"the row's small recipe: there is no GPU, and {hardware.cpu_cores} CPU cores"


def _effective(recipe: Recipe) -> int:
    hyper = recipe.hyperparameters
    return hyper.optimization.batch_size * hyper.advanced_settings.gradient_accumulation_steps


def _training_images(facts: Facts) -> int:
    return max(1, round(TRAINING_SHARE * facts.images))


def _budget(hardware: Hardware) -> int:
    if hardware.gpus:
        return int(GPU_SHARE * min(gpu.free_bytes for gpu in hardware.gpus))
    return int(CPU_SHARE * hardware.free_bytes)


def _power_of_two(number: int) -> int:
    return 1 << (number.bit_length() - 1)


def _image_size(row: Row, recipe: Recipe, facts: Facts) -> tuple[int, str]:
    usual = recipe.image_size
    wanted, reason = usual, f"the size that {row.architecture} is made for in this recipe"
    if recipe.sampling == "windows":
        reason = "the side of windows at native resolution: what is small in a picture is not made smaller"
    elif row.task in LOCATING and facts.small_object_side > 0:
        needed = min(_stepped(LEAST_OBJECT_PX / facts.small_object_side), max(usual, MOST_SIZE_PX))
        if needed > usual:
            wanted = needed
            reason = (
                f"a tenth of the objects is narrower than {facts.small_object_side:.1%} of its image: at {usual} px "
                f"that is less than {LEAST_OBJECT_PX} px"
            )
    own = max(2 * SIZE_STEP_PX, _stepped(facts.longer_side))
    if facts.longer_side > 0 and own < wanted:
        return own, f"images are {facts.longer_side} px long: enlarging them tells a network nothing new"
    return wanted, reason


def _stepped(pixels: float) -> int:
    return SIZE_STEP_PX * math.ceil(min(pixels, 1e6) / SIZE_STEP_PX)


def _network(fit: _Fit, facts: Facts, weights: Collection[str] | None) -> Iterator[Choice]:
    millions = catalog.network_of(fit.base).parameters / 1e6
    reason = f"{fit.why_base} ({millions:.1f} million weights)"
    yield Choice(key=f"{_ARCHITECTURE}.base_architecture", value=fit.base, reason=reason)
    yield Choice(key="image_size", value=fit.image_size, reason=fit.why_size)
    yield from _weights(fit, facts, weights)


def _weights(fit: _Fit, facts: Facts, weights: Collection[str] | None) -> Iterator[Choice]:
    known, at_hand = catalog.network_of(fit.base).pretrained, _at_hand(fit, weights)
    key, freezing = f"{_ARCHITECTURE}.pretrained_weights", f"{_CUSTOM}.backbone_freezing"
    if not at_hand:
        yield Choice(key=key, value="none", reason=_why_no_weights(fit.base, known, weights))
        yield Choice(key=freezing, value="none", reason="frozen stages of random weights would stay random")
        return
    yield Choice(key=key, value=at_hand[0], reason="they are at hand, and a start from them needs fewer images")
    few = facts.groups < FEW_IMAGES
    reason = f"{facts.groups} sources of images are {'too few' if few else 'enough'} to teach the first stages"
    yield Choice(key=freezing, value="partial" if few else "none", reason=reason)


def _at_hand(fit: _Fit, weights: Collection[str] | None) -> list[str]:
    """Names of published weights that fit the network and are in an installed package or in the store."""
    known, stored = catalog.network_of(fit.base).pretrained, weights or ()
    return [name for name in known if (fit.base, name) in fit.packaged or published_key(fit.base, name) in stored]


def _why_no_weights(base: str, known: tuple[str, ...], weights: Collection[str] | None) -> str:
    if not known:
        return f"none are published for {base}"
    if weights is None:
        return f"not known whether the store has them; {', '.join(known)} would fit under pretrained/{base}/"
    return f"the store has none under pretrained/{base}/; {', '.join(known)} would fit"


def _steps(fit: _Fit, facts: Facts, hardware: Hardware) -> Iterator[Choice]:
    """How many images a step, at which rate, for how long."""
    each = image_bytes(fit.base, fit.image_size, recomputed=fit.recomputed)
    total = weights_bytes(fit.base) + fit.batch_size * each
    fits = "" if total <= fit.budget_bytes else "; it may not fit even so: take a smaller image_size"
    yield Choice(
        key=f"{_OPTIMIZATION}.batch_size",
        value=fit.batch_size,
        reason=f"about {_gib(total)} GiB (16 bytes a weight, {each / 2**20:.0f} MiB an image) of "
        f"{_gib(fit.budget_bytes)} GiB to use{fits}",
    )
    yield Choice(
        key=f"{_ADVANCED}.gradient_accumulation_steps",
        value=fit.accumulate,
        reason=f"{fit.batch_size} images x {fit.processes} processes x {fit.accumulate} make {fit.effective} a step, "
        f"{fit.wanted} were wanted: what the recipe has, and at least {LEAST_STEPS} steps an epoch",
    )
    yield _rate(fit)
    steps = steps_wanted(gpus=len(hardware.gpus), cpu_cores=hardware.cpu_cores)
    process = fit.default.hyperparameters.training_process
    length = length_of_run(
        _training_images(facts),
        effective=fit.effective,
        steps_wanted=steps,
        to_its_end=process.early_stopping.patience >= process.epochs,
    )
    yield from _length(length)


def _rate(fit: _Fit) -> Choice:
    usual, effective = _effective(fit.default), fit.effective
    linear = catalog.network_of(fit.base).solver == "sgd"
    law = "in proportion to" if linear else "by the square root of"
    source = "Goyal et al. 2017, for SGD" if linear else "Malladi et al. 2022, for Adam"
    scale = rate_factor(fit.base, effective / usual)
    return Choice(
        key=f"{_OPTIMIZATION}.learning_rate",
        value=_rounded(fit.default.hyperparameters.optimization.learning_rate * scale),
        reason=f"the recipe's for {usual} images a step, {law} {effective}/{usual} ({source})",
    )


def _body_share(fit: _Fit, weights: Collection[str] | None) -> Choice:
    # The full recipes' rates are those of networks that start from published weights, the small ones' are not.
    gentle = fit.profile == "small" and bool(_at_hand(fit, weights))
    reason = "to keep what the published weights know, while the new parts learn" if gentle else STANDING[BODY_SHARE]
    return Choice(key=BODY_SHARE, value=BODYS_SHARE if gentle else 1.0, reason=reason)


def _length(run: LengthOfRun) -> Iterator[Choice]:
    yield Choice(key=f"{_PROCESS}.epochs", value=run.epochs, reason=run.why_epochs)
    yield Choice(key=f"{_PROCESS}.validation_frequency", value=run.validation_frequency, reason=run.why_frequency)
    yield Choice(key=f"{_PROCESS}.early_stopping.patience", value=run.patience, reason=run.why_patience)


def _machine(fit: _Fit, hardware: Hardware) -> Iterator[Choice]:
    gpus = len(hardware.gpus)
    yield Choice(
        key=f"{_ADVANCED}.memory_optimization",
        value=fit.recomputed,
        reason="the batch fits only when stages are computed again for the gradient"
        if fit.recomputed
        else "the batch fits, and computing stages twice would take a third more time",
    )
    yield Choice(
        key=f"{_ADVANCED}.mixed_precision",
        value=bool(gpus),
        reason="bfloat16 where the GPU has it; the trainer asks it at the start"
        if gpus
        else "a CPU gains nothing from half precision",
    )
    yield Choice(
        key=f"{_ARCHITECTURE}.multi_gpu_support",
        value=True,
        reason=f"{gpus} GPUs share each step" if gpus > 1 else "costs nothing with one device, and more may come",
    )
    yield Choice(
        key=f"{_ADVANCED}.multi_gpu_strategy",
        value="data_parallel",
        reason="the weights fit each device, so that only gradients have to be exchanged",
    )
    yield Choice(
        key=f"{_ARCHITECTURE}.optimization_mode",
        value="none",
        reason="compiling takes minutes; worth trying by hand for runs of hours",
    )


def _loss(row: Row, default: Recipe, facts: Facts) -> Choice:
    key, usual = "loss_config.primary_loss", default.loss_config.primary_loss
    if "focal_loss" not in row.losses:
        return Choice(key=key, value=usual, reason=f"{usual} suits {row.task}; it has no focal loss to weigh classes")
    if usual in EVEN_HANDED:
        return Choice(key=key, value=usual, reason=f"{usual} lets rare classes count by itself")
    if facts.class_imbalance >= FOCAL_IMBALANCE:
        reason = f"the commonest class comes {facts.class_imbalance:.0f} times as often as the rarest; the line is "
        return Choice(key=key, value="focal_loss", reason=f"{reason}{FOCAL_IMBALANCE:.0f}")
    return Choice(key=key, value=usual, reason=f"classes are balanced well enough for the recipe's {usual}")


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f}"


def _rounded(rate: float) -> float:
    """To two digits."""
    return float(f"{rate:.1e}")
