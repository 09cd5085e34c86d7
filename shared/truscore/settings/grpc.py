"""How gRPC is secured: what servers are served with, and what clients show."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from truscore.settings.sources import ServiceSettings


class GrpcTls(ServiceSettings):
    """How gRPC is secured; what services show is also what they and the command line show as clients."""

    grpc_cert_file: Path | None = Field(
        None,
        description="PEM file of the certificate, with its chain, that gRPC is served with over TLS; without it plain. "
        "Also shown to servers that ask clients for one",
    )
    grpc_key_file: Path | None = Field(None, description="PEM file of that certificate's key")
    grpc_client_ca_file: Path | None = Field(
        None, description="PEM file of the authorities one of which must have signed the certificate of a gRPC client"
    )

    @model_validator(mode="after")
    def _certificate_and_key_belong_together(self) -> Self:
        if (self.grpc_cert_file is None) != (self.grpc_key_file is None):
            raise ValueError("accepted are both of TRUSCORE_GRPC_CERT_FILE and TRUSCORE_GRPC_KEY_FILE, or neither")
        if self.grpc_client_ca_file is not None and self.grpc_cert_file is None:
            raise ValueError("TRUSCORE_GRPC_CLIENT_CA_FILE needs TRUSCORE_GRPC_CERT_FILE and TRUSCORE_GRPC_KEY_FILE")
        return self


class PlaintextTokens(ServiceSettings):
    """Of who takes tokens over gRPC and of who shows them."""

    grpc_plaintext_tokens: bool = Field(
        False,
        description="Whether tokens of gRPC go without TLS to other machines, and are taken so; only on a network of "
        "your own",
    )


class GrpcClient(PlaintextTokens):
    """What clients show to gRPC services."""

    grpc_token: SecretStr = Field(
        SecretStr(""),
        description="Token shown to gRPC services, one of TRUSCORE_GRPC_TOKENS or of the OpenID provider; a file is "
        "read anew with each call",
    )


class CurrentToken:
    """A client's token as its settings have it now; where they can't be read, as they had it last."""

    def __init__(self, read: Callable[[], GrpcClient] = GrpcClient) -> None:
        self._read, self._last = read, ""

    def __call__(self) -> str:
        with suppress(ValueError, OSError):
            self._last = self._read().grpc_token.get_secret_value()
        return self._last
