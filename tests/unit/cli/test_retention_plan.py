"""What a policy deletes, over random lineage graphs: never what something that stays descends from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.context import CliError
from services.cli.output.lineage import Traced
from services.cli.retention import Item, Policy, items_of, plan, read_policy
from services.cli.retention.policy import KINDS

NOW = 1_800_000_000.0
DAY_S = 86_400
POLICY = Policy(keep_days=dict.fromkeys(KINDS, 30.0))


@st.composite
def lineages(draw: st.DrawFn) -> list[Item]:
    """Items, each descending from any earlier ones: graphs without circles, of every shape."""
    made: list[Item] = []
    for number in range(draw(st.integers(0, 14))):
        ancestors = draw(st.sets(st.sampled_from(range(number)), max_size=4)) if number else set()
        made.append(
            Item(
                kind=draw(st.sampled_from(KINDS)),
                uri=f"s3://b/{number}/",
                since=NOW - DAY_S * draw(st.sampled_from((1, 29, 31, 400))),
                descends_from=frozenset(f"s3://b/{each}/" for each in ancestors),
                protected=draw(st.sampled_from(("", "", "", "it is the champion"))),
            )
        )
    return draw(st.permutations(made))


def ancestors(items: list[Item], uri: str) -> set[str]:
    by_uri = {item.uri: item for item in items}
    found, waiting = set(), [uri]
    while waiting:
        above = by_uri[waiting.pop()].descends_from - found
        found |= above
        waiting += above
    return found


@given(items=lineages(), kinds=st.sets(st.sampled_from(KINDS)))
@settings(max_examples=300, deadline=None)
def test_nothing_that_stays_descends_from_what_goes_and_all_else_that_is_old_goes(
    items: list[Item], kinds: set[str]
) -> None:
    planned = plan(items, Policy(keep_days=dict.fromkeys(kinds, 30.0)), now=NOW)
    deleted = {item.uri for item in planned.deleted}
    assert deleted | planned.kept.keys() == {item.uri for item in items}
    assert not deleted & planned.kept.keys()
    for uri in planned.kept:
        assert not ancestors(items, uri) & deleted
    stay = {item.uri for item in items if item.protected or item.kind not in kinds or NOW - item.since <= 30 * DAY_S}
    needed = stay.union(*(ancestors(items, uri) for uri in stay)) if stay else set()
    assert planned.kept.keys() == needed


@given(items=lineages())
@settings(max_examples=50, deadline=None)
def test_the_plan_is_the_same_in_whatever_order_the_record_is_read(items: list[Item]) -> None:
    assert plan(items, POLICY, now=NOW) == plan(items[::-1], POLICY, now=NOW)


def run(number: int, *, days: float, aliases: tuple[str, ...] = (), status: str = "finished") -> Traced:
    run_id = f"run-{number}"
    ended = datetime.fromtimestamp(NOW, tz=UTC) - timedelta(days=days)
    return Traced(
        run_id=run_id,
        status=status,
        job="a/b/c",
        dataset=f"cards/{number}",
        dataset_digest="",
        git_commit="",
        git_dirty=False,
        environment_digest="",
        artifacts={"onnx": (f"s3://truscore/models/m/{run_id}/model.onnx", "")},
        model=f"m/{run_id}",
        fit_for_use="true",
        aliases=aliases,
        started_at=ended - timedelta(hours=1),
        ended_at=None if status == "running" else ended,
    )


def deleted(runs: list[Traced], *, newest: int = 0, in_use: frozenset[str] = frozenset()) -> set[str]:
    items = items_of(runs, bucket="truscore", keep_newest_models=newest, in_use=in_use)
    return {item.uri.removeprefix("s3://truscore/") for item in plan(items, POLICY, now=NOW).deleted}


ALL_OF_RUN_1 = {"datasets/cards/1/", "runs/run-1/", "runs/run-1/checkpoints/", "models/m/run-1/"}


def test_an_old_run_goes_with_its_model_its_checkpoints_and_its_dataset() -> None:
    assert deleted([run(1, days=31)]) == ALL_OF_RUN_1
    assert deleted([run(1, days=29)]) == set()


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_a_version_with_an_alias_stays_for_ever_with_all_it_descends_from(alias: str) -> None:
    assert deleted([run(1, days=4000, aliases=(alias,))]) == set()


def test_the_newest_versions_stay_and_a_run_under_way_does() -> None:
    assert deleted([run(1, days=500), run(2, days=400)], newest=1) == ALL_OF_RUN_1
    assert deleted([run(1, days=500, status="running")]) == set()


def test_a_dataset_that_a_younger_run_or_an_order_uses_stays() -> None:
    younger = replace(run(2, days=1), dataset="cards/1")
    assert deleted([run(1, days=500), younger]) == ALL_OF_RUN_1 - {"datasets/cards/1/"}
    assert deleted([run(1, days=500)], in_use=frozenset({"cards/1"})) == ALL_OF_RUN_1 - {"datasets/cards/1/"}


def test_files_outside_the_runs_own_release_are_not_touched() -> None:
    astray = replace(run(1, days=500), artifacts={"onnx": ("s3://truscore/models/m/run-11/model.onnx", "")})
    assert deleted([astray]) == ALL_OF_RUN_1 - {"models/m/run-1/"}


@pytest.mark.parametrize(
    "text",
    [
        "keep_day = 1",
        "keep_days = 3",
        "[keep_days]\nmodel = 3",
        "[keep_days]\nruns = 0",
        "keep_newest_models = -1",
        "[",
    ],
)
def test_a_policy_with_a_slip_is_refused_by_its_key(text: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(CliError, match=r"policy\.toml"):
        read_policy(tmp_path / "policy.toml")
