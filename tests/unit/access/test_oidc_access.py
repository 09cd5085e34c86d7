"""Tokens of an OpenID provider: who is let in, and what becomes of tokens that somebody made up."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from truscore.access import Access, OidcIssuer, Role
from truscore.access.loopback import check_url
from truscore.access.signing_keys import FRESH_S, MOST_AGE_S, RETRY_S, KeysUnavailable, fetch_keys

from tests.unit.access.access_harness import acknowledged, listed, refusal, served
from tests.unit.access.openid_provider import AUDIENCE, Provider, provider

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def openid() -> Iterator[Provider]:
    with provider() as made:
        yield made


def access_to(openid: Provider, **changes: Any) -> Access:
    return Access(issuer=OidcIssuer(openid.policy(**changes)))


async def test_a_token_of_the_provider_is_let_in_by_its_role_under_a_name_that_no_static_token_has(
    openid: Provider,
) -> None:
    async with served(access_to(openid)) as address:
        assert await acknowledged(address, openid.token()) == "oidc:ada"
        assert await listed(address, openid.token(roles="offline_access reader")) == "oidc:ada"
        code, words = await refusal(acknowledged(address, openid.token(roles=["reader"])))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert words == "MonitorService/AcknowledgeAlert needs the role operator: the token of 'oidc:ada' has reader"
        for roles in ([], None, {"operator": True}, [["operator"]], "operators"):
            code, words = await refusal(listed(address, openid.token(roles=roles)))
            assert code is grpc.StatusCode.PERMISSION_DENIED
            assert words.endswith("has no role")
    # The keys were fetched once for all of them.
    assert openid.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_role_and_name_are_claims_that_the_installation_names(openid: Provider) -> None:
    changes = {
        "role_claim": "realm_access.roles",
        "roles": {"card-operators": Role.OPERATOR, "staff": Role.READER},
        "name_claim": "https://cards.example/name",
    }
    claims: dict[str, Any] = {
        "realm_access": {"roles": ["staff", "card-operators", "admin"]},
        "https://cards.example/name": "Ada L.",
    }
    token = openid.token(**claims)
    async with served(access_to(openid, **changes)) as address:
        assert await acknowledged(address, token) == "oidc:Ada L."
        code, words = await refusal(acknowledged(address, openid.token(realm_access=["staff"])))
        assert (code, "is no name" in words) == (UNAUTHENTICATED, True)


def by_hand(openid: Provider, algorithm: str, secret: bytes) -> str:
    """What PyJWT would not make: a token without a signature, or with one of a secret that is none."""
    header = {"alg": algorithm, "typ": "JWT", "kid": "first"}
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, openid.claims(roles=["admin"])))
    signature = hmac.digest(secret, signed, "sha256") if secret else b""
    return (signed + b"." + _base64(signature)).decode()


def _base64(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def public_key(openid: Provider) -> bytes:
    key = openid.keys["first"].public_key()
    pem: bytes = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem


FORGED: Mapping[str, tuple[Callable[[Provider], str], str]] = {
    "expired": (lambda openid: openid.token(exp=int(time.time()) - 60), "the token has expired"),
    "not yet valid": (lambda openid: openid.token(nbf=int(time.time()) + 600), "ImmatureSignatureError"),
    "without an end": (lambda openid: openid.token(exp=None), "MissingRequiredClaimError"),
    "of another issuer": (lambda openid: openid.token(iss="https://other.example"), "InvalidIssuerError"),
    "for another audience": (lambda openid: openid.token(aud="other"), "InvalidAudienceError"),
    "for nobody": (lambda openid: openid.token(aud=None), "MissingRequiredClaimError"),
    "signed with another key": (
        lambda openid: openid.token(key=ec.generate_private_key(ec.SECP256R1())),
        "InvalidSignatureError",
    ),
    "not signed": (lambda openid: by_hand(openid, "none", b""), "algorithm is not among ES256"),
    "signed with the public key": (
        lambda openid: by_hand(openid, "HS256", public_key(openid)),
        "algorithm is not among ES256",
    ),
    "of a key that is not known": (
        lambda openid: openid.token(kid="strange", key=openid.keys["first"]),
        "a key that its issuer does not have",
    ),
    "no JWT": (lambda _openid: "a.b.c", "the token is no JWT"),
    "changed": (lambda openid: openid.token()[:-4] + "AAAA", "InvalidSignatureError"),
}


@pytest.mark.parametrize("which", FORGED)
async def test_a_token_that_the_provider_did_not_mean_is_refused(openid: Provider, which: str) -> None:
    make, words = FORGED[which]
    token = make(openid)
    async with served(access_to(openid)) as address:
        code, said = await refusal(listed(address, token))
    assert code is UNAUTHENTICATED
    assert words in said
    assert token not in said


async def test_keys_at_hand_go_on_while_the_provider_is_away_but_not_for_ever() -> None:
    now = [0.0]
    with provider() as openid:
        issuer = OidcIssuer(openid.policy(), clock=lambda: now[0])
        token = openid.token(exp=int(time.time()) + 10**6)
        assert (await issuer.caller(token)).name == "oidc:ada"
    now[0] += FRESH_S + 1
    for _ in range(3):
        assert (await issuer.caller(token)).name == "oidc:ada"
        now[0] += RETRY_S
    now[0] = MOST_AGE_S + 1
    with pytest.raises(KeysUnavailable):
        await issuer.caller(token)


async def test_a_provider_that_was_never_reached_is_no_verdict_about_a_token() -> None:
    with provider() as openid:
        token = openid.token()
    async with served(access_to(openid)) as address:
        code, words = await refusal(listed(address, token))
    assert (code, words) == (grpc.StatusCode.UNAVAILABLE, "the keys of the token's issuer can't be fetched")


async def test_a_new_key_is_fetched_with_its_first_token_and_made_up_ones_do_not_flood_the_provider(
    openid: Provider,
) -> None:
    now = [0.0]
    issuer = OidcIssuer(openid.policy(jwks_url=f"{openid.issuer}/keys"), clock=lambda: now[0])
    old = openid.token()
    assert (await issuer.caller(old)).name == "oidc:ada"
    openid.renew("second")
    now[0] += RETRY_S
    assert (await issuer.caller(openid.token())).name == "oidc:ada"
    with pytest.raises(Exception, match="a key that its issuer does not have"):
        await issuer.caller(old)
    for number in range(20):
        with pytest.raises(Exception, match="a key that its issuer does not have"):
            await issuer.caller(openid.token(kid=f"made-up-{number}", key=openid.keys["second"]))
    assert openid.asked == ["/keys", "/keys"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000, 200),
        (b"{}", 200),
        (b"[]", 200),
        (b" " * (2 << 20), 200),
        (b'{"keys": []}', 302),
        (b"\xff", 200),
    ],
)
def test_answers_of_a_provider_that_are_no_keys_are_errors_and_redirects_are_not_followed(
    openid: Provider, body: bytes, status: int
) -> None:
    openid.body, openid.status = body, status
    with pytest.raises(KeysUnavailable):
        fetch_keys(openid.issuer, f"{openid.issuer}/keys")


def test_a_provider_that_calls_itself_otherwise_is_not_believed(openid: Provider) -> None:
    address = openid.issuer
    openid.issuer = "https://other.example"
    with pytest.raises(KeysUnavailable, match=r"calls itself 'https://other\.example'"):
        fetch_keys(address)


@pytest.mark.parametrize("url", ["http://keys.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "keys.example"])
def test_keys_come_over_tls_or_from_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="is no https:// address"):
        check_url(url)


@pytest.mark.parametrize("algorithms", [("none",), ("HS256",), ("RS256", "HS512"), ()])
def test_signatures_that_anybody_can_make_are_refused_at_the_start(openid: Provider, algorithms: Any) -> None:
    with pytest.raises(ValueError, match=r"algorithms of tokens: .*accepted are ES256, ES384"):
        OidcIssuer(openid.policy(algorithms=algorithms))


async def test_two_servers_take_the_same_tokens(openid: Provider) -> None:
    token = openid.token(aud=["another", AUDIENCE])
    async with served(access_to(openid)) as one, served(access_to(openid)) as two:
        assert [await listed(address, token) for address in (one, two)] == ["oidc:ada", "oidc:ada"]
