"""``python -m tests.chaos``: the whole system under random faults, real runs from order to model, as JSON.

Exit status 0 where every order came to one verdict, every run to one model with the weights of an undisturbed run, each
event once, and no service's memory grew. Disks are filled where it runs with mounts of its own
(``python -m tests.small_disk python -m tests.chaos``), as `make chaos` does.
"""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.settings import LocalSettings
from tests.chaos.account_page import summary, write_account
from tests.chaos.system import BROKER, STORE, disks_of, system_of
from tests.chaos.trial import Account, Plan, run_trial
from tests.chaos.upstream import Load
from tests.connected.trainer.trainer_harness import weights_left_alone
from tests.small_disk import MARK

BUCKET, VHOST = "truscore", "chaos"
FLEET = {"dataset_validator": 5, "trainer": 5, "exporter": 3, "monitor": 1}
PAIR = {"dataset_validator": 1, "trainer": 2, "exporter": 1, "monitor": 0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long orders and faults go on")
    parser.add_argument("--upstreams", type=int, default=10, help="systems that order")
    parser.add_argument("--datasets", type=int, default=1000, help="orders of each in 30 minutes, fewer in fewer")
    parser.add_argument("--versions", type=int, default=10, help="datasets of each, which it orders in turn")
    parser.add_argument("--trained-every", type=int, default=100, help="of so many orders one is of a run")
    parser.add_argument("--fault-every", type=float, default=8, help="seconds between faults, in the mean")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="two systems, two orders, some seconds: `make test`")
    parser.add_argument("--write", type=Path, help="page whose account is replaced by this one")
    options = parser.parse_args()
    plan, counts = (SHORT, PAIR) if options.short else (_plan(options), FLEET)
    folder = Path(tempfile.mkdtemp(prefix="truscore-chaos-"))
    _log_to(folder / "trial.log")
    try:
        account = trial_in(folder, plan, counts=counts, seed=options.seed)
    except BaseException:
        sys.stderr.write(f"the trial broke off: its logs are in {folder}\n")
        raise
    if account.held:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        sys.stderr.write(f"it did not hold: its logs are in {folder}\n")
    plain = summary(account)
    sys.stdout.write(json.dumps(plain, indent=1) + "\n")
    if options.write:
        write_account(options.write, plain, counts=counts, minutes=options.minutes, seed=options.seed)
    return 0 if account.held else 1


def _log_to(path: Path) -> None:
    """What the bus and its client say of every outage would bury the account; where a trial breaks off it is wanted."""
    written = logging.FileHandler(path)
    written.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[written], force=True)


def _plan(options: argparse.Namespace) -> Plan:
    load = Load(
        upstreams=options.upstreams,
        datasets=max(1, round(options.datasets * options.minutes / 30)),
        versions=options.versions,
        trained_every=options.trained_every,
        over_s=60 * options.minutes,
    )
    every_s = (0.5 * options.fault_every, 1.5 * options.fault_every)
    return Plan(load=load, fault_every_s=every_s, deadline_s=3600)


# Two systems with an order each: a run, and a verdict alone.
SHORT = Plan(
    load=Load(upstreams=2, datasets=1, versions=1, trained_every=2, over_s=12),
    fault_every_s=(1, 3),
    deadline_s=300,
    first=("kill_a_service", "fill_a_disk_of_a_service", "kill_the_store"),
    settle_s=2,
)


def trial_in(folder: Path, plan: Plan, *, counts: dict[str, int], seed: int) -> Account:
    """A trial on a broker, a store and disks of its own."""
    with disks_of(folder, counts) if os.environ.get(MARK) else nullcontext({}) as disks:
        broker = RabbitMQ(folder / BROKER, ready_rabbitmq(LocalSettings()))
        store = SeaweedFS(folder / STORE, find_weed())
        with ThreadPoolExecutor() as beside:
            undisturbed = beside.submit(weights_left_alone)
            try:
                for starting in [beside.submit(broker.start), beside.submit(store.start)]:
                    starting.result()
                broker.add_vhost(VHOST)
                store.reach.make_bucket(BUCKET)
                shared = {"amqp_url": broker.url_of(VHOST), "s3": store.reach, "bucket": BUCKET}
                with system_of(folder, broker, store, counts=counts, disks=disks, seed=seed, **shared) as system:
                    return asyncio.run(
                        run_trial(system, plan, undisturbed=undisturbed.result(), folder=folder, **shared)
                    )
            finally:
                store.stop()
                broker.close()


if __name__ == "__main__":
    sys.exit(main())
