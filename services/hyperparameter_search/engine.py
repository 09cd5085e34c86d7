"""Optuna's samplers and pruners as a search orders them."""

from __future__ import annotations

import warnings
from hashlib import sha256

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler

from services.hyperparameter_search.spec import Choices, FloatRange, IntRange, Parameter, Pruning, Spec, Unclear


def sampler_of(spec: Spec, number: int) -> BaseSampler:
    """The sampler of one trial. Its seed follows from the search's and the trial's number: a process that begins anew
    draws what the old one would have drawn, and not its first trials again."""
    seed = int.from_bytes(sha256(f"{spec.seed}/{number}".encode()).digest()[:4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match spec.sampler:
            case "random":
                return RandomSampler(seed=seed)
            case "cma_es":
                return CmaEsSampler(seed=seed)
            case _:
                # Trials under way count as poor ones, so that parallel trials do not crowd at one place.
                return TPESampler(seed=seed, constant_liar=spec.bounds.parallel_trials > 1)


def pruner_of(pruning: Pruning) -> BasePruner:
    match pruning.pruner:
        case "successive_halving":
            return SuccessiveHalvingPruner(
                min_resource=pruning.min_epochs, reduction_factor=pruning.reduction_factor, min_early_stopping_rate=0
            )
        case "hyperband":
            return HyperbandPruner(min_resource=pruning.min_epochs, reduction_factor=pruning.reduction_factor)
        case _:
            return NopPruner()


def suggest(trial: optuna.trial.Trial, parameter: Parameter) -> None:
    """Draw the trial's value of the parameter, where it has none yet."""
    match parameter.domain:
        case Choices(values=values):
            trial.suggest_categorical(parameter.key, values)
        case FloatRange(low=low, high=high, log=log):
            trial.suggest_float(parameter.key, low, high, log=log)
        case IntRange(low=low, high=high, log=log, step=step):
            trial.suggest_int(parameter.key, low, high, step=step, log=log)
        case Unclear(fault=fault):
            raise AssertionError(f"{parameter.key}: {fault}")
