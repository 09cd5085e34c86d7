"""Groups of images that a dataset's maker declares: scans of one card, shots of one tile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.index.stored_images import as_stored


def with_declared_groups(
    index: DatasetIndex, groups: Mapping[str, Sequence[str]]
) -> tuple[DatasetIndex, tuple[str, ...]]:
    """The index with these groups, and what of them cannot be used, in words.

    A group names images, or folders with a "/" at the end. What is declared goes before what file names imply: an
    image takes the declared group; one that is not declared follows those that it shares a source with, where all of
    them are in one.
    """
    declared, problems = _by_image(index.images, groups)
    followed: dict[str, set[str]] = defaultdict(set)
    for image in index.images:
        if image.group and image.path in declared:
            followed[image.group].add(declared[image.path])

    def group_of(image: ImageRecord) -> str:
        if image.path in declared:
            return f"declared {declared[image.path]}"
        related = followed.get(image.group, set())
        return f"declared {next(iter(related))}" if len(related) == 1 else image.group

    images = as_stored(index.images, (replace(image, group=group_of(image)) for image in index.images))
    return replace(index, images=images), tuple(problems)


def _by_image(images: Iterable[ImageRecord], groups: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], list[str]]:
    by_folder: dict[str, list[str]] = defaultdict(list)
    for image in images:
        by_folder[image.path].append(image.path)
        parts = image.path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            by_folder["/".join(parts[:depth]) + "/"].append(image.path)
    found: dict[str, str] = {}
    problems = []
    for name, member in ((name, member) for name, members in groups.items() for member in members):
        paths = by_folder.get(member, [])
        if not paths:
            problems.append(f"group {name!r} names {member!r}: there is no such image, and no folder with images")
        for path in paths:
            first = found.setdefault(path, name)
            if first != name:
                problems.append(f"{path!r} is in two declared groups, {first!r} and {name!r}; the first holds")
    return found, problems
