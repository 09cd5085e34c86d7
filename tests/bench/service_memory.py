"""What a service keeps of each order: `python -m tests.bench.service_memory SERVICE [--batches N] [--orders N]`.

SERVICE is trainer (runs by a training process that trains a number, with checkpoints of --padding bytes), verdicts
(orders that ask the trainer for no run), dataset_validator, exporter (a small network to one format), monitor (whole
runs in the log; it keeps --kept), experiment_tracker (the same, into MLflow), hyperparameter_search (searches of four
trials that are answered at once), or studio (images uploaded, opened and edited).
The real process answers for itself alone, children apart; what it has after the first batch counts as warm-up.
"""

import argparse
import asyncio
import json
import sys

from tests.measuring.service_accounts import BUCKET, PREFIX, Load, measure, per_order, servers


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.service_memory", description=__doc__)
    parser.add_argument("service", choices=["verdicts", *PREFIX])
    parser.add_argument("--batches", type=int, default=Load.batches)
    parser.add_argument("--orders", type=int, default=Load.orders, help="in a batch")
    parser.add_argument("--padding", type=int, default=Load.padding, help="bytes of a checkpoint")
    parser.add_argument("--kept", type=int, default=Load.kept, help="runs that the monitor keeps")
    load = Load(**vars(parser.parse_args()))
    with servers() as (folder, amqp_url, s3):
        accounts = asyncio.run(measure(load, folder=folder, amqp_url=amqp_url, s3=s3, bucket=BUCKET))
    sys.stdout.write(json.dumps({"per order": per_order(accounts)}) + "\n")


if __name__ == "__main__":
    main()
