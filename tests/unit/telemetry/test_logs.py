"""Logs are one line an entry, name the service, and keep secrets to themselves."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.telemetry import configure_logging, without_secrets
from truscore.telemetry.secrets import HIDDEN, hide_named

NO_SEPARATORS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/@\"':"), min_size=1)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, with the logging of the test run put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def entries(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_both_kinds_of_logger_write_the_same_json(written: io.StringIO) -> None:
    configure_logging("monitor", stream=written)
    logging.getLogger("old").info("took %d", 3, extra={"run_id": "run-1"})
    structlog.get_logger("new").info("took 3", run_id="run-1")
    old, new = entries(written)
    for entry in (old, new):
        assert (entry["service"], entry["event"], entry["run_id"], entry["level"]) == (
            "monitor",
            "took 3",
            "run-1",
            "info",
        )
        assert str(entry["timestamp"]).endswith("Z")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_password_in_an_address_is_never_written(written: io.StringIO, as_json: bool) -> None:
    configure_logging("monitor", json=as_json, stream=written)
    address = "amqp://truscore:s3cr3t@127.0.0.1:5672/"
    try:
        raise ConnectionError(f"cannot reach {address}")
    except ConnectionError:
        logging.getLogger("x").exception("no broker at %s", address)
    structlog.get_logger("x").warning(
        "again", addresses=[address], s3_secret_key="s3cr3t", nested={"password": "s3cr3t"}
    )
    assert "s3cr3t" not in written.getvalue()
    assert "127.0.0.1:5672" in written.getvalue()
    assert "ConnectionError" in written.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_has_no_values_of_variables(written: io.StringIO, as_json: bool) -> None:
    """A key that somebody holds in a variable has no name by which it could be hidden."""
    configure_logging("monitor", json=as_json, stream=written)
    held = "k3y-of-the-store"
    try:
        raise ValueError(f"of {len(held)} characters")
    except ValueError:
        logging.getLogger("x").exception("failed")
        structlog.get_logger("x").exception("failed too")
    assert held not in written.getvalue()
    assert written.getvalue().count("ValueError: of 16 characters") == 2


def test_a_traceback_stays_within_its_line(written: io.StringIO) -> None:
    configure_logging("monitor", stream=written)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (entry,) = entries(written)
    assert "ValueError: first\nsecond" in str(entry["exception"])


def test_a_lower_level_is_silent_and_an_unknown_one_refused(written: io.StringIO) -> None:
    configure_logging("monitor", level="WARNING", stream=written)
    structlog.get_logger("x").info("not this")
    logging.getLogger("x").info("nor this")
    assert written.getvalue() == ""
    with pytest.raises(ValueError, match="'LOUD': accepted are DEBUG, INFO"):
        configure_logging("monitor", level="LOUD", stream=written)


@settings(max_examples=100)
@given(user=NO_SEPARATORS, password=NO_SEPARATORS)
def test_any_password_is_cut_out_of_an_address(user: str, password: str) -> None:
    assert without_secrets(f"see amqp://{user}:{password}@host:5672/v") == f"see amqp://{user}:{HIDDEN}@host:5672/v"


@settings(max_examples=100)
@given(st.text())
def test_a_text_without_an_address_stays_as_it_is(text: str) -> None:
    plain = text.replace("://", "")
    assert without_secrets(plain) == plain


def test_a_secret_is_known_by_its_name_at_any_depth() -> None:
    hidden = hide_named({"a": [{"TRUSCORE_S3_SECRET_KEY": "x", "run_id": "r"}], "authorization": "Bearer x"})
    assert hidden == {"a": [{"TRUSCORE_S3_SECRET_KEY": HIDDEN, "run_id": "r"}], "authorization": HIDDEN}
