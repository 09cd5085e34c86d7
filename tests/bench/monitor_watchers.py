"""How long an event takes to those who watch its run, while metric points come in.

`python -m tests.bench.monitor_watchers [--watchers N] [--points-per-s N] [--seconds N]`. A monitor in a process of its
own on a private broker; 500 watch one run over gRPC, one of them reads nothing, and reports of nine metric points are
published so that 2,000 points a second come. From the publish of each report to the first answer that has it or a later
one, at each of 20 of the watchers. Clients, publisher, broker and monitor share this machine's cores.
"""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import grpc
import numpy as np
from google.protobuf.field_mask_pb2 import FieldMask
from truscore.api.v1 import monitor_pb2
from truscore.api.v1.monitor_pb2_grpc import MonitorServiceStub
from truscore.bus import connect, publisher
from truscore.events.v1.training_pb2 import TrainingStarted

from tests.bench.monitor_curves import POINTS_AN_EVENT, RUN, report
from tests.bench.relay import private_broker
from tests.connected.monitor.monitor_harness import MonitorProcess, monitor_process

TARGET_P95_S, MEASURED, WAIT_S = 0.3, 20, 600.0


class Watcher:
    """Notes when it first saw each step."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []
        self.ready = asyncio.Event()

    async def watch(self, api: Any, last: int) -> None:
        mask = FieldMask(paths=["step", "state"])
        async for answer in api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN, read_mask=mask), timeout=WAIT_S):
            self.seen.append((answer.run.step, time.perf_counter()))
            self.ready.set()
            if answer.run.step >= last:
                return

    def latencies(self, published: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Seconds from each step's publish to the first answer that has it or a later one."""
        steps, times = np.array([step for step, _ in self.seen]), np.array([at for _, at in self.seen])
        return times[np.searchsorted(steps, np.arange(1, len(published) + 1))] - published


async def measured(amqp_url: str, monitor: MonitorProcess, watchers: int, rate: float, seconds: float) -> Any:
    events, bus = round(rate * seconds), connect(amqp_url, service="trainer")
    await bus.start()
    outgoing = publisher(bus, service="trainer", deadline_s=WAIT_S)
    await outgoing.publish(TrainingStarted(run_id=RUN, attempt=1), subject=RUN)
    options = (("grpc.max_receive_message_length", 2**24),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{monitor.grpc_port}", options=options) as channel:
        await asyncio.wait_for(channel.channel_ready(), WAIT_S)
        api, each = MonitorServiceStub(channel), [Watcher() for _ in range(watchers - 1)]
        idle = api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN), timeout=WAIT_S)
        tasks = [asyncio.create_task(watcher.watch(api, events)) for watcher in each]
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(watcher.ready.wait() for watcher in each))
            pending: set[asyncio.Task[str]] = set()
            published, began = np.zeros(events), time.perf_counter()
            for step in range(1, events + 1):
                await asyncio.sleep(max(0.0, began + step / rate - time.perf_counter()))
                sent = report(step, events)
                published[step - 1] = time.perf_counter()
                task = asyncio.create_task(outgoing.publish(sent.event, subject=sent.subject, sequence=sent.sequence))
                pending.add(task)
                task.add_done_callback(pending.discard)
            took_s = time.perf_counter() - began
            await asyncio.gather(*pending, *tasks)
        idle.cancel()
    await bus.stop()
    found = np.concatenate([watcher.latencies(published) for watcher in each[:MEASURED]])
    return {
        "watchers": watchers,
        "points_per_s": round(events * POINTS_AN_EVENT / took_s),
        "events": events,
        "event_to_watcher_s": {
            name: round(float(np.quantile(found, q)), 3) for name, q in (("median", 0.5), ("p95", 0.95))
        },
        "asked_p95_s": TARGET_P95_S,
        "met": bool(np.quantile(found, 0.95) <= TARGET_P95_S),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.monitor_watchers", description=__doc__.split("\n")[0])
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--points-per-s", type=float, default=2000)
    parser.add_argument("--seconds", type=float, default=30)
    asked = parser.parse_args()
    with private_broker() as amqp_url, monitor_process(amqp_url) as monitor:
        rate = asked.points_per_s / POINTS_AN_EVENT
        found = asyncio.run(measured(amqp_url, monitor, asked.watchers, rate, asked.seconds))
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
