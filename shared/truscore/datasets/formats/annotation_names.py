"""Names of annotation files beside their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath


def beside(paths: Iterable[str], suffix: str) -> dict[str, str]:
    """NAME.suffix for each image, or NAME.jpg.suffix where images differ in nothing but their ending."""
    listed = list(paths)
    short = {path: str(PurePosixPath(path).with_suffix(suffix)) for path in listed}
    times = Counter(name.lower() for name in short.values())
    return {path: name if times[name.lower()] == 1 else path + suffix for path, name in short.items()}


def unchanged(paths: Iterable[str]) -> dict[str, str]:
    return {path: path for path in paths}


def clashes(paths: Iterable[str]) -> list[str]:
    """Why readers that do not look at the case of letters would take one image for another."""
    times = Counter(path.lower() for path in paths)
    twice = [path for path, count in times.items() if count > 1]
    return [f"image paths that differ only in case ({twice[0]})"] if twice else []


def same_name(names: Mapping[str, str]) -> list[str]:
    """Why a format with one file for each image stem cannot hold them."""
    times = Counter(names.values())
    twice = [path for path, name in names.items() if times[name] > 1]
    return [f"images that differ only in their ending ({twice[0]})"] if twice else []
