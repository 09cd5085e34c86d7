"""Headings of columns: the words people use for images, labels, scores and places; whether a line holds headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from truscore.datasets.formats.csv.text import is_number

IMAGE_NAMES = frozenset(
    {"filename", "file", "file_name", "image", "images", "image_path", "path", "img", "picture", "photo"}
    | {"image_name", "img_name", "image_file", "img_path", "filepath", "file_path", "imagename", "imagepath", "name"}
    | {"image_id", "imageid", "img_id", "id_code", "photo_id", "front", "datei", "dateiname", "bild", "bildname"}
    | {"bilddatei", "foto", "pfad", "fichier", "imagen", "archivo", "immagine"}
)
ID_WORDS = frozenset({"id", "identifier", "code", "card", "cert", "certificate", "uuid", "key", "karte", "nummer"})
LABEL_NAMES = frozenset(
    {"class", "classes", "class_name", "label", "labels", "category", "condition", "grade", "psa", "psa_grade", "bgs"}
    | {"damage", "damages", "damage_classes", "defect", "defects", "tags", "quality", "quality_grade"}
    | {"final_grade", "overall_grade", "overall", "note", "klasse", "kategorie", "zustand", "bewertung", "diagnosis"}
    | {"target", "sgc", "cgc", "schaden", "fehler", "gesamtnote", "classe", "clase", "etat", "estado", "grado"}
)
_LABEL_WORDS = frozenset(
    {"class", "classes", "label", "labels", "category", "condition", "grade", "note", "klasse", "zustand", "defect"}
    | {"damage", "diagnosis", "quality", "kategorie", "bewertung", "schaden", "fehler", "target", "tag", "tags"}
)
# Headings of several labels at once.
PLURALS = frozenset({"classes", "labels", "damages", "damage", "damage_classes", "defects", "tags", "categories"})
SUB_GRADES = frozenset(
    {"centering", "centring", "centration", "corner", "corners", "edge", "edges", "surface", "surfaces"}
    | {"zentrierung", "ecke", "ecken", "kante", "kanten", "rand", "oberfläche", "oberflaeche", "subgrade", "subgrades"}
)
SCORE_WORDS = frozenset({"score", "scores", "sharpness", "rating"}) | SUB_GRADES
GRADER_NAMES = frozenset({"grader", "company", "grading_company", "graded_by", "service", "grading_service", "firma"})
# Headings of the part of a split that an image is in.
PART_NAMES = frozenset({"split", "set", "subset", "partition", "part", "phase", "usage", "dataset", "fold"})
SIDES = frozenset({"front", "back", "obverse", "reverse", "vorne", "hinten", "vorderseite", "rückseite", "rueckseite"})
# Words for what describes the table, the file or a place, not what is seen on the picture.
BOOKKEEPING = frozenset(
    {"id", "ids", "idx", "index", "row", "nr", "no", "num", "number", "count", "counts", "sku", "width", "height"}
    | {
        "depth",
        "channels",
        "split",
        "set",
        "fold",
        "url",
        "link",
        "price",
        "preis",
        "cost",
        "usd",
        "eur",
        "date",
        "time",
    }
    | {"timestamp", "year", "jahr", "size", "bytes", "kb", "mb", "area", "sha256", "md5", "hash", "group", "difficult"}
    | {"x", "y", "w", "h", "x0", "y0", "x1", "y1", "x2", "y2", "xmin", "ymin", "xmax", "ymax", "left", "top", "right"}
    | {"bottom", "cx", "cy", "xc", "yc", "lat", "lon", "page", "order", "seed", "quantity", "qty", "anzahl", "menge"}
    | {"cert", "serial", "dpi", "pixels", "px", "population", "pop", "sold", "views", "likes", "bid", "bids", "offer"}
    | {
        "truncated",
        "occluded",
        "crowd",
        "iscrowd",
        "unnamed",
        "angle",
        "rotation",
        "confidence",
        "frame",
        "zip",
        "phone",
    }
    | {"source", "quelle", "origin", "herkunft", "provider"}
    | {"title", "titel", "description", "beschreibung", "caption", "seller", "shipping", "artist", "publisher"}
    | {"currency", "comment", "comments", "note_text", "remarks"}
    | {"datum", "größe", "groesse", "breite", "höhe", "hoehe", "betrag", "value", "wert", "annotator", "user", "weight"}
)
MASK_WORDS = frozenset({"mask", "masks", "segmentation", "gt", "groundtruth", "annotation"})
CLASS_PREFIX, SCORE_PREFIX = PREFIXES = ("class:", "score:")
_WORD = re.compile(r"[^\W\d_]+\d*|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_of(heading: str) -> frozenset[str]:
    """`ClassId`, `class_id` and `class id` are the words class and id."""
    return frozenset(_WORD.findall(_CAMEL.sub(" ", heading).casefold()))


def plain(heading: str) -> str:
    """In lower case, with one sign between words: `PSA Grade` is psa_grade."""
    return re.sub(r"[\s\-]+", "_", heading.strip().casefold())


def is_label(heading: str) -> bool:
    words = words_of(heading)
    return plain(heading) in LABEL_NAMES or bool(words & _LABEL_WORDS and not words & (BOOKKEEPING | SUB_GRADES))


def is_known(heading: str) -> bool:
    """Whether a heading is one of those that mean something here."""
    words = words_of(heading)
    known = SCORE_WORDS | BOOKKEEPING | ID_WORDS
    return plain(heading) in IMAGE_NAMES | GRADER_NAMES or is_label(heading) or bool(words & known)


def is_header(first: Sequence[str], rows: Sequence[Sequence[str]], names_image: Callable[[str], bool]) -> bool:
    """Whether the first line is of another kind than those below: it names no image, and no number above numbers."""
    if any(field.strip().casefold().startswith(PREFIXES) for field in first):
        return True
    if any(names_image(field) for field in first):
        return False
    other_kind = False
    for at, heading in enumerate(field.strip() for field in first):
        below = [row[at].strip() for row in rows if at < len(row) and row[at].strip()]
        if below and _mostly(is_number, below):
            if is_number(heading):
                return False
            other_kind = other_kind or bool(heading)
        elif below and _mostly(names_image, below):
            other_kind = other_kind or bool(heading)
    if other_kind or any(map(is_known, first)):
        return True
    # Words above words: a heading is not repeated below.
    return not any(heading in {row[at] for row in rows if at < len(row)} for at, heading in enumerate(first) if heading)


def _mostly(holds: Callable[[str], bool], values: Sequence[str]) -> bool:
    return 2 * sum(map(holds, values)) > len(values)
