"""How many of the planted faults each rule finds, and how often it finds one where none is."""

import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from truscore.validation import BY_ID, Occurrence, validate_folder
from truscore.validation.rule_context import RuleContext

from tests.planted_faults import folder_faults
from tests.planted_faults.doubts import DOUBTS
from tests.planted_faults.files import FILES, write_coco
from tests.planted_faults.lit_faults import LIT_FAULTS
from tests.planted_faults.marks import MARKS
from tests.planted_faults.orders import ORDERS
from tests.planted_faults.pictures import PICTURES
from tests.planted_faults.samples import Pool, Sample
from tests.planted_faults.sets import HARMLESS, SETS
from tests.planted_faults.tool_faults import TOOL_FAULTS

FAULTS = {**MARKS, **PICTURES, **SETS}
FOLDERS = {**folder_faults.FOLDERS, **LIT_FAULTS, **TOOL_FAULTS}
# Label errors after a run need the `audit` extra.
ALL = [*FAULTS, *FILES, *FOLDERS, *ORDERS, *(DOUBTS if find_spec("cleanlab") else ())]
# These are about a set, whichever image they name for an example.
OF_SETS = {"quality.mixed_sizes", "quality.mixed_modes", "leakage.grouped_images"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One row of the table."""

    rule: str
    planted: int
    found: int
    alarms: int  # images, or sets, that were flagged without reason
    looked_at: int

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def false_alarms(self) -> float:
        return self.alarms / self.looked_at if self.looked_at else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Cards to plant faults in, and sets without a fault, each with the name of its kind."""

    pool: Pool
    harmless: Sequence[tuple[str, RuleContext]]

    @staticmethod
    def of(pool: Pool, *, clean_sets: int) -> "Suite":
        drawn = ((name, _harmless(pool, name, number)) for name in HARMLESS for number in range(clean_sets))
        return Suite(pool=pool, harmless=[(name, sample.rule_context()) for name, sample in drawn])

    def score(self, rule: str, *, trials: int) -> Score:
        """The row of a rule."""
        if rule in FAULTS:
            return _score(rule, self.pool, trials, self.harmless)
        score = next(how for table, how in OTHERS if rule in table)
        return score(rule, trials)


def _harmless(pool: Pool, name: str, number: int) -> Sample:
    sample = Sample.drawn(pool, (zlib.crc32(name.encode()), number))
    HARMLESS[name](sample)
    return sample


def _score(rule: str, pool: Pool, trials: int, harmless: Sequence[tuple[str, RuleContext]]) -> Score:
    found = alarms = looked_at = 0
    for trial in range(trials):
        sample = Sample.drawn(pool, (zlib.crc32(rule.encode()), trial))
        FAULTS[rule](sample)
        sightings = _occurrences(rule, sample.rule_context())
        flagged = {one.location.partition("#")[0] for one in sightings}
        of_set = not sample.planted or rule in OF_SETS
        found += bool(sightings) if of_set else bool(flagged & sample.planted)
        if not of_set:
            alarms += len(flagged - sample.planted)
            looked_at += len(sample.images) - len(sample.planted)
    for name, rule_context in harmless:
        # Images without marks are what `graded at random` is made of, for the rules of sets that have labels.
        if name == "graded at random" and not rule.startswith("shortcut."):
            continue
        sightings = _occurrences(rule, rule_context)
        located = {one.location.partition("#")[0] for one in sightings if one.location} - {""}
        whole = rule in OF_SETS or rule in SETS
        alarms += bool(sightings) if whole else len(located) or bool(sightings)
        looked_at += 1 if whole else len(rule_context.index.images)
    return Score(rule=rule, planted=trials, found=found, alarms=alarms, looked_at=looked_at)


def _occurrences(rule: str, rule_context: RuleContext) -> list[Occurrence]:
    check = BY_ID[rule].check
    if check is None:
        raise ValueError(f"{rule} has no check: it is planted in files")
    return list(check(rule_context))


def _score_files(rule: str, trials: int) -> Score:
    found = alarms = 0
    for trial in range(trials):
        random = np.random.default_rng((zlib.crc32(rule.encode()), trial))
        with tempfile.TemporaryDirectory() as name:
            found += rule in _rules(write_coco(Path(name) / "faulty", random, FILES[rule]))
            alarms += rule in _rules(write_coco(Path(name) / "clean", random))
    return Score(rule=rule, planted=trials, found=found, alarms=alarms, looked_at=trials)


def _rules(folder: Path, **how: Any) -> set[str]:
    return {found.rule for found in validate_folder(folder, **(how or {"format": "coco"})).findings}


def _score_folders(rule: str, trials: int) -> Score:
    found = alarms = 0
    fault = FOLDERS[rule]
    how = {"format": "", **fault.how}
    for trial in range(trials):
        random = np.random.default_rng((zlib.crc32(rule.encode()), trial))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "set"
            folder.mkdir()
            fault.write(folder, random)
            alarms += rule in _rules(folder, **how)
            fault.plant(folder, random)
            found += rule in _rules(folder, **how)
    return Score(rule=rule, planted=trials, found=found, alarms=alarms, looked_at=trials)


def _score_orders(rule: str, trials: int) -> Score:
    found = alarms = 0
    for trial in range(trials):
        random = np.random.default_rng((zlib.crc32(rule.encode()), trial))
        alarms += rule in ORDERS[rule].rules(random, False)
        found += rule in ORDERS[rule].rules(random, True)
    return Score(rule=rule, planted=trials, found=found, alarms=alarms, looked_at=trials)


def _score_doubts(rule: str, trials: int) -> Score:
    found = alarms = looked_at = 0
    for trial in range(trials):
        doubted = DOUBTS[rule](np.random.default_rng((zlib.crc32(rule.encode()), trial)))
        flagged = {one.location for one in doubted.findings}
        found += doubted.planted in flagged
        alarms += len(flagged - {doubted.planted})
        looked_at += doubted.images - 1
    return Score(rule=rule, planted=trials, found=found, alarms=alarms, looked_at=looked_at)


OTHERS = ((FILES, _score_files), (FOLDERS, _score_folders), (ORDERS, _score_orders), (DOUBTS, _score_doubts))
