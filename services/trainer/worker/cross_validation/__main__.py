"""Cross-validation of a recipe on a folder: ``python -m services.trainer.worker.cross_validation PATH --category …``.

For each seed every image is evaluated once, by a network that has seen neither it nor its kin. Prints JSON: each
metric's mean and spread over folds and seeds, and its value over all images of a seed at once, beside those of the
trivial predictors of the task on the same images.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from truscore.catalog.packaged_weights import installed_file, packaged
from truscore.datasets import DatasetIndex, InvalidSplit, index_digest, read_dataset, sample_dataset
from truscore.files import sha256_of
from truscore.recipes import InvalidConfig, Recipe, recipe_to_json, resolve

import services.trainer.worker.imports  # noqa: F401  first: before anything imports torchvision
from services.trainer.journal import EpochDone
from services.trainer.worker.cross_validation.engine import FoldDone, spreads
from services.trainer.worker.cross_validation.repetitions import CHOICES, Repetition, Trial, repeat
from services.trainer.worker.devices import Place, choose_place
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.errors import InvalidJob


class UsageError(ValueError):
    """The command line asks for what there is not."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 where all folds were trained, 2 where they can't be as requested."""
    options = _parser().parse_args(arguments)
    try:
        trial = _trial(options)
        result = _results(trial, options, choose_place(WorkerGroup()))
    except (InvalidConfig, InvalidSplit, UsageError, InvalidJob) as refusal:
        sys.stderr.write(f"crossvalidate: {refusal}\n")
        return 2
    sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="services.trainer.worker.cross_validation", description=__doc__)
    parser.add_argument("path", type=Path, help="folder of the dataset")
    parser.add_argument("--category", required=True)
    parser.add_argument("--option", required=True)
    parser.add_argument("--architecture", default="", help="default of the option if not given")
    parser.add_argument("--profile", default="small", help="recipe to start from: small, published or full")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="repeat it")
    parser.add_argument("--epochs", type=int, help="short for --set hyperparameters.training_process.epochs=…")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="FOLDS", help="do these alone, such as 1,3; all if not given")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep what folds come to here; with the same folder it goes on"
    )
    parser.add_argument("--seeds", default="0", help="comma between them: a repetition each, with folds of its own")
    parser.add_argument(
        "--choose", choices=CHOICES, default="last", help="weights to evaluate: of the last epoch, or best"
    )
    parser.add_argument("--max-images", type=int, help="a sample of about so many, of every class its share")
    parser.add_argument("--format", default="", help="annotation format; recognised when not given")
    parser.add_argument("--class-name", dest="class_names", action="append", default=[], help="repeat it")
    parser.add_argument("--pretrained", type=Path, help="file of weights that pretrained_weights names")
    parser.add_argument("--output", type=Path, help="file that the JSON is written to, after every fold")
    return parser


def _trial(options: argparse.Namespace) -> Trial:
    recipe = resolve(
        options.category,
        options.option,
        options.architecture,
        _overrides(options.settings, options.epochs),
        profile=options.profile,
    )
    if recipe.hyperparameters.optimization.find_batch_size:
        raise UsageError("find_batch_size: expected false: trials are compared at one batch_size, a number")
    index = _index(options.path, format=options.format, class_names=options.class_names)
    if options.max_images is not None:
        if options.max_images < 2:
            raise UsageError(f"--max-images {options.max_images}: expected at least 2")
        index = sample_dataset(index, images=options.max_images, seed=0)
    return Trial(
        index=index,
        images=options.path,
        recipe=recipe,
        folds=options.folds,
        choose=options.choose,
        pretrained=options.pretrained or _packaged(recipe),
        only=_only(options.only, folds=options.folds),
        kept=options.keep,
    )


def _packaged(recipe: Recipe) -> Path | None:
    """The file of weights that the recipe starts from, where an installed package has it."""
    file = packaged(recipe.architecture_config.base_architecture, recipe.architecture_config.pretrained_weights)
    found = installed_file(file) if file else None
    if file and found and (digest := sha256_of(found)) != file.sha256:
        raise UsageError(f"{found} has SHA-256 {digest}, expected {file.sha256}")
    return found


