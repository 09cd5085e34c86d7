"""A dataset's folder as an index, for commands that look into one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.context import CliError, Code

if TYPE_CHECKING:
    from truscore.datasets import DatasetIndex, ReadResult


def index_of(path: Path, *, format: str = "", class_names: Sequence[str] = ()) -> "DatasetIndex":
    """The index of a folder that has images. Raises CliError."""
    index = reading_of(path, format=format, class_names=class_names).index
    assert index is not None
    return index


def refuse_without_targets(index: "DatasetIndex", path: Path, *, category: str, option: str) -> None:
    """CliError where the dataset has not what the option learns from, as the validator has it."""
    from truscore.datasets.index.targets import in_words
    from truscore.validation import expectation_of
    from truscore.validation.measures.target_coverage import missing_targets

    wanted = expectation_of(category, option).learns_from
    if wanted and (missing := missing_targets(index, wanted)):
        where = f"see `truscore validate {path} -c {category} -o {option}`"
        raise CliError(Code.FAILED, f"{category}/{option} learns from {in_words(wanted)}; {missing}; {where}")


def reading_of(path: Path, *, format: str = "", class_names: Sequence[str] = ()) -> "ReadResult":
    """An index of a folder that has images, with the problems found. Raises CliError."""
    from truscore.datasets import FORMATS, read_dataset

    if not path.is_dir():
        raise CliError(Code.USAGE, f"{str(path)!r} is no folder; accepted: the folder of a dataset")
    if format and format not in FORMATS:
        raise CliError(Code.USAGE, f"--format {format!r}; accepted: {', '.join(FORMATS)}")
    reading = read_dataset(path, format=format, class_names=class_names)
    ambiguous = any(problem.code == "format.ambiguous" for problem in reading.problems)
    if reading.index is None or not reading.index.images or ambiguous:
        reasons = "; ".join(problem.message for problem in reading.problems[:3]) or "there are no images"
        raise CliError(Code.FAILED, f"{str(path)!r} can't be read as a dataset: {reasons}; see `truscore validate`")
    return reading
