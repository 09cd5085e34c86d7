"""A service that takes large files into the store from several threads does not keep their bytes."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
from truscore.process.heap import return_large_blocks
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer

REPOSITORY = Path(__file__).parents[3]
FILE_BYTES, THREADS, ROUNDS = 12_000_000, 6, 2
KEPT_MB = 10  # without giving back: more than 100


async def upload(store: S3Store, bucket: str, path: Path) -> float:
    """MB that this process holds alone after it, more than before."""
    held = psutil.Process().memory_full_info().uss
    for number in range(ROUNDS):
        uris = [f"s3://{bucket}/{number}-{each}" for each in range(THREADS)]
        await asyncio.gather(*(asyncio.to_thread(store.put_file, uri, path) for uri in uris))
    return (psutil.Process().memory_full_info().uss - held) / 1e6


def main() -> None:
    endpoint, access_key, secret_key, bucket, path = sys.argv[1:]
    taken = return_large_blocks()
    store = S3Store(endpoint, access_key, secret_key)
    store.ready()
    kept_mb = asyncio.run(upload(store, bucket, Path(path)))
    sys.stdout.write(json.dumps({"taken": taken, "kept_mb": kept_mb}))


def test_what_was_uploaded_is_not_kept(s3: ObjectServer, bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(os.urandom(FILE_BYTES))
    argv = [sys.executable, "-m", "tests.connected.storage.test_memory_of_uploads"]
    done = subprocess.run(
        [*argv, s3.endpoint, s3.access_key, s3.secret_key, bucket, str(path)],
        cwd=REPOSITORY, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["taken"] is True
    assert found["kept_mb"] < KEPT_MB


if __name__ == "__main__":
    main()
