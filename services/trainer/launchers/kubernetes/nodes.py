"""How many pods a run is spread over. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from truscore.recipes import Recipe, processes_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Nodes:
    """A run begins and goes on where at least ``least`` pods are there, and has at most ``most``."""

    least: int = 1
    most: int = 1

    @classmethod
    def parse(cls, text: str) -> Nodes:
        """As torchrun writes it: "2", or "2:4". ValueError for anything else."""
        first, colon, last = text.partition(":")
        if not first.isdecimal() or (colon and not last.isdecimal()):
            raise ValueError(f'{text!r} pods: expected a number as "2", or the least and the most as "2:4"')
        least, most = int(first), int(last or first)
        if not 1 <= least <= most:
            raise ValueError(f"{text!r} pods: expected at least 1, and no more at least than at most")
        return cls(least=least, most=most)

    def __str__(self) -> str:
        return str(self.most) if self.least == self.most else f"{self.least}:{self.most}"

    @property
    def several(self) -> bool:
        return self.most > 1


ONE = Nodes()


def nodes_for(recipe: Recipe, wanted: Nodes, *, gpus: int) -> Nodes:
    """The pods that a run gets, of ``gpus`` GPUs each: as many of those wanted as share the recipe's batch evenly.

    A number that does not is never met on the way down either: where one pod of four is lost and three can't share a
    batch of eight, the three wait for another.
    """
    if not wanted.several or not recipe.architecture_config.multi_gpu_support:
        return ONE
    batch = recipe.hyperparameters.optimization.batch_size
    processes = processes_for(recipe, gpus)

    def shares(count: int) -> bool:
        return batch % (count * processes) == 0

    most = next((count for count in range(wanted.most, 1, -1) if shares(count)), 1)
    least = most
    while least > min(wanted.least, most) and shares(least - 1):
        least -= 1
    return Nodes(least=least, most=most)
