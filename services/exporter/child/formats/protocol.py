"""What every format brings: how a file of it is made, loaded and described."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.release import Signature

# A loaded file: what it says of one picture, by the names of its signature.
Predict = Callable[[Picture], Answers]


class Unmakeable(Exception):
    """The format cannot carry this network: the message names what is at fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What files are made of. `pictures` are of the validation split, the first is what graphs are traced with;
    `calibration` are of the training split; `metadata` goes into the file where its format has room for texts."""

    target: ExportTarget
    pictures: Sequence[Picture]
    metadata: Mapping[str, str]
    calibration: Sequence[Picture] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """`make` writes the file and returns notes: what was decided while it was made, and why. It raises Unmakeable.

    `load` opens the file in the format's own runtime, `describe` says which runtime of which version that is.
    `measured` says what `load` ran, and where, if that is not the file on this CPU; empty if it is. `precision` names
    the limits that the gate holds the file to: "float" or "int8".
    """

    name: str
    file_name: str
    make: Callable[[Source, Path], Mapping[str, str]]
    load: Callable[[Path, Signature], Predict]
    describe: Callable[[], Mapping[str, str]]
    precision: str = "float"
    measured: Callable[[], str] = str
    # What this format's own exporter and runtime raise at a network that they cannot express.
    faults: tuple[type[Exception], ...] = field(default=(RuntimeError, ValueError, TypeError, NotImplementedError))
