"""Advisories: pip-audit against a source that answers, and what is said where none does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.supply_chain.advisories import check

LOCK = f"jinja2==3.1.6 \\\n    --hash=sha256:{'0' * 64}\n"
ADVISORY = {
    "id": "PYSEC-0000-1",
    "published": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.7"}]}],
        }
    ],
}


class Source(BaseHTTPRequestHandler):
    """Speaks as OSV's API does, with one advisory."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = {"vulns": [ADVISORY]} if asked["package"]["name"] == "jinja2" else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(known).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK)
    return path


def test_a_known_vulnerability_fails_with_package_and_advisory(lock: Path, source: str, tmp_path: Path) -> None:
    fine, said = check(lock, source, stamps=tmp_path / "stamps", accepted={})
    assert not fine
    assert "jinja2" in said
    assert "PYSEC-0000-1" in said


def test_an_accepted_one_passes_and_the_answer_is_kept_for_the_same_lock(
    lock: Path, source: str, tmp_path: Path
) -> None:
    stamps, accepted = tmp_path / "stamps", {"PYSEC-0000-1": "no template of ours comes from others"}
    assert check(lock, source, stamps=stamps, accepted=accepted)[0]
    nobody = "http://127.0.0.1:1/v1/query"
    assert "for this very lock" in check(lock, nobody, stamps=stamps, accepted=accepted)[1]
    lock.write_text(LOCK.replace("3.1.6", "3.1.5"))
    assert "NOT CHECKED" in check(lock, nobody, stamps=stamps, accepted=accepted)[1]


@pytest.mark.parametrize(("url", "said"), [("http://127.0.0.1:1/", "NOT CHECKED"), ("osv", "accepted is http://")])
def test_without_a_source_it_passes_and_says_that_nothing_was_checked(
    lock: Path, tmp_path: Path, url: str, said: str
) -> None:
    fine, answer = check(lock, url, stamps=tmp_path / "stamps", accepted={})
    assert fine
    assert said in answer
