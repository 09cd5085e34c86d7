"""How long a run should take, from how many images there are."""

import math
from dataclasses import dataclass

MOST_STEPS = 2000
STEPS_PER_CORE = 500
LEAST_EPOCHS, MOST_EPOCHS = 12, 60
MANY_EPOCHS = 30
LEAST_PATIENCE = 3
PATIENT_SHARE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthOfRun:
    epochs: int
    why_epochs: str
    validation_frequency: int
    why_frequency: str
    patience: int
    why_patience: str


def steps_wanted(*, gpus: int, cpu_cores: int) -> int:
    """What small networks need from random weights, where it can be had within hours."""
    return MOST_STEPS if gpus else min(MOST_STEPS, STEPS_PER_CORE * max(1, cpu_cores))


def length_of_run(training_images: int, *, effective: int, steps_wanted: int, to_its_end: bool = False) -> LengthOfRun:
    """``effective`` images make one optimizer step. ``to_its_end``: nothing stops the run early."""
    steps = math.ceil(training_images / effective)
    epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, math.ceil(steps_wanted / steps)))
    every = 2 if epochs > MANY_EPOCHS else 1
    patience = epochs if to_its_end else max(LEAST_PATIENCE, math.ceil(PATIENT_SHARE * epochs / every))
    return LengthOfRun(
        epochs=epochs,
        why_epochs=f"about {training_images} training images make {steps} steps an epoch; about {steps_wanted} steps "
        f"are wanted, in {LEAST_EPOCHS} to {MOST_EPOCHS} epochs",
        validation_frequency=every,
        why_frequency="epochs are short: every second one is evaluated" if every > 1 else "every epoch is evaluated",
        patience=patience,
        why_patience="as the recipe has it: the best epochs are the last, when the rate has come down"
        if to_its_end
        else f"a quarter of the run, in validations, and at least {LEAST_PATIENCE}",
    )
