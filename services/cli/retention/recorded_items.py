"""Items of the tracker's record: models, checkpoints, runs and datasets, and what descends from what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from services.cli.output.lineage import Traced
from services.cli.retention.planning import Item

UNDER_WAY = "its run is under way"


def items_of(
    runs: Iterable[Traced], *, bucket: str, keep_newest_models: int, in_use: frozenset[str] = frozenset()
) -> list[Item]:
    """What the runs on record wrote and read in the bucket. Nothing that no run on record names is among it.

    Ages count from the end of the run, and from that of the last run on a dataset; a run that has not ended protects
    all that is its own. A model's version with an alias stays for ever, and so do the datasets `in_use`
    ("dataset/version"): orders that no run on record has come of yet.
    """
    runs = list(runs)
    newest = _newest(runs, keep_newest_models)
    found = [item for run in runs for item in _of_run(run, bucket, newest)]
    return [*found, *_datasets(runs, bucket, in_use)]


def _newest(runs: list[Traced], count: int) -> frozenset[str]:
    by_model: dict[str, list[Traced]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.started_at, reverse=True):
        if run.model:
            by_model[run.model.partition("/")[0]].append(run)
    return frozenset(run.run_id for versions in by_model.values() for run in versions[:count])


def _of_run(run: Traced, bucket: str, newest: frozenset[str]) -> Iterator[Item]:
    since = (run.ended_at or run.started_at).timestamp()
    protected = UNDER_WAY if run.status == "running" or run.ended_at is None else ""
    whole = f"s3://{bucket}/runs/{run.run_id}/"
    checkpoints = f"{whole}checkpoints/"
    dataset = _dataset_uri(run, bucket)
    above = frozenset({dataset} if dataset else ())
    yield Item(kind="runs", uri=whole, since=since, descends_from=above, protected=protected)
    yield Item(kind="checkpoints", uri=checkpoints, since=since, descends_from=frozenset({whole}), protected=protected)
    for uri in sorted(_model_uris(run, bucket)):
        named = f"it is the {' and '.join(run.aliases)}" if run.aliases else ""
        among = "it is among the newest versions" if run.run_id in newest else ""
        yield Item(
            kind="models",
            uri=uri,
            since=since,
            descends_from=frozenset({whole, checkpoints}),
            protected=protected or named or among,
        )


def _model_uris(run: Traced, bucket: str) -> set[str]:
    """Folders of the run's releases: one for its own, one for each later one."""
    start = f"s3://{bucket}/models/{run.model.partition('/')[0]}/{run.run_id}"
    folders = {f"{uri.rpartition('/')[0]}/" for _, (uri, _) in run.of_model}
    return {folder for folder in folders if folder.startswith((f"{start}/", f"{start}."))}


def _dataset_uri(run: Traced, bucket: str) -> str:
    named, _, version = run.dataset.partition("/")
    return f"s3://{bucket}/datasets/{named}/{version}/" if named and version else ""


def _datasets(runs: list[Traced], bucket: str, in_use: frozenset[str]) -> Iterator[Item]:
    named = {_dataset_uri(run, bucket): run.dataset for run in runs}
    last: dict[str, float] = {}
    for run in runs:
        if uri := _dataset_uri(run, bucket):
            last[uri] = max(last.get(uri, 0.0), (run.ended_at or run.started_at).timestamp())
    for uri, since in sorted(last.items()):
        protected = "an order or run under way uses it" if named[uri] in in_use else ""
        yield Item(kind="datasets", uri=uri, since=since, protected=protected)
