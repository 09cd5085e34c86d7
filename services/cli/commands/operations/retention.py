"""`truscore retention`: what a policy deletes, shown first and done then."""

import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, requested_by, store_explained

if TYPE_CHECKING:
    from truscore.storage import Store

    from services.cli.context import Endpoint
    from services.cli.handlers.retention import Deleted
    from services.cli.retention import Item, Plan, Policy

MOST_OBJECTS = 1_000_000
MOST_RUNS = 1000  # of a state; the most that the monitor gives at once
UNDER_WAY = ("validating", "queued", "training", "paused", "exporting")


def retention(
    context: typer.Context,
    policy: Annotated[
        Path,
        typer.Option(help="TOML file: keep_newest_models, and keep_days.models, .checkpoints, .runs and .datasets."),
    ],
    *,
    apply: Annotated[
        str, typer.Option(metavar="PLAN", help="Delete it: the plan that this command named before.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show what a policy deletes of the store, and delete it when that plan is given back with --apply. Champions,
    challengers and runs under way stay with all they descend from, whatever their age."""
    from services.cli.retention import read_policy

    ctx, read = context_of(context), read_policy(policy)
    planned = _plan(ctx, read)
    if not apply:
        _show(ctx, planned, as_json=as_json)
        return
    if apply != planned.digest:
        raise CliError(
            Code.USAGE,
            f"--apply {apply!r}: the policy deletes something else by now, plan {planned.digest}; accepted is the plan "
            "that this command names without --apply",
        )
    deleted = _carried_out(ctx, planned, read, policy.read_text(encoding="utf-8"))
    if as_json:
        print_json([{"uri": each.item.uri, "objects": each.objects, "size_bytes": each.size_bytes} for each in deleted])
    else:
        total = sum(each.size_bytes for each in deleted)
        ctx.screen.print(f"{len(deleted)} items deleted, {total / 1e6:.1f} MB", highlight=False)


def _plan(ctx: CommandContext, policy: "Policy") -> "Plan":
    from services.cli.handlers.experiments import traced
    from services.cli.retention import items_of, plan

    bucket, runs = ctx.addresses.bucket, traced(ctx.endpoint("tracker"))
    items = items_of(
        runs,
        bucket=bucket,
        keep_newest_models=policy.keep_newest_models,
        in_use=_datasets_in_use(ctx.endpoint("monitor")),
    )
    there = [item for item in items if _is_there(ctx.store(), item.uri)]
    return plan(there, policy, now=time.time())


def _datasets_in_use(endpoint: "Endpoint") -> frozenset[str]:
    """ "dataset/version" of every order and run under way, as the monitor knows them. CliError where it is away."""
    from services.cli.handlers.runs import Monitor

    with closing(Monitor(endpoint)) as monitor:
        found = [run for state in UNDER_WAY for run in monitor.list(state=state, limit=MOST_RUNS)]
    return frozenset(f"{run.dataset_id}/{run.dataset_version}" for run in found)


def _is_there(store: "Store", uri: str) -> bool:
    with store_explained():
        return next(iter(store.list(uri, limit=MOST_OBJECTS)), None) is not None


def _carried_out(ctx: CommandContext, planned: "Plan", policy: "Policy", text: str) -> "list[Deleted]":
    from services.cli.handlers.retention import order_deletion, tell_deleted

    amqp_url, store, request_id = ctx.need("amqp_url"), ctx.store(), uuid.uuid4().hex
    # On record before the first object goes.
    order_deletion(amqp_url, planned, policy=text, requested_by=requested_by(), request_id=request_id)
    deleted: list[Deleted] = []
    try:
        # Somebody may have promoted a version, or begun a run, since the plan was made.
        still = {item.uri for item in _plan(ctx, policy).deleted}
        for item in planned.deleted:
            if item.uri in still:
                deleted.append(_deleted(store, item))
    finally:
        if deleted:
            tell_deleted(amqp_url, deleted, request_id=request_id)
    return deleted


def _deleted(store: "Store", item: "Item") -> "Deleted":
    from services.cli.handlers.retention import Deleted

    with store_explained():
        entries = list(store.list(item.uri, limit=MOST_OBJECTS))
        for entry in entries:
            store.delete(entry.uri)
    return Deleted(item=item, objects=len(entries), size_bytes=sum(entry.size_bytes for entry in entries))


def _show(ctx: CommandContext, planned: "Plan", *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"plan": planned.digest, "deleted": [item.uri for item in planned.deleted], "kept": dict(planned.kept)}
        )
        return
    for uri, reason in sorted(planned.kept.items()):
        ctx.screen.print(f"stays  {uri}  ({reason})", highlight=False, markup=False, soft_wrap=True)
    for item in planned.deleted:
        ctx.screen.print(f"goes   {item.uri}", highlight=False, markup=False, soft_wrap=True)
    what = f"delete it with --apply {planned.digest}" if planned.deleted else "nothing goes"
    ctx.screen.print(f"{len(planned.deleted)} go, {len(planned.kept)} stay; {what}", highlight=False)
