"""One attempt to deliver a message, over HTTP or SMTP. Blocks, and says what failed without naming an address."""

from __future__ import annotations

import hashlib
import hmac
import logging
import smtplib
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError

from services.monitor.notifications.configuration import HttpSink, MailSink, Sink
from services.monitor.notifications.messages import Group, headline, lines, slack_body, teams_body, webhook_body

WAIT_S = 10.0
BODIES = {"webhook": webhook_body, "slack": slack_body, "teams": teams_body}
TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})

Deliver = Callable[[Group], None]


class Undelivered(Exception):
    """Not delivered. `temporary`: another attempt may succeed, at the earliest after `after_s` seconds."""

    def __init__(self, reason: str, *, temporary: bool = True, after_s: float = 0) -> None:
        super().__init__(reason)
        self.temporary = temporary
        self.after_s = after_s


def delivery(sink: Sink) -> Deliver:
    """The function that delivers to the sink; it raises Undelivered."""
    # urllib3 logs whole addresses at DEBUG, and those of Slack and Teams are secrets.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    if isinstance(sink, MailSink):
        return lambda group: _mail(sink, group)
    return lambda group: _post(sink, group)


def signature(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 (RFC 2104) over time and body, in hexadecimal: an old message can't be sent again as a new one."""
    return hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _post(sink: HttpSink, group: Group) -> None:
    body = BODIES[sink.kind](group)
    headers = {"Content-Type": "application/json", "User-Agent": "truscore-monitor"}
    if sink.kind == "webhook":
        headers["X-TruScore-Delivery"] = group.delivery_id
    if sink.hmac_key is not None:
        timestamp = str(int(time.time()))
        headers["X-TruScore-Timestamp"] = timestamp
        headers["X-TruScore-Signature"] = f"sha256={signature(sink.hmac_key.get_secret_value(), timestamp, body)}"
    try:
        with urllib3.PoolManager(num_pools=1, timeout=urllib3.Timeout(connect=WAIT_S, read=WAIT_S)) as pool:
            # Not redirected: a signed message is for the address that was given. The answer's body is not read.
            response = pool.request(
                "POST", sink.url.get_secret_value(), body=body, headers=headers,
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
            response.close()
    except (HTTPError, OSError, ValueError) as error:
        raise Undelivered(type(error).__name__) from None
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        temporary = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in TEMPORARY
        after = response.headers.get("Retry-After", "")
        after_s = float(after) if after.isascii() and after.isdigit() else 0
        raise Undelivered(f"HTTP {response.status}", temporary=temporary, after_s=after_s)


def _mail(sink: MailSink, group: Group) -> None:
    message = EmailMessage()
    message["Subject"] = headline(group)[:200]
    message["From"], message["To"] = sink.sender, ", ".join(sink.recipients)
    message["Message-ID"] = f"<{group.delivery_id}@{sink.sender.partition('@')[2]}>"
    message.set_content("\n".join(lines(group)))
    context = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(sink.host, sink.port, timeout=WAIT_S, context=context)
            if sink.security == "tls"
            else smtplib.SMTP(sink.host, sink.port, timeout=WAIT_S)
        ) as server:
            if sink.security == "starttls":
                server.starttls(context=context)
            if sink.password is not None:
                server.login(sink.user, sink.password.get_secret_value())
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        # RFC 5321, 4.2.1: 5yz is permanent.
        temporary = error.smtp_code < HTTPStatus.INTERNAL_SERVER_ERROR
        raise Undelivered(f"SMTP {error.smtp_code}", temporary=temporary) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise Undelivered(type(error).__name__) from None
