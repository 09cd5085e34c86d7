"""The policies of the table on a real S3 server: what each user may do works, and everything else is refused."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from truscore.storage import AccessRefused, S3Store

from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.s3.policies import TABLE, policy

pytestmark = pytest.mark.connected
BUCKET, DATASETS, STRANGE = "truscore", "cards-in", "strangers"
# One for each place that a policy may tell from others.
KEYS = (
    "datasets/cards/1/a.jpg",
    "datasets/cards/1/_truscore/verdict.json",
    "datasets/cards/_versions/1.json",
    "runs/r1/config.json",
    "runs/r1/checkpoints/latest.json",
    "runs/r1/folds/0.pt",
    "models/m/r1/model.onnx",
    "pretrained/resnet18.pth",
    "studio/segments/20260101T000000Z-00000000/0000000001.jsonl.gz",
    "elsewhere/x",
)
PART_BYTES = 5 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """SeaweedFS with a user for each row of the table, whose policy is the document that is shipped."""
    folder = tmp_path_factory.mktemp("policies")
    weed = SeaweedFS(folder, find_weed(), identities=folder / "identities.json")
    documents = {user: policy(rights, BUCKET, dataset_buckets=[DATASETS]) for user, rights in TABLE.items()}
    admin = {"accessKey": weed.reach.access_key, "secretKey": weed.reach.secret_key}
    identities: list[dict[str, Any]] = [{"name": "admin", "credentials": [admin], "actions": ["Admin"]}]
    for user in documents:
        credentials = [{"accessKey": f"key-of-{user}", "secretKey": f"secret-of-{user}"}]
        identities.append({"name": user, "credentials": credentials, "policyNames": [user]})
    policies = [{"name": user, "content": json.dumps(document)} for user, document in documents.items()]
    (folder / "identities.json").write_text(json.dumps({"identities": identities, "policies": policies}))
    weed.start()
    for bucket in (BUCKET, DATASETS, STRANGE):
        weed.reach.make_bucket(bucket)
    admin_store = S3Store(weed.reach.endpoint, weed.reach.access_key, weed.reach.secret_key)
    for uri in (*(f"s3://{BUCKET}/{key}" for key in KEYS), f"s3://{DATASETS}/a.jpg", f"s3://{STRANGE}/a.jpg"):
        admin_store.put(uri, b"x")
    yield weed
    weed.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store_of(server: SeaweedFS) -> Callable[[str], S3Store]:
    return lambda user: S3Store(server.reach.endpoint, f"key-of-{user}", f"secret-of-{user}")


def granted(patterns: tuple[str, ...], key: str) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def works(act: Callable[[], object]) -> bool:
    try:
        act()
    except AccessRefused:
        return False
    return True


@pytest.mark.parametrize("user", TABLE)
def test_each_user_may_read_write_and_delete_what_the_table_says_and_nothing_else(
    user: str, store_of: Callable[[str], S3Store], server: SeaweedFS
) -> None:
    rights, store = TABLE[user], store_of(user)
    admin = S3Store(server.reach.endpoint, server.reach.access_key, server.reach.secret_key)
    for key in KEYS:
        uri = f"s3://{BUCKET}/{key}"
        written = granted(rights.writes, key) and not granted(rights.never_writes, key)
        expected = (granted(rights.reads, key), written, granted(rights.deletes, key))
        found = (
            works(lambda uri=uri: store.get(uri, limit_bytes=10)),
            works(lambda uri=uri: store.put(uri, b"y")),
            works(lambda uri=uri: store.delete(uri)),
        )
        assert found == expected, key
        admin.put(uri, b"x")


@pytest.mark.parametrize("user", TABLE)
def test_who_may_list_is_told_what_is_missing_and_nobody_sees_a_bucket_of_strangers(
    user: str, store_of: Callable[[str], S3Store]
) -> None:
    rights, store = TABLE[user], store_of(user)
    assert works(lambda: list(store.list(f"s3://{BUCKET}/"))) is rights.lists
    assert works(lambda: store.get(f"s3://{DATASETS}/a.jpg", limit_bytes=10)) is rights.other_datasets
    assert not works(lambda: store.put(f"s3://{DATASETS}/a.jpg", b"y"))
    assert not works(lambda: store.get(f"s3://{STRANGE}/a.jpg", limit_bytes=10))
    assert not works(lambda: list(store.list(f"s3://{STRANGE}/")))
    if rights.lists:
        store.ready()
        assert store.stat(f"s3://{BUCKET}/{rights.reads[0].replace('*', 'missing')}") is None


@pytest.mark.parametrize(
    ("user", "key"), [("trainer", "runs/r1/checkpoints/large.pt"), ("exporter", "models/m/r1/package.tar")]
)
def test_files_in_parts_and_writes_on_a_condition_work(
    user: str, key: str, store_of: Callable[[str], S3Store], tmp_path: Path
) -> None:
    store, path = store_of(user), tmp_path / "large"
    path.write_bytes(b"x" * (2 * PART_BYTES + 1))
    uri = f"s3://{BUCKET}/{key}"
    assert store.put_file(uri, path).size_bytes == path.stat().st_size
    assert store.put_if(f"{uri}.json", b"{}", etag="").size_bytes == 2
    elsewhere = f"s3://{BUCKET}/datasets/cards/1/a.jpg"
    assert not works(lambda: store.put_file(elsewhere, path))
    assert not works(lambda: store.put_if(f"{elsewhere}.json", b"{}", etag=""))


def test_the_table_has_every_service_that_has_a_key_of_the_store() -> None:
    services = Path(__file__).parents[3] / "services"
    with_store = {
        path.parent.name.replace("_", "-")
        for path in services.glob("*/settings.py")
        if re.search(r"^class .*\bStoreSettings\b", path.read_text(), re.MULTILINE)
        or "s3_access_key" in path.read_text()
    }
    assert set(TABLE) - {"training-run", "validator-worker", "upstream", "grading-engine"} == with_store


@pytest.mark.parametrize("bucket", ["", "true*", "a/b", "${aws:username}"])
def test_a_bucket_whose_name_would_be_a_pattern_is_refused(bucket: str) -> None:
    with pytest.raises(ValueError, match="accepted are names without"):
        policy(TABLE["trainer"], bucket)
