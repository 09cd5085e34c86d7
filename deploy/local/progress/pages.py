"""The pages of a running stack, as lines for the person who started it. Pure."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.addresses import PREFIXES

TITLE_WIDTH = 30


def pages(known: Mapping[str, str], *, password_in: Path, login_link: str = "") -> Iterator[str]:
    """Each page with what it shows; the broker's with its login, whose password is named by the place where it is.
    `login_link` leads into the studio, once."""
    if url := known.get("TRUSCORE_STUDIO_URL"):
        yield _line("studio", login_link or url)
    if url := known.get("TRUSCORE_MLFLOW_URL"):
        yield _line("experiments (MLflow)", url)
    if url := known.get("TRUSCORE_RABBITMQ_PAGE"):
        user = urlsplit(known["TRUSCORE_AMQP_URL"]).username
        yield _line("broker (RabbitMQ)", url)
        yield _line("", f"log in as {user}, with the password in {password_in}")
    for service, prefix in PREFIXES.items():
        if url := known.get(f"TRUSCORE_{prefix}_METRICS_URL"):
            yield _line(f"metrics of {service}", url)


def _line(title: str, text: str) -> str:
    return f"{title:<{TITLE_WIDTH}} {text}"
