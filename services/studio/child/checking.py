"""`python -m services.studio.child.checking MEMORY_BYTES`: what the validator's rules find on one image, or how far two
documents of one agree, a line of JSON each. It ends when its standard input does.

Statistics of pixels stay known for the images that were looked at last: marks change, pictures don't.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from truscore.datasets import ImageRecord, Limits, ScanOptions
from truscore.datasets.images.scan import scan_image
from truscore.validation.catalogue import BY_ID
from truscore.validation.measures.image_stats import ImageStats, measure_image
from truscore.validation.one_image import ImageFinding, image_findings
from truscore.validation.policy.expectations import expectation_of
from truscore.validation.policy.policy import Policy
from truscore.validation.policy_files import InvalidPolicy, policy_for

from services.studio.agreement.matching import compare
from services.studio.child.__main__ import load_libraries
from services.studio.child.bounds import hold_to
from services.studio.drafts.document_json import document_from_json
from services.studio.drafts.marks import annotation_of, record_from_json

MOST_KNOWN: Final = 64
MOST_FINDINGS: Final = 300


class Checking:
    """Answers one question after the other."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, ImageStats | None] = OrderedDict()

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return _compared(job) if job["what"] == "compare" else self._checked(job)

    def _checked(self, job: Mapping[str, Any]) -> dict[str, Any]:
        folder = Path(job["policies"]) if job["policies"] else None
        try:
            policy = policy_for(job["category"], folder=folder, dataset_id=job["dataset_id"])
        except InvalidPolicy as error:
            return {"fault": str(error), "findings": []}
        touched = None if job["touched"] is None else frozenset(job["touched"])
        found = image_findings(
            _image_of(job),
            class_names=tuple(job["class_names"]),
            expectation=expectation_of(job["category"], job["option"], job["architecture"]),
            policy=policy,
            stats=None if touched is not None else self._stats(job, policy),
            touched=touched,
        )
        return {"fault": "", "findings": [_finding_to_dict(each) for each in found[:MOST_FINDINGS]]}

    def _stats(self, job: Mapping[str, Any], policy: Policy) -> ImageStats | None:
        key = f"{job['file']} {policy.thumbnail_px}"
        if key not in self._known:
            self._known[key] = _measured(job, policy)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return self._known[key]


def _compared(job: Mapping[str, Any]) -> dict[str, Any]:
    one, other = (document_from_json(job[side]) for side in ("one", "other"))
    return {"fault": "", "found": compare(one, other, width=job["width"], height=job["height"])}


def _measured(job: Mapping[str, Any], policy: Policy) -> ImageStats | None:
    """As the validator measures it."""
    file, most = Path(job["file"]), job["most_pixels"]
    limits = Limits(image_bytes=job["most_bytes"], image_pixels=most, pixels_at_once=most, workers=1)
    options = ScanOptions(measure=lambda _path, picture: measure_image(picture, thumbnail_px=policy.thumbnail_px))
    measured: ImageStats | None = scan_image(file.parent, file.name, limits=limits, scan_options=options).measurement
    return measured


def _image_of(job: Mapping[str, Any]) -> ImageRecord:
    document = document_from_json(job["document"])
    marks = tuple(replace(annotation_of(shape), source_id=shape.id) for shape in document.shapes.values())
    return replace(record_from_json(job["record"]), annotations=marks, labels=document.labels)


def _finding_to_dict(found: ImageFinding) -> dict[str, Any]:
    rule = BY_ID[found.finding.rule]
    return {
        "rule": rule.id,
        "severity": found.finding.severity.value,
        "message": found.finding.message,
        "mend": rule.mend,
        "shape": found.shape,
    }


def main(arguments: list[str]) -> int:
    faulthandler.enable()
    load_libraries()
    memory_bytes, checking = int(arguments[0]), Checking()
    hold_to(memory_bytes)
    for line in sys.stdin:
        try:
            answer = checking.answer(json.loads(line))
        except MemoryError:
            answer = {"fault": f"checking it takes more memory than {memory_bytes} bytes, which is all it may take"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
