"""``python -m tests.chaos``: the whole system under random faults, real runs from order to model, as JSON.

Exit status 0 where every order came to one model, with the weights of an undisturbed run, each event once.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.settings import LocalSettings
from tests.chaos.system import system_of
from tests.chaos.trial import Account, Plan, run_trial

BUCKET, VHOST = "truscore", "chaos"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long orders and faults go on")
    parser.add_argument("--pace", type=float, default=20, help="seconds from one order to the next")
    parser.add_argument("--fault-every", type=float, default=8, help="seconds between faults, in the mean")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    plan = Plan(
        orders=max(1, round(60 * options.minutes / options.pace)),
        pace_s=options.pace,
        fault_every_s=(0.5 * options.fault_every, 1.5 * options.fault_every),
        deadline_s=900,
    )
    # What the bus says of every outage would bury the account.
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="truscore-chaos-") as folder:
        account = trial_in(Path(folder), plan, seed=options.seed)
    sys.stdout.write(json.dumps(summary(account), indent=1) + "\n")
    return 0 if account.held else 1


def trial_in(folder: Path, plan: Plan, *, seed: int) -> Account:
    """A trial on a broker and a store of its own."""
    broker = RabbitMQ(folder / "rabbitmq", ready_rabbitmq(LocalSettings()))
    store = SeaweedFS(folder / "seaweedfs", find_weed())
    try:
        broker.start()
        store.start()
        broker.add_vhost(VHOST)
        reach = store.reach
        reach.make_bucket(BUCKET)
        amqp_url = broker.url_of(VHOST)
        with system_of(folder, broker, store, amqp_url=amqp_url, s3=reach, bucket=BUCKET, seed=seed) as system:
            return asyncio.run(run_trial(system, plan, amqp_url=amqp_url, s3=reach, bucket=BUCKET, folder=folder))
    finally:
        store.stop()
        broker.close()


def summary(account: Account) -> dict[str, Any]:
    """The account with percentiles in place of lists."""
    plain = asdict(account)
    plain["latencies_s"] = {
        name: {f"p{share}": round(float(np.percentile(values, share)), 1) for share in (50, 99)}
        for name, values in account.latencies_s.items()
        if values
    }
    plain["memory_bytes"] = _memory(account.memory_bytes)
    return {"held": account.held, **plain}


def _memory(samples: Mapping[str, Sequence[int]]) -> dict[str, dict[str, float]]:
    """Of each service the most of any process, and by how much that which lived longest grew over its second half."""
    by_service: dict[str, list[list[int]]] = {}
    for name, values in samples.items():
        by_service.setdefault(name.rpartition("-")[0], []).append([value for value in values if value])
    found = {}
    for service, lives in by_service.items():
        longest = max(lives, key=len)
        half = longest[len(longest) // 2 :]
        found[service] = {
            "most_mb": round(max((max(life) for life in lives if life), default=0) / 1e6),
            "grown_mb_over_second_half_of_longest_life": round((half[-1] - half[0]) / 1e6, 1) if half else 0.0,
            "samples_of_longest_life": len(longest),
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
