"""What an option expects of a dataset's classes."""

from dataclasses import dataclass

from truscore.catalog import architectures
from truscore.datasets.index.targets import LIGHTS

DUAL_BORDERS = ("outer_border", "graphical_border")


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """Classes an option is about, in their order from label 1; empty where any will do."""

    category: str = ""
    option: str = ""
    class_names: tuple[str, ...] = ()
    learns_from: tuple[str, ...] = ()  # what its architectures learn, any of which will do; empty where all will

    @property
    def learns_from_lights(self) -> bool:
        """Whether views under known lights are examples for it, without any class."""
        return self.category in {"", "photometric_stereo", "experimental"}


def expectation_of(category: str, option: str, architecture: str = "") -> Expectation:
    """What this option expects; nothing in particular where it is not listed. Of an architecture, what that expects."""
    names = DUAL_BORDERS if (category, option) == ("border_detection", "dual_class") else ()
    rows = architectures(category, option) if option else ()
    named = tuple(row for row in rows if row.architecture == architecture)
    learnt = tuple(dict.fromkeys(row.learns_from for row in named or rows))
    if category == "photometric_stereo" and not named:
        # Solvers and networks alike see an object under lights that are known; some learn normals, too.
        learnt = (LIGHTS,)
    return Expectation(category=category, option=option, class_names=names, learns_from=() if "" in learnt else learnt)
