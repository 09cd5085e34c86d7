"""What the S3 store does when the key, the line, the server or the disk fails it."""

import hashlib
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from faulty_line import FaultyLine, faulty_line
from truscore.storage import AccessRefused, DigestMismatch, S3Store, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from deploy.local.servers.objects import ObjectServer

pytestmark = pytest.mark.connected

CONTENT = os.urandom(1024) * 3000


@pytest.fixture
def line(s3: "ObjectServer") -> Iterator[FaultyLine]:
    server = urlsplit(s3.endpoint)
    with faulty_line(server.hostname or "", server.port or 80) as line:
        yield line


@pytest.fixture
def over_line(line: FaultyLine, s3: "ObjectServer") -> S3Store:
    return S3Store(line.endpoint, s3.access_key, s3.secret_key, timeout_s=10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_wrong_key_is_refused_by_name_at_every_call(s3: "ObjectServer", store: S3Store, bucket: str) -> None:
    store.put(f"s3://{bucket}/x", b"1")
    stranger = S3Store(s3.endpoint, "nobody", "knows-this-secret")
    calls = (
        lambda: stranger.get(f"s3://{bucket}/x", limit_bytes=1),
        lambda: stranger.put(f"s3://{bucket}/x", b"2"),
        lambda: stranger.stat(f"s3://{bucket}/x"),
        lambda: list(stranger.list(f"s3://{bucket}/")),
        lambda: stranger.delete(f"s3://{bucket}/x"),
        stranger.ready,
    )
    for call in calls:
        with pytest.raises(AccessRefused) as refused:
            call()
        assert not refused.value.retryable
        assert "knows-this-secret" not in str(refused.value)


def test_a_wrong_secret_is_refused(s3: "ObjectServer", bucket: str) -> None:
    with pytest.raises(AccessRefused):
        S3Store(s3.endpoint, s3.access_key, "wrong").get(f"s3://{bucket}/x", limit_bytes=1)


def test_a_server_that_is_away_is_unavailable_and_worth_another_try() -> None:
    store = S3Store(f"http://127.0.0.1:{free_port()}", "key", "secret", timeout_s=1)
    with pytest.raises(StoreUnavailable, match="does not answer") as away:
        store.get("s3://bucket/x", limit_bytes=1)
    assert away.value.retryable
    assert away.value.uri == "s3://bucket/x"


def test_a_server_that_comes_back_before_the_deadline_is_served_from(
    s3: "ObjectServer", store: S3Store, bucket: str
) -> None:
    store.put(f"s3://{bucket}/x", b"patience")
    port, server = free_port(), urlsplit(s3.endpoint)
    waiting = S3Store(f"http://127.0.0.1:{port}", s3.access_key, s3.secret_key, timeout_s=20)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(waiting.get(f"s3://{bucket}/x", limit_bytes=100)))
    reader.start()
    reader.join(timeout=0.5)  # it is being refused meanwhile
    assert got == []
    with faulty_line(server.hostname or "", server.port or 80, port) as _:
        reader.join(timeout=20)
    assert got == [b"patience"]


def test_a_busy_server_is_tried_again_until_the_deadline(line: FaultyLine, over_line: S3Store, bucket: str) -> None:
    line.answer_instead = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 3600\r\n\r\n"
    impatient = S3Store(line.endpoint, "key", "secret", timeout_s=1)
    with pytest.raises(StoreUnavailable):
        impatient.get(f"s3://{bucket}/x", limit_bytes=1)
    assert line.connections > 1


def test_an_answer_that_is_not_s3_is_an_error_not_content(line: FaultyLine, over_line: S3Store, bucket: str) -> None:
    line.answer_instead = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\noops"
    with pytest.raises(StoreError):
        over_line.put(f"s3://{bucket}/x", b"1")


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    line: FaultyLine, over_line: S3Store, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    stored = store.put(f"s3://{bucket}/x", CONTENT)
    line.cut_after_bytes = [1_000_000, 700_000]
    fetched = over_line.get_file(stored.uri, tmp_path / "x", sha256=stored.sha256)
    assert fetched == stored
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert line.connections == 3


def test_an_upload_whose_answer_is_lost_is_repeated(
    line: FaultyLine, over_line: S3Store, store: S3Store, bucket: str
) -> None:
    line.cut_after_bytes = [0]
    stored = over_line.put(f"s3://{bucket}/x", CONTENT)
    assert store.get(stored.uri, limit_bytes=len(CONTENT), sha256=stored.sha256) == CONTENT


def test_bytes_bent_on_the_way_are_noticed(line: FaultyLine, over_line: S3Store, store: S3Store, bucket: str) -> None:
    stored = store.put(f"s3://{bucket}/x", b"honest content")
    line.bent = [(b"honest", b"h0nest")]
    with pytest.raises(DigestMismatch):
        over_line.get(stored.uri, limit_bytes=100, sha256=stored.sha256)


def test_an_etag_that_is_the_digest_proves_the_upload(line: FaultyLine, over_line: S3Store, bucket: str) -> None:
    over_line.put(f"s3://{bucket}/x", b"proven")
    assert line.requests == [b"PUT"]


def test_an_upload_in_parts_is_proven_by_its_etag_too(
    line: FaultyLine, over_line: S3Store, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(os.urandom(1024) * 17 * 1024)
    stored = over_line.put_file(f"s3://{bucket}/x", tmp_path / "x")
    assert stored.size_bytes == 17 * 1024 * 1024
    assert b"GET" not in line.requests


def test_an_etag_that_proves_nothing_makes_the_store_read_back(
    line: FaultyLine, over_line: S3Store, bucket: str
) -> None:
    line.bent = [(hashlib.md5(b"proven", usedforsecurity=False).hexdigest().encode(), b"0" * 32)]
    assert over_line.put(f"s3://{bucket}/x", b"proven").size_bytes == 6
    assert line.requests == [b"PUT", b"GET"]


def test_content_that_reads_back_differently_is_not_reported_as_stored(
    line: FaultyLine, over_line: S3Store, bucket: str
) -> None:
    etag = hashlib.md5(b"exact content", usedforsecurity=False).hexdigest().encode()
    line.bent = [(etag, b"0" * 32), (b"exact content", b"exact c0ntent")]
    with pytest.raises(DigestMismatch):
        over_line.put(f"s3://{bucket}/x", b"exact content")


FULL_DISK = """
import resource, sys
from pathlib import Path
from truscore.storage import NoSpace, S3Store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
endpoint, access, secret, uri, folder = sys.argv[1:]
try:
    S3Store(endpoint, access, secret).get_file(uri, Path(folder) / "x")
except NoSpace as full:
    print("NoSpace", full.uri)
"""


def test_a_disk_that_takes_no_more_is_no_space_and_leaves_nothing(
    s3: "ObjectServer", store: S3Store, bucket: str, tmp_path: Path
) -> None:
    stored = store.put(f"s3://{bucket}/x", CONTENT)
    command = [sys.executable, "-c", FULL_DISK, s3.endpoint, s3.access_key, s3.secret_key, stored.uri, str(tmp_path)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert output.stdout.split() == ["NoSpace", stored.uri], output.stderr
    assert list(tmp_path.iterdir()) == []


def test_errors_survive_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(StoreUnavailable("s3://bucket/x", "away")))
    assert (type(error), error.uri, str(error)) == (StoreUnavailable, "s3://bucket/x", "s3://bucket/x: away")
