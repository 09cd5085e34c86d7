"""A private certificate authority, and certificates by it for servers and clients of one machine.

`python -m deploy.local.servers.certificates FOLDER NAME…` writes `ca.pem` and for each name `NAME.pem` and `NAME.key`,
which are good for the name, localhost and 127.0.0.1. Knows certificates; knows nothing of who shows them.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME: Final = timedelta(days=365)
# Clocks of a fleet differ: a certificate that is good from this second on is refused by whoever is behind.
CLOCKS: Final = timedelta(hours=1)
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateFiles:
    """What a server shows, with its key, and the authority that signed it; PEM files."""

    certificate: Path
    key: Path
    authority: Path


class Authority:
    """One that is made with its key in memory: nobody can sign with it once this process is over."""

    def __init__(self, folder: Path, *, name: str = "TruScore local authority") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = _begun(self._name, self._name, self._key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        own = own.add_extension(_key_usage(signs=True), critical=True)
        self._certificate = own.sign(self._key, hashes.SHA256())
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *, hosts: tuple[str, ...] = LOOPBACK_HOSTS, lifetime: timedelta = LIFETIME
    ) -> CertificateFiles:
        """A new key and a certificate for the name and the hosts; files of an earlier one are replaced whole."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = _begun(subject, self._name, key.public_key(), lifetime=lifetime)
        made = made.add_extension(x509.SubjectAlternativeName([_host(each) for each in (name, *hosts)]), critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(_key_usage(signs=False), critical=True)
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        made = made.add_extension(purposes, critical=False)
        certificate = made.sign(self._key, hashes.SHA256())
        files = CertificateFiles(
            certificate=self.folder / f"{name}.pem", key=self.folder / f"{name}.key", authority=self.file
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _replace(files.key, private)
        _replace(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return files


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta = LIFETIME
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def main() -> None:
    """Entry point."""
    if len(sys.argv) < 3:
        sys.exit("usage: python -m deploy.local.servers.certificates FOLDER NAME…")
    authority = Authority(Path(sys.argv[1]))
    for name in sys.argv[2:]:
        authority.issue(name)
    sys.stdout.write(f"{authority.file}\n")


if __name__ == "__main__":
    main()
