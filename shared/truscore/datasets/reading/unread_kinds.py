"""Files of kinds that no reader takes: raw photos, pictures that cannot be decoded here, and all that is unknown."""

from __future__ import annotations

from collections import defaultdict

from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, suffix_of
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog

UNREAD_PICTURES = frozenset(
    {".jxl", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef"}
    | {".rwl", ".srw", ".x3f", ".3fr", ".iiq", ".raw", ".psd", ".psb", ".xcf", ".svg", ".hdr", ".pcx", ".ico", ".wdp"}
    | {".jxr", ".hif", ".j2k", ".jpx", ".jpf", ".pbm", ".pnm", ".apng", ".dcm", ".nii", ".fits", ".webm", ".mp4"}
    | {".mov", ".avi", ".mkv", ".qoi", ".eps", ".ai"}
)
# What annotations, lists, maps and papers about a dataset are written in.
_KNOWN = frozenset(
    {
        ".json",
        ".jsonl",
        ".ndjson",
        ".xml",
        ".csv",
        ".tsv",
        ".txt",
        ".yaml",
        ".yml",
        ".names",
        ".data",
        ".toml",
        ".ini",
        ".cfg",
    }
    | {".md", ".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".lp", ".npy", ".npz", ".mat", ".exr", ".cache"}
    | {
        ".log",
        ".css",
        ".bib",
        ".tex",
        ".sh",
        ".py",
        ".m",
        ".ipynb",
        ".lst",
        ".ods",
        ".xlsx",
        ".manifest",
        ".dtd",
        ".pbtxt",
    }
)
_MOST_NAMED = 5


def report_unread_kinds(folder: Folder, log: ProblemLog) -> None:
    """One finding for the files of each such kind, with how many and which there are."""
    by_suffix: dict[str, list[str]] = defaultdict(list)
    for path in folder.files:
        suffix = suffix_of(name_of(path))
        if suffix and suffix not in IMAGE_SUFFIXES and suffix not in _KNOWN:
            by_suffix[suffix].append(path)
    for suffix, paths in sorted(by_suffix.items()):
        named = f"{', '.join(paths[:_MOST_NAMED])}{', …' if len(paths) > _MOST_NAMED else ''}"
        if suffix in UNREAD_PICTURES:
            log.add("format.pictures_unread", f"{len(paths)} {suffix} files cannot be decoded here: {named}", paths[0])
        else:
            log.add("format.file_unknown", f"no reader looks at {len(paths)} {suffix[:20]} files: {named}", paths[0])
