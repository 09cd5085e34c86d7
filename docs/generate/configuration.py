"""The page of the configuration: what its keys accept, from the rules and the catalog."""

from collections.abc import Iterator

from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import ROWS
from truscore.catalog.tasks import TASKS
from truscore.configuration.text import flat_values
from truscore.recipes import resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.key_descriptions import MEANINGS
from truscore.recipes.phoenix import templates
from truscore.recipes.resolve import ROW_KEYS

from docs.generate.tables import table

HEAD = """# Configuration

The keys of the configuration JSON, as they stand on the wire, in the command line and in a file.

```sh
truscore synth cards --count 12
truscore templates                                        # what TruScore trains for production, one per option
truscore templates phoenix_edge_analysis_wear_detection   # its keys, with a reason each
truscore suggest cards -c border_detection -o dual_class --output config.json   # from the data and this machine
truscore submit cards -c border_detection -o dual_class --config config.json --set seed=7 --validation-only
truscore submit cards --template phoenix_border_detection_dual_class --validation-only \\
  --set hyperparameters.training_process.epochs=40
```

What is typed with `--set` goes before `--config`, and that before `--template`; all else is the recipe of the row, for
a small machine or for a GPU as the trainer's profile has it. Whatever can't be done is refused before any work, naming
the key, the value and what is accepted. A value equal to the row's own default is always accepted.

`suggest` estimates memory as 16 bytes a weight (itself, its gradient, AdamW's two moments) and, for each image, its
pixels times what one pixel keeps for the gradient, which is measured for every network
(`python -m tests.bench.activation_memory`). It fills 80 % of a GPU's free memory, or half of the free main memory.

`pretrained_weights` with a bare name, such as `imagenet`, come from an installed package where one has them (the extra
`weights`; the [catalog](catalog.md) names packages, licences and digests), checked by SHA-256, and else from the store:
`pretrained/<network>/imagenet.pth` there. A name with a suffix is that file under `pretrained/`. A bare name that
neither has is fetched from where the network's library publishes it, or from a site's own folder of the same files,
where `TRUSCORE_TRAINER_WEIGHTS_SOURCE` allows it. It is checked by the digest that the library gives, and put into the
store. Weights that are published without a digest have to be in the store. Where none are found, the run is refused,
and the refusal names what was tried.

`cross_validation_folds` has the run's report say how the recipe does on other images of the same kind: after the run,
its training and validation images are split into folds, and for each a network of its own is trained on the others, for
all epochs, and tested once. Weights and figures of the run stay as they are without. Each fold that is done stays done
where the run is stopped, moved or killed. Until all are, the run is in training, at its last epoch.

`batch_size` of `auto` has a run find a batch that fits its machine; `find_batch_size` of `true` is the same, and the
only form on the wire. `batch_size` then stays a number, the recipe's where none is given: the one that `learning_rate`
belongs to. It is doubled, or halved, as long as what follows holds. The rate goes with it in proportion for SGD, by the
square root for AdamW; warm-up and schedule stay as they are.

- Memory: weights, gradients and moments, and what each image takes in a step, as measured on the run's own images, fit
  80 % of what a GPU has in all, or half of the container's limit or the machine's memory. Processes, and runs at once
  (`TRUSCORE_TRAINER_SLOTS`), share it evenly; several trainers on one GPU know nothing of one another.
- Training images: at least eight optimizer steps an epoch, over all processes and accumulations.
- A ceiling: 256 images of a process on a GPU; 8 on a CPU, where more are
  [hardly faster](../performance.md#batches-that-are-found).

Nothing in it depends on what else the machine does: the same machine finds the same number. It is found once, by the
run's first attempt, as the least over all processes, and all later attempts, folds and processes take it, on whatever
machine. `TrainingStarted` says what was found and what it follows from; its parameters, and so those in MLflow, have
the number and the rate that are trained with, and the report and the checkpoint have them too. An order with that
number and that rate in place of `auto` trains the same.
"""
PROFILES = ("small", "full")


def page() -> str:
    parts = (HEAD.rstrip(), *_keys(), *_tasks(), *_networks(), *_defaults(), *_templates())
    return "\n".join(parts) + "\n"


def _keys() -> Iterator[str]:
    by_row = {ROW_KEYS[0]: "a network of the row, below", ROW_KEYS[1]: "a loss of the task, below"}
    accepted = {key: rule.accepted for key, rule in RULES.items()} | by_row
    yield "\n## Keys\n"
    rows = ((f"`{key}`", meaning, accepted[key]) for key, meaning in MEANINGS.items() if key in accepted)
    yield from table(("key", "what it does", "accepted"), rows)


def _tasks() -> Iterator[str]:
    yield "\n## By task\n"
    yield "Weights that are not named here have nothing to weigh, and another value than the default is refused; so are"
    yield "`focal_loss_params` without `focal_loss`, and `backbone_freezing` without `pretrained_weights`."
    yield "`fully_sharded` is for all tasks but photometric stereo's, without `optimization_mode` and `l2_weight`; of"
    yield "borders without their second stage (`head_customization` of `standard`).\n"
    losses = {row.task: row.losses for row in ROWS if row.available}
    rows = ((task, ", ".join(losses[task]), ", ".join(TASKS[task].loss_parts)) for task in sorted(losses))
    yield from table(("task", "`primary_loss`, default first", "`loss_weights`"), rows)


def _networks() -> Iterator[str]:
    yield "\n## By network\n"
    yield "`head_customization` and `feature_pyramid` can be turned where there is something to change.\n"
    rows = (
        (
            f"`{network.name}`",
            ", ".join(dict.fromkeys(row.architecture for row in ROWS if network.name in row.bases)),
            "yes" if network.head else "no",
            "yes" if network.pyramid else "no",
            ", ".join(("none", *network.pretrained)),
        )
        for network in NETWORKS.values()
    )
    yield from table(("network", "architecture", "head", "pyramid", "published weights"), rows)


def _defaults() -> Iterator[str]:
    values = {
        (row.category, row.option, row.architecture, profile): dict(
            flat_values(resolve(row.category, row.option, row.architecture, profile=profile))
        )
        for row in ROWS
        if row.available
        for profile in PROFILES
    }
    first, *others = values.values()
    varying = [key for key in first if any(other[key] != first[key] for other in others)]
    yield "\n## Defaults\n"
    yield "The same for every row:\n"
    yield from table(("key", "default"), ((f"`{key}`", _value_text(first[key])) for key in first if key not in varying))
    yield "\nBy row, for a small machine / for a GPU (one value where both agree):\n"
    rows = (
        (f"{name[0]} / {name[1]} / **{name[2]}**", *(_both(values, name, key) for key in varying))
        for name in dict.fromkeys(key[:3] for key in values)
    )
    yield from table(("row", *(f"`{key.rsplit('.', 1)[-1]}`" for key in varying)), rows)


def _both(values: dict[tuple[str, str, str, str], dict[str, object]], row: tuple[str, str, str], key: str) -> str:
    small, full = (_value_text(values[(*row, profile)][key]) for profile in PROFILES)
    return small if small == full else f"{small} / {full}"


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _templates() -> Iterator[str]:
    yield "\n## Phoenix templates\n"
    rows = (
        (f"`{one.name}`", one.architecture, f"`{one.config['architecture_config']['base_architecture']}`",
         one.choices[0].reason)
        for one in templates()
    )  # fmt: skip
    yield from table(("template", "architecture", "network", "why"), rows)
