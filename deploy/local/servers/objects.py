"""How to reach an S3 server, ours or one that was named. Knows addresses, keys and buckets."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlparse

if TYPE_CHECKING:
    from minio import Minio


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectServer:
    """An address with its keys. The secret stays out of its representation, which is printed when a test fails."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)

    def make_bucket(self, name: str) -> str:
        """Make the bucket where it is missing; returns its name."""
        client = self._client()
        if not client.bucket_exists(name):
            client.make_bucket(name)
        return name

    def drop_bucket(self, name: str) -> None:
        """Remove a bucket with all it holds."""
        client = self._client()
        for entry in client.list_objects(name, recursive=True):
            client.remove_object(name, entry.object_name)
        client.remove_bucket(name)

    def _client(self) -> "Minio":
        # Imported late: who only starts the store need not load its client.
        from minio import Minio

        parts = urlparse(self.endpoint)
        return Minio(
            parts.netloc, access_key=self.access_key, secret_key=self.secret_key, secure=parts.scheme == "https"
        )