def _index(path: Path, *, format: str, class_names: Sequence[str]) -> DatasetIndex:
    index = read_dataset(path, format=format, class_names=class_names).index
    if index is None:
        raise UsageError(f"{str(path)!r} can't be read as a dataset: see `truscore validate`")
    return index


def _overrides(settings: Sequence[str], epochs: int | None) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    if epochs is not None:
        _put(tree, "hyperparameters.training_process.epochs", epochs)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not (key and equals):
            raise UsageError(f"--set {setting!r}: expected KEY=VALUE, such as image_size=128")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        _put(tree, key, value)
    return tree


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, leaf = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[leaf] = value


def _seeds(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--seeds {text!r}: expected whole numbers with a comma between them, such as 0,1,2")
    return [int(part) for part in parts]


def _only(text: str, *, folds: int) -> frozenset[int]:
    numbers = [int(part) for part in text.split(",") if part.strip().isdecimal()] if text else []
    if text and (len(numbers) != len(text.split(",")) or not all(1 <= number <= folds for number in numbers)):
        raise UsageError(f"--only {text!r}: expected numbers of folds from 1 to {folds}, such as 1,2")
    return frozenset(numbers)


def _results(trial: Trial, options: argparse.Namespace, place: Place) -> dict[str, Any]:
    about = _about(trial, options, place)
    folds: list[FoldDone] = []
    repetitions: list[Repetition] = []

    def keep(fold: FoldDone) -> None:
        folds.append(fold)
        if fold.note:
            sys.stderr.write(f"seed {fold.seed} fold {fold.fold}: no metrics: {fold.note}\n")
        if options.output:
            options.output.write_text(json.dumps(_plain(about, folds, repetitions), indent=2) + "\n")

    with tempfile.TemporaryDirectory(prefix="truscore-folds-") as scratch:
        for seed in about["seeds"]:
            repetition = repeat(
                trial,
                seed=seed,
                scratch=Path(scratch),
                place=place,
                clock=time.monotonic,
                on_epoch=partial(_report_epoch, seed),
                on_fold=keep,
            )
            repetitions.append(repetition)
    result = _plain(about, folds, repetitions)
    if options.output:
        options.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


def _about(trial: Trial, options: argparse.Namespace, place: Place) -> dict[str, Any]:
    return {
        "dataset": options.path.name,
        "dataset_digest": index_digest(trial.index),
        "images": len(trial.index.images),
        "folds": trial.folds,
        "seeds": _seeds(options.seeds),
        "choose": trial.choose,
        "device": place.name,
        "recipe": json.loads(recipe_to_json(replace(trial.recipe, seed=0))),
    }


def _plain(about: Mapping[str, Any], folds: Sequence[FoldDone], repetitions: Sequence[Repetition]) -> dict[str, Any]:
    return {
        **about,
        "metrics": _spreads([fold.metrics for fold in folds]),
        "pooled": _spreads([one.pooled for one in repetitions]),
        "trivial": {
            name: _spreads([one.trivial[name] for one in repetitions if name in one.trivial])
            for name in sorted({name for one in repetitions for name in one.trivial})
        },
        "runs": [asdict(fold) for fold in folds],
    }


def _spreads(values: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {name: asdict(spread) for name, spread in spreads(values).items()}


def _report_epoch(seed: int, fold: int, epoch: EpochDone) -> None:
    loss = f"train loss {epoch.train_loss:.4f}" + ("" if epoch.val_loss is None else f", val {epoch.val_loss:.4f}")
    sys.stderr.write(
        f"seed {seed} fold {fold} epoch {epoch.epoch}/{epoch.total_epochs}: {loss}, {epoch.duration_s:.1f} s\n"
    )


if __name__ == "__main__":
    sys.exit(main())
