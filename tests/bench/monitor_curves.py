"""Curves in the monitor: metric points a second from the broker into its state, and how fast a chart is answered.

`python -m tests.bench.monitor_curves [--events N] [--points N]`. Events: reports with nine metric points each go by
a private broker to a monitor in a process of its own, until it shows the last. Chart: a run of so many points of one
curve is folded in this process and asked for over gRPC on loopback, whole and thinned to 300 points; beside it what
holding every point would take: the bytes, and the time in which NumPy thins them to the same number of extremes.
"""

import argparse
import asyncio
import platform
import statistics
import sys
import time

import grpc
import numpy as np
from truscore.access import anonymous
from truscore.api.v1 import monitor_pb2
from truscore.api.v1.monitor_pb2_grpc import MonitorServiceStub
from truscore.bus import OutgoingEvent, connect, publisher
from truscore.events.v1.training_pb2 import TrainingProgressed, TrainingStarted
from truscore.telemetry import serve_grpc

from services.monitor.board import Board
from services.monitor.extremes import Series, with_value
from services.monitor.facts import Progressed
from services.monitor.handlers import Reads
from services.monitor.run import Run
from services.monitor.subscriptions import BoardChanges
from tests.bench.relay import private_broker
from tests.connected.monitor.monitor_harness import monitor_process

RUN = "run-0123456789abcdef0123"
PARTS = ("classification", "box", "mask", "objectness", "rpn_box")
POINTS_AN_EVENT = 4 + len(PARTS)
TARGET_POINTS_PER_S, TARGET_ANSWER_S = 2000, 0.3
ANSWERS, SHOWN_POINTS, WAIT_S = 50, 300, 600


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def report(step: int, total: int) -> OutgoingEvent:
    event = TrainingProgressed(
        run_id=RUN, attempt=1, step=step, total_steps=total, epoch=1, loss=1 / step, learning_rate=1e-3 / step,
        images_per_second=8 + step % 5, gradient_norm=1 + step % 3,
    )  # fmt: skip
    event.loss_parts.update(dict.fromkeys(PARTS, 0.1 / step))
    return OutgoingEvent(event=event, subject=RUN, sequence=step)


async def points_per_second(amqp_url: str, events: int) -> float:
    """From the first publish to the monitor's answer that has the last step."""
    bus = connect(amqp_url, service="trainer")
    await bus.start()
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            asked = monitor_pb2.GetRunRequest(run_id=RUN)
            outgoing = publisher(bus, service="trainer", deadline_s=WAIT_S)
            await outgoing.publish(TrainingStarted(run_id=RUN, attempt=1), subject=RUN)
            began = time.perf_counter()
            await outgoing.publish_many(report(step, events) for step in range(1, events + 1))
            published_s = time.perf_counter() - began
            async with asyncio.timeout(WAIT_S):
                # Asked for as a client does; the API streams changes no faster than four times a second.
                while (await api.GetRun(asked, timeout=WAIT_S)).run.step < events:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            taken_s = time.perf_counter() - began
    await bus.stop()
    say(f"{events} events published in {published_s:.2f} s, in the monitor's state after {taken_s:.2f} s")
    return events * POINTS_AN_EVENT / taken_s


async def chart(points: int) -> float:
    """The 95th percentile of the seconds that an answer takes."""
    values = np.random.default_rng(0).lognormal(size=points)
    began = time.perf_counter()
    series = Series()
    for step, value in enumerate(values.tolist(), 1):
        series = with_value(series, step, value, 1)
    folded_s = time.perf_counter() - began
    board, caught_up = Board(), asyncio.Event()
    caught_up.set()
    fact = Progressed(
        run_id=RUN, attempt=1, step=points, total_steps=points, epoch=1, loss=1.0, learning_rate=1.0,
        images_per_second=1.0, eta_s=0.0,
    )  # fmt: skip
    board.apply(fact, 1.0)
    run = board.find(RUN)
    assert isinstance(run, Run)
    run.series["loss"] = series  # type: ignore[index]
    taken: dict[int, list[float]] = {0: [], SHOWN_POINTS: []}
    async with (
        serve_grpc(
            "127.0.0.1", 0, access=anonymous(), servicers=[Reads(board, BoardChanges(8), caught_up).add_to]
        ) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = MonitorServiceStub(channel)
        await asyncio.wait_for(channel.channel_ready(), WAIT_S)
        for number in [*taken] * ANSWERS:
            request = monitor_pb2.GetCurvesRequest(run_id=RUN, names=["loss"], max_points=number)
            began = time.perf_counter()
            (curve,) = (await stub.GetCurves(request, timeout=WAIT_S)).curves
            taken[number].append(time.perf_counter() - began)
            assert max(curve.values) == values.max()
            assert min(curve.values) == values.min()
    began = time.perf_counter()
    buckets = np.array_split(values, len(series))
    extremes = [(bucket.min(), bucket.max()) for bucket in buckets]
    numpy_s = time.perf_counter() - began
    kept = 40 * len(series)
    say(f"{points} points folded in {folded_s:.1f} s into {len(series.points())} extremes, {kept / 1000:.0f} kB")
    say(
        f"every point held: {values.nbytes * 2 / 1e6:.0f} MB, thinned to {2 * len(extremes)} in {numpy_s * 1000:.0f} ms"
    )
    worst = 0.0
    for number, seconds in taken.items():
        p95 = statistics.quantiles(seconds, n=20)[-1]
        worst = max(worst, p95)
        say(f"answered over gRPC, {number or 'all'} points: p95 {p95 * 1000:.1f} ms of {ANSWERS}")
    return worst


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.monitor_curves", description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--points", type=int, default=10_000_000)
    arguments = parser.parse_args()
    say(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with private_broker() as amqp_url:
        per_s = asyncio.run(points_per_second(amqp_url, arguments.events))
    say(f"{per_s:.0f} metric points/s end to end into the monitor's state (at least {TARGET_POINTS_PER_S} asked)")
    answer_s = asyncio.run(chart(arguments.points))
    say(f"chart of {arguments.points} points: {answer_s * 1000:.1f} ms (at most {TARGET_ANSWER_S * 1000:.0f} asked)")
    raise SystemExit(0 if per_s >= TARGET_POINTS_PER_S and answer_s <= TARGET_ANSWER_S else 1)


if __name__ == "__main__":
    main()
