"""Policies for S3 servers, a document for each service, from one table of what it reads, writes and deletes.

`python -m deploy.s3.policies --bucket truscore --to FOLDER` writes `FOLDER/<service>.json`, in the language of AWS's
policies, which MinIO, SeaweedFS and others read. `--dataset-bucket NAME` names further buckets that datasets lie in.
Services that are not in the table have no key of the store.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

VERSION: Final = "2012-10-17"  # of the policy language
# Verdicts and accepted versions lie beside the data they are about; only the validator writes them.
VERDICTS: Final = ("datasets/*/_truscore/*", "datasets/*/_versions/*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """Patterns of keys within the bucket; `*` is any run of characters, slashes too. `lists`: names of all objects, and
    with them whether one is missing or refused. `other_datasets`: may read the further buckets of datasets."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    never_writes: tuple[str, ...] = ()
    lists: bool = True
    other_datasets: bool = False


TABLE: Final[Mapping[str, Rights]] = {
    "dataset-validator": Rights(reads=("datasets/*",), writes=VERDICTS, other_datasets=True),
    # Workers that measure images for validators, by names that those tell.
    "validator-worker": Rights(reads=("datasets/*",), lists=False, other_datasets=True),
    "trainer": Rights(
        reads=("datasets/*", "runs/*", "pretrained/*"),
        # Published weights that it fetched are kept for the next run.
        writes=("runs/*", "pretrained/*"),
        deletes=("runs/*/checkpoints/*", "runs/*/folds/*", "runs/*/segments/*"),
        other_datasets=True,
    ),
    # Pods of runs, where a trainer makes Jobs of them: what a trainer may, but to delete.
    "training-run": Rights(
        reads=("datasets/*", "runs/*", "pretrained/*"), writes=("runs/*", "pretrained/*"), other_datasets=True
    ),
    "exporter": Rights(reads=("datasets/*", "runs/*", "models/*"), writes=("models/*",), other_datasets=True),
    "studio": Rights(
        reads=("datasets/*", "runs/*", "models/*", "studio/*"),
        # What changes in drafts lies under studio/.
        writes=("datasets/*", "studio/*"),
        never_writes=VERDICTS,
    ),
    # People at the command line: orders, downloads, weights for the mirror, retention.
    "cli": Rights(
        reads=("*",),
        writes=("datasets/*", "pretrained/*"),
        deletes=("datasets/*", "runs/*", "models/*"),
        never_writes=VERDICTS,
    ),
    # Systems of others: those that bring datasets, and those that run models.
    "upstream": Rights(writes=("datasets/*",), never_writes=VERDICTS, lists=False),
    "grading-engine": Rights(reads=("models/*",), lists=False),
}


def policy(rights: Rights, bucket: str, *, dataset_buckets: Iterable[str] = ()) -> dict[str, Any]:
    """The policy document of one service. ValueError where a bucket's name would be a pattern."""
    others = tuple(dataset_buckets) if rights.other_datasets else ()
    for name in (bucket, *others):
        if not name or set(name) & set("*?/${}"):
            raise ValueError(f"bucket {name!r}; accepted are names without any of * ? / $ {{ }}")
    listed = (bucket, *others) if rights.lists else ()
    statements = [
        _statement("Allow", ("s3:ListAllMyBuckets",), ["*"] if listed else []),
        _statement("Allow", ("s3:GetBucketLocation",), (bucket, *others)),
        _statement("Allow", ("s3:ListBucket",), listed),
        _statement("Allow", ("s3:GetObject",), [*_keys(bucket, rights.reads), *(f"{name}/*" for name in others)]),
        _statement("Allow", ("s3:PutObject", "s3:AbortMultipartUpload"), _keys(bucket, rights.writes)),
        _statement("Allow", ("s3:DeleteObject",), _keys(bucket, rights.deletes)),
        _statement("Deny", ("s3:PutObject",), _keys(bucket, rights.never_writes)),
    ]
    return {"Version": VERSION, "Statement": [each for each in statements if each["Resource"]]}


def _keys(bucket: str, patterns: Iterable[str]) -> list[str]:
    return [f"{bucket}/{pattern}" for pattern in patterns]


def _statement(effect: str, actions: tuple[str, ...], resources: Iterable[str]) -> dict[str, Any]:
    return {"Effect": effect, "Action": list(actions), "Resource": [f"arn:aws:s3:::{name}" for name in resources]}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m deploy.s3.policies", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--bucket", default="truscore", help="bucket that runs, models and datasets lie in")
    parser.add_argument("--dataset-bucket", action="append", default=[], help="a further bucket of datasets, read only")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the documents are written")
    arguments = parser.parse_args()
    try:
        documents = {
            user: policy(rights, arguments.bucket, dataset_buckets=arguments.dataset_bucket)
            for user, rights in TABLE.items()
        }
        arguments.to.mkdir(parents=True, exist_ok=True)
        for user, document in documents.items():
            (arguments.to / f"{user}.json").write_text(json.dumps(document, indent=1) + "\n")
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
