"""The files of a dataset's folder: listed once, within bounds, never outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from truscore.datasets.limits import Limits
from truscore.datasets.paths import IMAGE_SUFFIXES, suffix_of
from truscore.datasets.reading.derived_pictures import derived_pictures
from truscore.datasets.reading.problems import ProblemLog

RESERVED = "_truscore"  # ours: indexes, reports and verdicts lie there


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """`files` are relative paths with "/", sorted; each is inside `root` after all links are followed."""

    root: Path
    files: tuple[str, ...]

    # Files by suffixes: readers list the same ones again and again.
    _by_suffix: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _by_suffixes: dict[frozenset[str], tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _derived: list[dict[str, str]] = field(default_factory=list, init=False, repr=False, compare=False)
    _images: list[tuple[str, ...]] = field(default_factory=list, init=False, repr=False, compare=False)

    def with_suffix(self, *suffixes: str) -> tuple[str, ...]:
        wanted = frozenset(suffixes)
        if not self._by_suffix:
            for path in self.files:
                self._by_suffix.setdefault(suffix_of(path), []).append(path)
        if wanted not in self._by_suffixes:
            found = [paths for suffix in wanted if (paths := self._by_suffix.get(suffix))]
            self._by_suffixes[wanted] = tuple(found[0] if len(found) == 1 else sorted(chain.from_iterable(found)))
        return self._by_suffixes[wanted]

    @property
    def pictures(self) -> tuple[str, ...]:
        """Every file that is named as an image: images, masks, previews, maps."""
        return self.with_suffix(*IMAGE_SUFFIXES)

    @property
    def derived(self) -> Mapping[str, str]:
        """Pictures that were made of others, and are no images to train on, with what they are."""
        if not self._derived:
            self._derived.append(derived_pictures(self.pictures))
        return self._derived[0]

    @property
    def images(self) -> tuple[str, ...]:
        """The pictures that may be trained on."""
        if not self._images:
            self._images.append(tuple(path for path in self.pictures if path not in self.derived))
        return self._images[0]


def list_folder(root: Path, *, limits: Limits, log: ProblemLog) -> Folder:
    """List the folder; what cannot be listed safely is reported and left out."""
    root_path = root.resolve()
    walk = _Walk(root_path=root_path, depth_limit=limits.folder_depth, log=log)
    files: list[str] = []
    for path in walk.files(root, "", frozenset({root_path})):
        if len(files) == limits.files:
            log.add("format.too_many_files", f"more than {limits.files} files; the rest was not read", path)
            break
        files.append(path)
    return Folder(root=root, files=tuple(sorted(files)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    root_path: Path
    depth_limit: int
    log: ProblemLog

    def files(self, folder: Path, prefix: str, above: frozenset[Path]) -> Iterator[str]:
        if prefix.count("/") >= self.depth_limit:
            self.log.add("format.too_many_files", "folders are nested too deeply; what is deeper was not read", prefix)
            return
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            path = prefix + entry.name
            if _is_foreign(entry.name, prefix) or not self._is_text(path) or not self._is_inside(entry, path):
                continue
            if not entry.is_dir():
                yield path
            elif (target := Path(entry.path).resolve()) not in above:  # a link to a folder above would never end
                yield from self.files(Path(entry.path), path + "/", above | {target})

    def _is_text(self, path: str) -> bool:
        try:
            path.encode()
        except UnicodeEncodeError:
            self.log.add("format.name_not_text", "the file name is not valid Unicode", path)
            return False
        return True

    def _is_inside(self, entry: os.DirEntry[str], path: str) -> bool:
        if not entry.is_symlink():
            return entry.is_file() or entry.is_dir()
        link = Path(entry.path)
        target = link.resolve()
        if target.is_relative_to(self.root_path) and (target.is_file() or target.is_dir()):
            return True
        self.log.add("format.link_outside", f"links to {str(link.readlink())!r}, which is not in the dataset", path)
        return False


def _is_foreign(name: str, prefix: str) -> bool:
    return name.startswith(".") or name == "__MACOSX" or (not prefix and name == RESERVED)
