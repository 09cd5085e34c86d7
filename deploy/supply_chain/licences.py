"""Holds the licence of every locked package to the list in licences.toml.

`python -m deploy.supply_chain.licences` compares lock, record and what is installed; with `--record` it writes the
licences of packages that the record lacks or states otherwise, as their metadata declare them, for a person to look at.

The record names each package of the lock, so that packages of other platforms and extras are held to the list too.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from license_expression import ExpressionError, Licensing, get_spdx_licensing

REPOSITORY: Final = Path(__file__).parents[2]
POLICY: Final = Path(__file__).parent / "licences.toml"
RECORD: Final = Path(__file__).parent / "licences.lock"
NOT_STATED: Final = "not stated"
OURSELVES: Final = "truscore-training"
# No exception may cover these: who offers the service over a network would owe its source.
FORBIDDEN: Final = ("AGPL", "SSPL")
_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?(?P<name>.+)")
_LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]*)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """`spellings`: from what packages write to SPDX. `exceptions`: from a pattern of names to a reason."""

    allowed: frozenset[str]
    spellings: Mapping[str, str]
    read_in_files: Mapping[str, str]
    exceptions: Mapping[str, str]

    def reason_for(self, package: str) -> str:
        return next((why for pattern, why in self.exceptions.items() if fnmatchcase(package, pattern)), "")


def policy_in(path: Path = POLICY) -> Policy:
    read = tomllib.loads(path.read_text())
    return Policy(
        allowed=frozenset(read["allowed"]),
        spellings={key.lower(): value for key, value in read["spellings"].items()},
        read_in_files=read["read_in_files"],
        exceptions=read["exceptions"],
    )


def locked(lock: str) -> frozenset[str]:
    """Names of the packages in the text of a lock, of all platforms and extras."""
    return frozenset(locked_versions(lock))


def locked_versions(lock: str) -> dict[str, str]:
    """By package; of one with a version for each Python, that for the newest, which the lock names last."""
    return {_canonical(found["name"]): found["version"] for found in _LOCKED.finditer(lock)}


def recorded(text: str) -> dict[str, str]:
    """By package, from lines of `name licence`."""
    lines = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: licence.strip() for name, _, licence in lines}


def declared(policy: Policy) -> dict[str, str]:
    """Of each installed package, as SPDX where `policy` knows the spelling."""
    found = {_canonical(each.name): licence_of(each.metadata.json, policy) for each in metadata.distributions()}
    found.pop(OURSELVES, None)
    return {
        name: policy.read_in_files.get(name, licence) if licence == NOT_STATED else licence
        for name, licence in found.items()
    }


def findings(
    lock: frozenset[str], record: Mapping[str, str], installed: Mapping[str, str], policy: Policy
) -> Iterator[str]:
    """What is amiss, a sentence each."""
    for name in sorted(lock - record.keys()):
        yield f"{name}: locked, and its licence is not recorded; `python -m deploy.supply_chain.licences --record`"
    for name in sorted(record.keys() - lock):
        yield f"{name}: recorded, and not locked any more; remove its line"
    for name, licence in sorted(record.items()):
        if name in installed and installed[name] != licence:
            yield f"{name}: recorded as {licence}, and what is installed declares {installed[name]}"
        yield from _judged(name, licence, policy)
    for pattern in policy.exceptions:
        if not any(fnmatchcase(name, pattern) for name in record):
            yield f"exception {pattern}: covers no package; remove it"


def _judged(name: str, licence: str, policy: Policy) -> Iterator[str]:
    if any(word in licence.upper() for word in FORBIDDEN):
        yield f"{name}: {licence} is forbidden, and no exception may cover it"
    elif not permits(licence, policy.allowed) and not policy.reason_for(name):
        yield f"{name}: {licence} is not on the list; accepted are {', '.join(sorted(policy.allowed))}"


def permits(expression: str, allowed: frozenset[str]) -> bool:
    """Whether the terms of an SPDX expression can be met by `allowed` ones: all of an AND, one of an OR."""
    licensing = _licensing()
    try:
        parsed = licensing.parse(expression, validate=True, strict=True)
    except ExpressionError:
        return False
    return parsed is not None and _met(parsed, licensing, allowed)


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()


def _met(term: Any, licensing: Licensing, allowed: frozenset[str]) -> bool:
    if isinstance(term, licensing.AND):
        return all(_met(each, licensing, allowed) for each in term.args)
    if isinstance(term, licensing.OR):
        return any(_met(each, licensing, allowed) for each in term.args)
    return term.render() in allowed


def licence_of(about: Mapping[str, Any], policy: Policy) -> str:
    """The SPDX expression where there is one; then the first line of the field, then the classifiers, if known."""
    if stated := about.get("license_expression"):
        return str(stated)
    lines = str(about.get("license") or "").strip().splitlines()
    if lines and (known := policy.spellings.get(lines[0].strip().lower())):
        return known
    names = [found["name"] for each in about.get("classifier", ()) if (found := _CLASSIFIER.fullmatch(each))]
    known_names = sorted({policy.spellings[name.lower()] for name in names if name.lower() in policy.spellings})
    return " AND ".join(known_names) or NOT_STATED


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--record", action="store_true", help="write what the record lacks or states otherwise")
    arguments = parser.parse_args()
    policy, record = policy_in(), recorded(RECORD.read_text())
    lock, installed = locked((REPOSITORY / "requirements.lock").read_text()), declared(policy)
    if arguments.record:
        known = {**record, **installed}
        lines = (f"{name} {known[name]}\n" for name in sorted(lock) if name in known)
        RECORD.write_text("# Of every locked package: its licence.\n" + "".join(lines))
        return
    amiss = list(findings(lock, record, installed, policy))
    if amiss:
        sys.exit("\n".join(["licences:", *amiss]))
    compared = len(lock & installed.keys())
    print(f"licences: {len(record)} locked packages, {compared} of them compared with what is installed")  # noqa: T201


if __name__ == "__main__":
    main()
