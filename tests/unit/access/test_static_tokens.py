"""Tokens that an administrator made: lines of names, roles and digests."""

import logging

import pytest
from truscore.access import Caller, Role, StaticTokens, new_token, token_line
from truscore.access.static_tokens import REREAD_S, parse_tokens

TOKEN = new_token()
LINE = token_line("ada", Role.OPERATOR, TOKEN)


def test_a_line_has_the_digest_and_not_the_token() -> None:
    assert LINE.startswith("ada operator sha256:")
    assert TOKEN not in LINE
    assert StaticTokens(lambda: f"# people\n\n  {LINE}\n").find(TOKEN) == Caller(name="ada", role=Role.OPERATOR)


def test_tokens_are_long_and_differ() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43


def test_a_name_may_have_two_tokens_while_one_is_replaced() -> None:
    other = new_token()
    tokens = StaticTokens(lambda: f"{LINE}\n{token_line('ada', Role.READER, other)}")
    assert (tokens.find(TOKEN), tokens.find(other)) == (
        Caller(name="ada", role=Role.OPERATOR),
        Caller(name="ada", role=Role.READER),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"ada operator {TOKEN}", "line 1 of TRUSCORE_GRPC_TOKENS is no token: accepted is NAME ROLE sha256:DIGEST"),
        (f"{LINE}\noidc:ada reader sha256:{'0' * 64}", "line 2 "),
        (f"ada emperor sha256:{'0' * 64}", "role 'emperor'; accepted: reader, operator, admin"),
        (f"{LINE}\n{LINE}", "line 2 of TRUSCORE_GRPC_TOKENS has a token that an earlier line has"),
        ("\n".join(token_line("a", Role.READER, str(number)) for number in range(1001)), "has 1001 tokens"),
    ],
    ids=["a token itself", "an issuer's name", "no role", "one token twice", "too many"],
)
def test_lines_that_are_no_tokens_are_refused_by_their_number_alone(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        parse_tokens(text)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a b", "oidc:ada", "ada\nroot admin", "é"])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="accepted is NAME ROLE"):
        token_line(name, Role.READER, TOKEN)


def test_what_cannot_be_read_any_more_leaves_the_tokens_as_they_were(caplog: pytest.LogCaptureFixture) -> None:
    texts, now = [LINE], [0.0]

    def read() -> str:
        if not texts:
            raise FileNotFoundError("the file is gone")
        return texts[-1]

    tokens = StaticTokens(read, clock=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for broken in (["no token"], []):
            texts[:] = broken
            now[0] += REREAD_S
            assert tokens.find(TOKEN) is not None
    assert len(caplog.records) == 2
    texts[:] = [""]
    now[0] += REREAD_S
    assert tokens.find(TOKEN) is None
    assert not tokens


def test_a_server_does_not_start_on_lines_that_are_no_tokens() -> None:
    with pytest.raises(ValueError, match="line 1"):
        StaticTokens(lambda: "no token")
