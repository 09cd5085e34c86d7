"""Files of others that pages load are those that VENDOR.json names, to the byte, and their licence lies beside them."""

import hashlib
import json
from pathlib import Path

import services.studio

VENDOR = Path(services.studio.__file__).parent / "web" / "vendor"


def test_every_vendored_file_is_named_with_its_digest_and_a_licence() -> None:
    named = {
        path: digest
        for library in json.loads((VENDOR / "VENDOR.json").read_text()).values()
        for path, digest in library["sha256"].items()
    }
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.glob("*/*")
    }
    assert found == named
    assert {path.split("/")[0] for path in named} == {path.split("/")[0] for path in named if path.endswith("LICENSE")}
