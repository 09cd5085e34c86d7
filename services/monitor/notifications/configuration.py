"""Sinks and silences, as data: a TOML file. Secrets lie in files that it names."""

from __future__ import annotations

import tomllib
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

MAX_FILE_BYTES = 1_000_000
MAX_SECRET_BYTES = 10_000
SECRETS = {"url_file": "url", "hmac_key_file": "hmac_key", "password_file": "password"}


class InvalidNotifications(ValueError):
    """The file, or one that it names, says something that isn't accepted."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Sink(_Table):
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    least_severity: Literal["warning", "critical"] = "warning"
    # What comes within this time after the first is sent with it.
    group_s: float = Field(10, ge=0, le=3600)
    # The least time between two messages.
    interval_s: float = Field(60, ge=0, le=86_400)


class HttpSink(_Sink):
    """Posts JSON to an address; a webhook's body is signed where there is a key."""

    kind: Literal["webhook", "slack", "teams"]
    url: SecretStr
    hmac_key: SecretStr | None = None

    @model_validator(mode="after")
    def _is_http(self) -> HttpSink:
        try:
            parts = urlsplit(self.url.get_secret_value())
            port_fits = parts.port is None or parts.port > 0
        except ValueError:
            raise ValueError("url is no address; accepted is http://host/… or https://host/…") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits:
            raise ValueError("url is no address; accepted is http://host/… or https://host/…")
        if self.hmac_key is not None and self.kind != "webhook":
            raise ValueError(f"hmac_key_file is for webhooks, {self.kind} checks no signature")
        return self


class MailSink(_Sink):
    """Hands mail to a server of SMTP."""

    kind: Literal["email"]
    host: str = Field(min_length=1)
    port: int = Field(587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr | None = None
    sender: str = Field(pattern=r"^[^\s@]+@[^\s@]+$")
    recipients: list[Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _shows_its_password_to_nobody(self) -> MailSink:
        if bool(self.user) != (self.password is not None):
            raise ValueError("accepted are both of user and password_file, or neither")
        if self.user and self.security == "none":
            raise ValueError("a password needs security starttls or tls")
        return self


Sink = HttpSink | MailSink


class Silence(_Table):
    """Alerts whose rule and subject match the patterns (* and ?) are not sent until a moment."""

    rule: str = "*"
    subject: str = "*"
    until: datetime
    reason: str = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _names_a_moment(self) -> Silence:
        if self.until.tzinfo is None:
            raise ValueError(f"until is {self.until.isoformat()}, accepted is a time with its offset, as …T08:00:00Z")
        return self

    def covers(self, rule: str, subject: str, now: float) -> bool:
        return now < self.until.timestamp() and fnmatchcase(rule, self.rule) and fnmatchcase(subject, self.subject)


class Configuration(_Table):
    """Who is told, and what of nobody is."""

    sink: list[Annotated[Sink, Field(discriminator="kind")]] = Field(default=[], max_length=20)
    silence: list[Silence] = Field(default=[], max_length=1000)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Configuration:
        names = [sink.name for sink in self.sink]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sink {twice[0]!r} is there twice")
        return self


def load_notifications(path: Path | None) -> Configuration:
    """Of the file; without one nobody is told. InvalidNotifications names what isn't accepted, and no secret."""
    if path is None:
        return Configuration()
    try:
        tables = tomllib.loads(_read(path, MAX_FILE_BYTES))
    except tomllib.TOMLDecodeError as error:
        raise InvalidNotifications(f"{path} is no TOML: {error}") from None
    sinks = tables.get("sink")
    for table in sinks if isinstance(sinks, list) else []:
        if isinstance(table, dict):
            _take_secrets(table, path)
    try:
        return Configuration.model_validate(tables)
    except ValidationError as error:
        # Not pydantic's own text: it quotes the input, secrets with it.
        found = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in found["loc"])
        raise InvalidNotifications(f"{path}: {where}: {found['msg']}") from None


def _take_secrets(table: dict[str, object], path: Path) -> None:
    for key, name in SECRETS.items():
        if name in table:
            raise InvalidNotifications(f"{path}: {name} is a secret: write it into a file and give {key}")
        if key in table:
            text = _read(path.parent / str(table.pop(key)), MAX_SECRET_BYTES).strip()
            if not text:
                raise InvalidNotifications(f"{path}: the file of {key} is empty")
            table[name] = text


def _read(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise InvalidNotifications(f"{path} has more than {most} bytes")
        return content.decode()
    except OSError as error:
        raise InvalidNotifications(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidNotifications(f"{path} is not UTF-8") from None
