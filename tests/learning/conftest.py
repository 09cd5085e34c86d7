"""Runs of the training process: real folders, real processes, small networks."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from truscore.synthesis import render_dataset

from tests.learning.run_folder import TINY, RunFolder, lay_out, merged


@pytest.fixture(scope="package", autouse=True)
def one_core(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs in this process and runs beside it compute on one core: the same sums in the same order.

    Test workers beside each other take different cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    worker = getattr(request.config, "workerinput", {"workerid": "gw0"})["workerid"]
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture(scope="package")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen rendered cards, 96 px."""
    return render_dataset(tmp_path_factory.mktemp("cards"), count=16, seed=5, image_size=(96, 96))


@pytest.fixture
def make_run(tmp_path: Path, cards: Path) -> Callable[..., RunFolder]:
    """A new run folder over the tiny cards; keyword arguments are sections of the configuration."""

    def make(name: str = "run", **sections: Any) -> RunFolder:
        return lay_out(tmp_path / name, cards, overrides=merged(TINY, sections))

    return make


@pytest.fixture(scope="package")
def left_alone(tmp_path_factory: pytest.TempPathFactory, cards: Path) -> RunFolder:
    """The tiny run, never stopped."""
    run = lay_out(tmp_path_factory.mktemp("left-alone") / "run", cards, overrides=TINY)
    assert run.finish() == 0
    return run
