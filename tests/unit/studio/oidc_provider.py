"""`python -m tests.unit.studio.oidc_provider PORT`: a small OpenID Connect provider for tests, as a process of its own.

It logs in whoever asks as ada, after a press of a link where a browser asks; codes count once and for a moment, PKCE
and the client's secret are checked. GET /misbehave?as=KIND has the next answers be wrong in one way.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "studio-client", "studio-secret"
KEYS = {kind: RSAKey.generate_key(2048, {"kid": "1"}) for kind in ("own", "foreign")}


class Provider(BaseHTTPRequestHandler):
    """One request."""

    codes: dict[str, dict[str, Any]] = {}  # noqa: RUF012
    kind = ""

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def issuer(self) -> str:
        assert isinstance(self.server, ThreadingHTTPServer)
        return f"http://127.0.0.1:{self.server.server_port}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/.well-known/openid-configuration" if self.kind == "endless":
                self._send_without_end()
            case "/.well-known/openid-configuration":
                self._say(self._description())
            case "/jwks":
                self._say({"keys": [KEYS["own"].as_dict(private=False)]})
            case "/authorize":
                self._authorize(query)
            case "/misbehave":
                type(self).kind = query.get("as", "")
                self._say({})
            case _:
                self._say({"error": "not_found"}, 404)

    def _description(self) -> dict[str, Any]:
        other = "http://issuer.example" if self.kind == "description" else self.issuer
        token = "http://token.example/token" if self.kind == "plain_endpoint" else f"{self.issuer}/token"
        return {
            "issuer": other,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": token,
            "jwks_uri": f"{self.issuer}/jwks",
        }

    def _authorize(self, query: dict[str, str]) -> None:
        asked = (query.get("client_id"), query.get("response_type"), query.get("code_challenge_method"))
        if asked != (CLIENT, "code", "S256") or not query.get("nonce") or not query.get("state"):
            self._say({"error": "invalid_request"}, 400)
            return
        if not query.get("pressed") and "text/html" in self.headers.get("Accept", ""):
            again = urlencode({**query, "pressed": "yes"})
            page = f"<!doctype html><title>Provider</title><h1>Provider</h1><a href='/authorize?{again}'>I am ada</a>"
            self._send(200, page.encode(), {"Content-Type": "text/html"})
            return
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**query, "expires": time.time() + (-1 if self.kind == "expired_code" else 30)}
        answer = {"code": code, "state": query["state"], "iss": self.issuer}
        if self.kind == "answering_issuer":
            answer["iss"] = "http://issuer.example"
        if self.kind == "denied":
            answer = {"error": "access_denied", "state": query["state"]}
        self._send(303, b"", {"Location": f"{query['redirect_uri']}?{urlencode(answer)}"})

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {key: values[0] for key, values in body.items()}
        pair = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {pair}":
            self._say({"error": "invalid_client"}, 401)
            return
        begun = self.codes.pop(given.get("code", ""), None)
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        encoded = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        if begun is None or begun["expires"] < time.time() or begun["code_challenge"] != encoded:
            self._say({"error": "invalid_grant"}, 400)
            return
        if begun["redirect_uri"] != given.get("redirect_uri"):
            self._say({"error": "invalid_grant"}, 400)
            return
        if self.kind == "endless_token":
            self._send_without_end()
            return
        answer = {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": self._id_token(begun)}
        if self.kind == "packed_token":
            packed = gzip.compress(json.dumps(answer | {"more": " " * (64 << 20)}).encode())
            self._send(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
            return
        self._say(answer)

    def _id_token(self, begun: dict[str, Any]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "sub": "7", "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": begun["nonce"],
            "preferred_username": "ada", "groups": ["everybody", "graders"],
        }  # fmt: skip
        wrong: dict[str, dict[str, Any]] = {
            "issuer": {"iss": "http://issuer.example"}, "audience": {"aud": "another"}, "nonce": {"nonce": "another"},
            "expired": {"iat": now - 7200, "exp": now - 3600}, "party": {"azp": "another"}, "groups": {"groups": []},
            "hash": {"at_hash": "another"},
        }  # fmt: skip
        claims |= wrong.get(self.kind, {})
        if self.kind == "no_nonce":
            del claims["nonce"]
        if self.kind == "unsigned":
            parts = [{"alg": "none"}, claims]
            encoded = (base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts)
            return ".".join([*encoded, ""])
        if self.kind == "shared_secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET * 4), algorithms=["HS256"])
        key = KEYS["foreign" if self.kind == "foreign_key" else "own"]
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)

    def _send_without_end(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):  # whoever asks has enough of it
            while True:
                self.wfile.write(b" " * 65_536)

    def _say(self, answer: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
