"""Shards on the workers of a Dask scheduler. Needs the extra `dask`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.dataset_validator.sharding.dask_task import measure_on_worker
from services.dataset_validator.sharding.shard import Keep, Shard, ShardBounds, ShardsUnavailable

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

#: Shards handed to the scheduler for each thread of its workers: more would only lie there.
IN_HAND = 2
POLL_S = 5.0
#: A scheduler without any worker for so long has none.
WORKERS_AWAITED_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DaskTls:
    """Files that Dask's own TLS is made of: who signed scheduler and workers, and what we show them."""

    ca_file: Path
    cert_file: Path
    key_file: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class DaskShards:
    """The workers of one scheduler, tcp://… or tls://…. They read the store with credentials of their own.

    A shard whose worker died is run again on another one, as often as the scheduler allows
    (`distributed.scheduler.allowed-failures`), and one that failed there so often as its bounds say.
    """

    scheduler: str
    bounds: ShardBounds
    tls: DaskTls | None = None
    connect_s: float = 30.0
    workers_s: float = WORKERS_AWAITED_S

    async def run(self, shards: Iterable[Shard], *, folder: Path, keep: Keep, deadline_s: float) -> None:
        """As every runner does; the workers fetch the images themselves, and `folder` is of no use to them."""
        try:
            async with asyncio.timeout(deadline_s), await self._connected() as client:
                await self._run(client, iter(shards), keep)
        except TimeoutError as error:
            raise ShardsUnavailable(f"measuring takes longer than {deadline_s:g} s") from error
        except OSError as error:
            raise ShardsUnavailable(f"the scheduler at {self.scheduler} does not answer: {error}") from error

    async def _connected(self) -> Client:
        from distributed import Client

        client = Client(
            self.scheduler,
            asynchronous=True,
            timeout=self.connect_s,
            security=_security(self.tls),
            name="truscore-validator",
            set_as_default=False,
            direct_to_workers=False,
        )
        try:
            return await client
        except BaseException:
            await client.close(timeout=POLL_S)
            raise

    async def _run(self, client: Client, waiting: Iterator[Shard], keep: Keep) -> None:
        from distributed import wait

        pending: set[Future] = set()
        try:
            while True:
                room = IN_HAND * await self._threads(client) - len(pending)
                pending.update(self._submitted(client, shard) for shard in islice(waiting, max(room, 0)))
                if not pending:
                    return
                with client.as_current(), _lost_is_unavailable(), suppress(TimeoutError):
                    await wait(pending, timeout=POLL_S, return_when="FIRST_COMPLETED")
                for future in [future for future in pending if future.done()]:
                    pending.remove(future)
                    await keep(await _result(future))
                    future.release()
        finally:
            # They are not waited for: what was begun ends within its bounds, and nobody wants it.
            for future in pending:
                future.release()

    def _submitted(self, client: Client, shard: Shard) -> Future:
        # Not pure: an equal shard that failed for an earlier order is no answer to this one.
        return client.submit(measure_on_worker, shard, self.bounds, retries=self.bounds.tries - 1, pure=False)

    async def _threads(self, client: Client) -> int:
        """Of all workers. Raises ShardsUnavailable where there are none, and none come, or no scheduler is left."""
        if not (threads := _threads_in(client)):
            try:
                await client.wait_for_workers(1, timeout=self.workers_s)
            except TimeoutError as error:
                reason = f"the scheduler at {self.scheduler} has had no worker for {self.workers_s:g} s"
                raise ShardsUnavailable(reason) from error
            threads = max(_threads_in(client), 1)
        return threads


def _threads_in(client: Client) -> int:
    return sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())


@contextmanager
def _lost_is_unavailable() -> Iterator[None]:
    """What Dask cancels where the scheduler is gone is not what somebody cancels who wants us to end."""
    from distributed import CancelledError

    try:
        yield
    except (CancelledError, asyncio.CancelledError) as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise ShardsUnavailable(f"the scheduler lost a shard: {error}") from error


async def _result(future: Future) -> Any:
    from distributed import KilledWorker

    try:
        with _lost_is_unavailable():
            return await future
    except ShardsUnavailable:
        raise
    except KilledWorker as error:
        raise ShardsUnavailable(f"a shard was given up after its workers died: {error}") from error
    except Exception as error:
        raise ShardsUnavailable(f"a shard failed on its workers: {type(error).__name__}: {error}") from error


def _security(tls: DaskTls | None) -> Any:
    from distributed import Security

    if tls is None:
        return None
    return Security(
        require_encryption=True,
        tls_ca_file=str(tls.ca_file),
        tls_client_cert=str(tls.cert_file),
        tls_client_key=str(tls.key_file),
    )
