"""Looks at everything a run stands on, and says what to do where something is amiss."""

import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from services.cli.context import Addresses, CliError, Code, Endpoint

TIMEOUT_S = 5.0
LEAST_FREE_BYTES = 10 << 30
LEAST_PYTHON = (3, 11)
# What older ones do is why these are needed.
LEAST_VERSIONS = {"aio-pika": ((10, 2), "older ones stop consuming after a broker's cancel"), "torch": ((2, 11), "")}
START = "start a local stack with `make up`, or set {}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at. `grave`: nothing works without it."""

    name: str
    ok: bool
    found: str
    todo: str = ""
    grave: bool = True


def examine(addresses: Addresses, folder: Path) -> Iterator[Check]:
    """Every check, each bounded in time, none stopping the others."""
    yield _python()
    yield from _versions()
    yield _disk(folder)
    yield _gpu()
    yield _broker(addresses.amqp_url)
    yield _store(addresses)
    for name in ("validator", "trainer", "monitor", "tracker", "exporter", "search", "studio"):
        yield _service(name, getattr(addresses, name))
    yield from _token(addresses)
    yield _mlflow(addresses.mlflow_url)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check(name="python", ok=sys.version_info[:2] >= LEAST_PYTHON, found=found, todo="use Python 3.11 or newer")


def _versions() -> Iterator[Check]:
    for name, (least, why) in LEAST_VERSIONS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Check(name=name, ok=False, found="not installed", todo="run `make setup`", grave=name != "torch")
            continue
        numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
        wanted = ".".join(map(str, least))
        yield Check(name=name, ok=numbers >= least, found=found, todo=f"install {wanted} or newer; {why}".rstrip("; "))


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free in {folder}"
    return Check(
        name="disk",
        ok=free >= LEAST_FREE_BYTES,
        found=found,
        todo=f"free some space: runs and checkpoints want {LEAST_FREE_BYTES >> 30} GiB",
        grave=False,
    )


def _gpu() -> Check:
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            count = pynvml.nvmlDeviceGetCount()
            names = [str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index))) for index in range(count)]
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return Check(
            name="gpu", ok=True, found=f"none ({error}): training runs on the CPU, with small recipes", grave=False
        )
    return Check(name="gpu", ok=True, found=", ".join(names) or "none", grave=False)


def _broker(amqp_url: str) -> Check:
    if not amqp_url:
        return _unset("broker", "TRUSCORE_AMQP_URL")
    import asyncio

    from truscore.bus import BusUnavailable, connect

    async def look() -> None:
        bus = connect(amqp_url, service="cli", retry_for_s=TIMEOUT_S)
        try:
            await bus.connect()
        finally:
            await bus.stop()

    safe = _without_password(amqp_url)
    try:
        asyncio.run(look())
    except BusUnavailable as error:
        return Check(name="broker", ok=False, found=str(error), todo=START.format("TRUSCORE_AMQP_URL"))
    return Check(name="broker", ok=True, found=safe)


def _store(addresses: Addresses) -> Check:
    if not addresses.s3_endpoint:
        return _unset("store", "TRUSCORE_S3_ENDPOINT, TRUSCORE_S3_ACCESS_KEY and TRUSCORE_S3_SECRET_KEY")
    from truscore.storage import S3Store, StoreError

    try:
        store = S3Store(addresses.s3_endpoint, addresses.s3_access_key, addresses.s3_secret_key, timeout_s=TIMEOUT_S)
        store.ready()
        next(iter(store.list(f"s3://{addresses.bucket}/datasets/", limit=1)), None)
    except StoreError as error:
        todo = f"see that the server runs, the keys are right and bucket {addresses.bucket!r} is there"
        return Check(name="store", ok=False, found=str(error), todo=todo)
    return Check(name="store", ok=True, found=f"{addresses.s3_endpoint}, bucket {addresses.bucket}")


def _service(name: str, address: str) -> Check:
    if not address:
        return _unset(name, f"TRUSCORE_{name.upper()}_ADDRESS")
    from truscore.telemetry.probe import SERVING, health_of

    health = health_of(address, timeout_s=TIMEOUT_S)
    todo = f"look at its log (.local/logs in a local stack): its address is {address}"
    return Check(name=name, ok=health == SERVING, found=f"{health} at {address}", todo=todo)


def _token(addresses: Addresses) -> Iterator[Check]:
    """Whether the monitor lets us in; nothing where it can't be asked, which its health says."""
    if not addresses.monitor:
        return
    from services.cli.handlers.runs import Monitor

    endpoint = Endpoint(
        who="the monitor",
        address=addresses.monitor,
        token=addresses.token,
        plaintext_token=addresses.plaintext_token,
    )
    try:
        with closing(Monitor(endpoint)) as monitor:
            monitor.list(limit=1)
    except CliError as error:
        if error.code not in (Code.UNREACHABLE, Code.TIMED_OUT):
            todo = "set TRUSCORE_GRPC_TOKEN; docs/operations.md says how a token is made (Who may ask over gRPC)"
            yield Check(name="token", ok=False, found=str(error), todo=todo)
        return
    yield Check(name="token", ok=True, found=f"the monitor at {addresses.monitor} answers")


def _mlflow(url: str) -> Check:
    if not url:
        return _unset("mlflow", "TRUSCORE_MLFLOW_URL")
    if urlsplit(url).scheme not in {"http", "https"}:
        return Check(name="mlflow", ok=False, found=url, todo="TRUSCORE_MLFLOW_URL: accepted is http://… or https://…")
    try:
        with closing(urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=TIMEOUT_S)) as answer:  # noqa: S310
            status_text = str(answer.status)
    except (urllib.error.URLError, OSError) as error:
        return Check(name="mlflow", ok=False, found=f"{url}: {error}", todo="see that it runs: runs go unrecorded")
    return Check(name="mlflow", ok=status_text == "200", found=url, todo=f"it answered {status_text}")


def _unset(name: str, variable: str) -> Check:
    return Check(name=name, ok=False, found="address not set", todo=START.format(variable))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
