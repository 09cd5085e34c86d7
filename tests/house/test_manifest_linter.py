"""What a linter of Kubernetes manifests finds in the rendered overlays: nothing but what is excused, with a reason."""

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest
import yaml

from tests.house.manifests import FOLDER, OVERLAYS, rendered, title

CONFIG = FOLDER.parent / "checkov.yaml"
INSTALLED = FOLDER.parents[1] / ".local/checkov/bin/checkov"
CHECKOV = str(INSTALLED) if INSTALLED.exists() else which("checkov")
TIMEOUT_S = 300


@pytest.mark.skipif(CHECKOV is None, reason="no checkov on this machine: `make lint-kubernetes` installs it")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_linter_finds_nothing_that_is_not_excused(overlay: str, tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all([dict(each) for each in rendered(overlay)]))
    argv = [str(CHECKOV), "-d", str(tmp_path), "--config-file", str(CONFIG), "-o", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    found = json.loads(done.stdout)
    failed = [
        f"{each['check_id']} {each['check_name']}: {each['resource']}" for each in found["results"]["failed_checks"]
    ]
    assert (failed, found["summary"]["parsing_errors"]) == ([], 0)
    assert found["summary"]["passed"] > 500, "the rules were asked"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_an_object_is_excused_from_has_a_reason(overlay: str) -> None:
    for each in rendered(overlay):
        for name, text in each["metadata"].get("annotations", {}).items():
            if name.startswith("checkov.io/skip"):
                check, _, reason = text.partition("=")
                assert check.startswith("CKV_"), title(each)
                assert len(reason) > 20, title(each)
