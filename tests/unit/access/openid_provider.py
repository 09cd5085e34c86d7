"""An OpenID provider on loopback: its discovery document, its keys, and tokens that it signs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from truscore.access import IssuerPolicy, Role

AUDIENCE = "truscore"
OWN_NAMES = {str(role): role for role in Role}


@dataclass(kw_only=True, slots=True)
class Provider:
    """`keys` by their kid; `asked` are the paths that were asked for; `body` stands in for what is answered."""

    issuer: str = ""
    keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    body: bytes | None = None
    status: int = 200

    def renew(self, kid: str) -> None:
        """A new key in place of those before."""
        self.keys = {kid: ec.generate_private_key(ec.SECP256R1())}

    def policy(self, **changes: Any) -> IssuerPolicy:
        said = {
            "issuer": self.issuer,
            "audience": AUDIENCE,
            "role_claim": "roles",
            "roles": OWN_NAMES,
            "name_claim": "sub",
            "algorithms": ("ES256",),
            "jwks_url": "",
        }
        return IssuerPolicy(**(said | changes))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 300,
            "roles": ["operator"],
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, *, kid: str = "", key: Any = None, algorithm: str = "ES256", **claims: Any) -> str:
        """With the provider's own key, where no other is given."""
        kid = kid or next(iter(self.keys))
        signing = self.keys[kid] if key is None else key
        return jwt.encode(self.claims(**claims), signing, algorithm=algorithm, headers={"kid": kid})

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if path.endswith("/openid-configuration"):
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        public = {kid: json.loads(ECAlgorithm.to_jwk(key.public_key())) for kid, key in self.keys.items()}
        return {"keys": [{**each, "kid": kid, "use": "sig", "alg": "ES256"} for kid, each in public.items()]}


@contextmanager
def provider() -> Iterator[Provider]:
    made = Provider()
    made.renew("first")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(made.answer(self.path)).encode() if made.body is None else made.body
            self.send_response(made.status)
            self.send_header("Location", f"{made.issuer}/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
