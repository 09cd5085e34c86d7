"""gRPC over TLS, either side. Knows certificates and addresses; knows no service."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import grpc
from grpc import aio

from truscore.access import Token, check_target, token_interceptors, with_token
from truscore.telemetry.settings import GrpcClientSettings

log = logging.getLogger("truscore.telemetry")

SECURE: Final = "https://"


class GrpcTls(Protocol):
    """PEM files of a server; None for the certificate and its key is a plain one. The settings of services have it."""

    @property
    def grpc_cert_file(self) -> Path | None: ...
    @property
    def grpc_key_file(self) -> Path | None: ...
    @property
    def grpc_client_ca_file(self) -> Path | None: ...


def server_credentials(tls: GrpcTls) -> grpc.ServerCredentials | None:
    """Of a server that takes up a changed certificate with the next connection; None where gRPC is to be plain.

    OSError where a file can't be read at the start; later the certificate at hand stays, and a warning is logged.
    """
    if tls.grpc_cert_file is None or tls.grpc_key_file is None:
        return None
    files = tuple(path for path in (tls.grpc_key_file, tls.grpc_cert_file, tls.grpc_client_ca_file) if path is not None)
    kept = _Certificates(files=files, read=tuple(path.read_bytes() for path in files))
    return grpc.dynamic_ssl_server_credentials(
        kept.configuration(),
        # Its types do not know that None keeps what is at hand.
        cast("Callable[[], grpc.ServerCertificateConfiguration]", kept.changed),
        require_client_authentication=tls.grpc_client_ca_file is not None,
    )


@dataclass(kw_only=True, slots=True)
class _Certificates:
    """The key, the certificate and, where clients show one, their authorities, as they were read last."""

    files: tuple[Path, ...]
    read: tuple[bytes, ...]

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        key, certificate, *authorities = self.read
        return grpc.ssl_server_certificate_configuration([(key, certificate)], *authorities)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC before each handshake; None keeps what it has."""
        try:
            found = tuple(path.read_bytes() for path in self.files)
            if found == self.read:
                return None
            # Key and certificate are two files: between their renewals they don't match, which gRPC would go on with.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.files[1], self.files[0])
        except (OSError, ValueError) as error:
            log.warning("the certificate of gRPC stays as it was: %s", error)
            return None
        self.read = found
        return self.configuration()


def open_channel(address: str, *, token: Token | None = None, plaintext_token: bool = False) -> grpc.Channel:
    """To "host:port" in plain, to "https://host:port" over TLS, whose server is checked against the authorities of
    SSL_CERT_FILE or gRPC's own; shows the certificate that the environment names, and the token with every call.

    OSError; PlaintextToken where the token would go in plain to another machine and that is not allowed.
    """
    target, encrypted = _target(address, token, plaintext_token)
    plain = grpc.secure_channel(target, _channel_credentials()) if encrypted else grpc.insecure_channel(target)
    return plain if token is None else with_token(plain, token)


def open_async_channel(address: str, *, token: Token | None = None, plaintext_token: bool = False) -> aio.Channel:
    """As `open_channel`, for asyncio."""
    target, encrypted = _target(address, token, plaintext_token)
    interceptors = None if token is None else token_interceptors(token)
    if not encrypted:
        return aio.insecure_channel(target, interceptors=interceptors)
    return aio.secure_channel(target, _channel_credentials(), interceptors=interceptors)


def _target(address: str, token: Token | None, plaintext_token: bool) -> tuple[str, bool]:
    encrypted, target = address.startswith(SECURE), address.removeprefix(SECURE)
    if token is not None and token():
        check_target(target, encrypted=encrypted, allowed=plaintext_token)
    return target, encrypted


def _channel_credentials() -> grpc.ChannelCredentials:
    ours = GrpcClientSettings()
    authorities, key, certificate = (
        path.read_bytes() if path is not None else None
        for path in (ours.authorities, ours.grpc_key_file, ours.grpc_cert_file)
    )
    return grpc.ssl_channel_credentials(root_certificates=authorities, private_key=key, certificate_chain=certificate)
