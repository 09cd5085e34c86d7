"""Debian and Ubuntu packages, unpacked into a folder of ours. Knows apt and dpkg; needs no root, changes no system."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

UPDATE_TIMEOUT_S = 300.0
DOWNLOAD_TIMEOUT_S = 600.0
UNPACK_TIMEOUT_S = 300.0
NEEDED_PROGRAMS = ("apt-get", "apt-cache", "dpkg-deb")


class FetchFailed(RuntimeError):
    """Packages could not be fetched or unpacked; carries what the tool printed."""


def can_fetch() -> bool:
    """Whether this machine has the tools."""
    return all(shutil.which(program) for program in NEEDED_PROGRAMS)


def fetch_packages(name: str, prefix: Path, *, families: Sequence[str]) -> list[str]:
    """Unpack package `name` under `prefix`, with what it needs and this machine lacks; returns the packages' names.

    Of its dependencies those come along that are not installed, and always those that start with one of `families`:
    an unpacked program should meet libraries of its own version.
    """
    folder = prefix / "fetched"
    shutil.rmtree(prefix, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        packages = _download(name, folder, families, options=())
    except FetchFailed:
        # The system's lists are missing (as in a bare image) or older than its mirror: read them anew, beside our own.
        options = _private_lists(prefix)
        _update(options, folder)
        packages = _download(name, folder, families, options)
    for archive in sorted(folder.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(prefix)], folder, UNPACK_TIMEOUT_S)
    shutil.rmtree(folder)
    return packages


def _update(options: Sequence[str], folder: Path) -> None:
    """Read the package lists. By itself apt-get takes lists that it could not fetch for a warning, and goes on."""
    strict = "-oAPT::Update::Error-Mode=any"
    try:
        _run(["apt-get", *options, strict, "update", "-qq"], folder, UPDATE_TIMEOUT_S)
    except FetchFailed as failure:
        found = (line for line in str(failure).splitlines() if line.startswith(("E:", "W:", "Err:")))
        raise FetchFailed(
            f"the package lists could not be fetched ({next(found, str(failure))}): "
            "connect this machine to its package mirror (see /etc/apt), or to the proxy that leads there, and try again"
        ) from None


def _download(name: str, folder: Path, families: Sequence[str], options: Sequence[str]) -> list[str]:
    packages = sorted(set(_missing(name, folder, options)) | set(_relatives(name, folder, families, options)))
    if not packages:
        raise FetchFailed(f"apt knows no package {name}")
    _run(["apt-get", *options, "download", "-qq", *packages], folder, DOWNLOAD_TIMEOUT_S)
    return packages


def _missing(name: str, folder: Path, options: Sequence[str]) -> Iterator[str]:
    """What an installation would add. Lines of upgrades (`Inst libc6 [2.36-9] (…)`) are not: the old one serves."""
    plan = _run(
        ["apt-get", *options, "install", "--simulate", "--no-install-recommends", name], folder, UPDATE_TIMEOUT_S
    )
    for words in map(str.split, plan.splitlines()):
        if words[:1] == ["Inst"] and not words[2].startswith("["):
            yield words[1]


def _relatives(name: str, folder: Path, families: Sequence[str], options: Sequence[str]) -> Iterator[str]:
    ignored = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    listing = _run(["apt-cache", *options, "depends", "--recurse", *ignored, name], folder, UPDATE_TIMEOUT_S)
    for line in listing.splitlines():
        if line.startswith((name, *families)):
            yield line.strip()


def _private_lists(prefix: Path) -> list[str]:
    state, cache = prefix / "apt" / "state", prefix / "apt" / "cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    settings = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": cache,
        # As root apt changes to a user that may not write into our folder.
        "APT::Sandbox::User": "root",
    }
    return [f"-o{key}={value}" for key, value in settings.items()]


def _run(argv: Sequence[str], cwd: Path, timeout_s: float) -> str:
    try:
        done = subprocess.run(
            argv, cwd=cwd, timeout=timeout_s, check=False, text=True, capture_output=True, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise FetchFailed(f"{' '.join(argv[:4])} …: no end within {timeout_s:g} s") from None
    if done.returncode != 0:
        raise FetchFailed(f"{' '.join(argv[:4])} … ended with {done.returncode}:\n{done.stdout}\n{done.stderr}".strip())
    return done.stdout
