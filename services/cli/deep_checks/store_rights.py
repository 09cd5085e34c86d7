"""Whether this key may do in the store what the command line does: list, write, read and delete."""

import uuid
from collections.abc import Callable, Iterator

from truscore.storage import S3Store, StoreError

from services.cli.context import Addresses
from services.cli.doctor import TIMEOUT_S, Check

CONTENT = b"written by `truscore doctor --deep`, which removes it again\n"


def store_rights(addresses: Addresses) -> Iterator[Check]:
    """A check for each right."""
    store = S3Store(addresses.s3_endpoint, addresses.s3_access_key, addresses.s3_secret_key, timeout_s=TIMEOUT_S)
    folder = f"s3://{addresses.bucket}/datasets/doctor/"
    uri = f"{folder}{uuid.uuid4().hex}.txt"
    acts: dict[str, Callable[[], object]] = {
        "list": lambda: next(iter(store.list(folder, limit=1)), None),
        "write": lambda: store.put(uri, CONTENT),
        "read": lambda: store.get(uri, limit_bytes=len(CONTENT)),
        "delete": lambda: store.delete(uri),
    }
    for act, tried in acts.items():
        yield _right(act, tried)


def _right(act: str, tried: Callable[[], object]) -> Check:
    name = f"store: {act}"
    try:
        tried()
    except StoreError as error:
        todo = "give the key the policy of `cli` (`python -m deploy.s3.policies`)"
        return Check(name=name, ok=False, found=str(error), todo=todo, grave=act in {"list", "read"})
    return Check(name=name, ok=True, found="allowed", grave=False)
