"""What training makes of a draft's images, by the very code of the trainer. Runs in the child, and loads torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.studio.child.gathering import gather
from services.studio.child.inspecting import asked_of, fractions_of

SHEET = "sheet.png"
SQUARELESS = ("instance_segmentation", "detection")


def load() -> None:
    """Before memory is bounded. Raises ModuleNotFoundError where there is no torch."""
    from truscore.zoo.torch_imports import import_torchvision

    import_torchvision()
    import truscore.augmentation.contact_sheet  # noqa: F401


def preview(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A sheet of images of the training part as they are and as the first epochs change them, beside the job."""
    from truscore.augmentation import UnknownOption, policy_for
    from truscore.augmentation.contact_sheet import PreviewedRun, contact_sheet, previews
    from truscore.catalog.table import architectures
    from truscore.datasets import index_from_json, split_dataset

    index, asked = index_from_json((folder / "index.json").read_text()), asked_of(job)
    category, option = job["category"], job["option"]
    try:
        policy = policy_for(category, option, index.class_names)
    except UnknownOption as error:
        return {"fault": str(error)}
    training = set(split_dataset(index, seed=asked["seed"], fractions=fractions_of(asked)).train)
    records = [record for record in sorted(index.images, key=lambda record: record.path) if record.path in training]
    run = PreviewedRun(
        policy=policy,
        image_size=asked["image_size"],
        square=all(row.task not in SQUARELESS for row in architectures(category, option)),
        seed=asked["seed"],
    )
    shown = previews(
        records, folder=gather(job["files"], folder / "source"), run=run, images=job["images"], variants=job["variants"]
    )
    title = f"{job['title']}, seed {asked['seed']}"
    contact_sheet(shown, class_names=index.class_names, policy=policy, title=title).save(folder / SHEET)
    return {"fault": ""}
