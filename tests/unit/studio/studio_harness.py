"""The studio's application as browsers meet it, without a broker: requests go through the guard and all."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from truscore.bus import MemoryPublisher
from truscore.events.v1.control_pb2 import ActionRecorded
from truscore.storage import MemoryStore

from services.studio.access import Role
from services.studio.app import create_database, create_studio, guarded
from services.studio.child.decoder import Decoder
from services.studio.drafts.edits import EDITS
from services.studio.parts import Studio
from services.studio.settings import Settings

ORIGIN = "http://localhost"
BORDERS = {"category": "border_detection", "option": "dual_class", "class_names": ["outer_border", "graphical_border"]}


def settings_in(folder: Path, **more: Any) -> Settings:
    given = {
        "amqp_url": "amqp://guest@127.0.0.1:1/", "s3_endpoint": "http://127.0.0.1:1", "s3_access_key": "a",
        "s3_secret_key": "b", "studio_workdir": folder,
    }  # fmt: skip
    return Settings(**{**given, **more})


@dataclass(frozen=True, kw_only=True, slots=True)
class Browser:
    """`http` sends what a browser sends from a page of the studio; `application` takes other requests."""

    studio: Studio
    application: Any
    http: httpx.AsyncClient
    events: MemoryPublisher
    store: MemoryStore

    def asked_of_services(self) -> list[Any]:
        """What was published for others to act on, with its envelope: all but what is said for the record alone."""
        return [each for each in self.events.published if not isinstance(each[0], ActionRecorded)]

    async def log_in(self, role: Role = Role.ADMIN) -> None:
        token = self.studio.sessions.make_login_token(name="ada", role=role)
        answer = await self.http.post("/api/login", json={"token": token})
        assert answer.status_code == 200, answer.text

    async def make(self, dataset_id: str = "cards", **more: Any) -> None:
        answer = await self.http.post("/api/datasets", json={"dataset_id": dataset_id, **BORDERS, **more})
        assert answer.status_code == 201, answer.text

    async def upload(self, content: bytes, name: str = "a.png", dataset_id: str = "cards") -> httpx.Response:
        return await self.http.put(f"/api/datasets/{dataset_id}/images", params={"name": name}, content=content)

    def stranger(self, **headers: str) -> httpx.AsyncClient:
        """Somebody with these headers only, and the cookies of the logged-in browser."""
        client = client_of(self.application, headers)
        client.cookies.update(self.http.cookies)
        return client


def client_of(application: Any, headers: dict[str, str]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)


def new_decoder() -> Decoder:
    return Decoder(timeout_s=60, memory_bytes=4 * 2**30)


@asynccontextmanager
async def browser(
    folder: Path,
    *,
    role: Role | None = Role.ADMIN,
    decoder: Decoder | None = None,
    store: MemoryStore | None = None,
    **more: Any,
) -> AsyncIterator[Browser]:
    """A studio of its own, and somebody with this role in front of it. A decoder that is given outlives it."""
    settings = settings_in(folder, **more)
    database = create_database(settings)
    own = decoder or new_decoder()
    store, events = store or MemoryStore(), MemoryPublisher(service="studio")
    studio = create_studio(settings, database, own, store=store, events=events)
    application = guarded(settings, studio)
    try:
        async with (
            database.listening(EDITS, studio.edits.hear),
            client_of(application, {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}) as http,
        ):
            one = Browser(studio=studio, application=application, http=http, events=events, store=store)
            if role is not None:
                await one.log_in(role)
            yield one
    finally:
        await studio.publishing.close()
        if studio.oidc is not None:
            await studio.oidc.close()
        await studio.suggestions.close()
        await studio.maps.close()
        await studio.checking.close()
        await studio.monitor.close()
        await studio.searches.close()
        await studio.experiments.close()
        if decoder is None:
            await own.close()
        database.close()


def png(color: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (60, 80)) -> bytes:
    """A picture with something on it: one that is all alike has the print of any other such."""
    picture = Image.new("RGB", size, color)
    picture.paste((255 - color[0], 90, 90), (10, 10, size[0] // 2, size[1] // 2))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
