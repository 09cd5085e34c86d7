"""Published weights from where their library has them, or from a site's own folder of the same files."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.trainer.inputs.downloads import NotFetched, download
from services.trainer.inputs.published_weights import Published

LIBRARY = "library"
LOOKUP_TIMEOUT_S = 120.0
Lookup = Callable[[str, str], Published | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class LibrarySource:
    """``address`` is "library" for the library's own addresses, an http(s) address of a folder that has its files under
    their names, or empty: then nothing is fetched. ``ask`` gives what is published under a network's name of weights.
    """

    lookup: Lookup
    address: str = ""
    limit_bytes: int = 1 << 30
    timeout_s: float = 300.0

    def fetch(self, network: str, name: str, place: Path) -> None:
        """Put the weights at their place. Raises NotFetched, and NoSpace or OSError where the disk won't have them."""
        if not self.address:
            raise NotFetched("TRUSCORE_TRAINER_WEIGHTS_SOURCE is empty, so that no other place was looked at")
        found = self.lookup(network, name)
        if found is None:
            raise NotFetched(f"no library publishes {name} for {network} with a digest")
        url = found.url if self.address == LIBRARY else f"{self.address.rstrip('/')}/{found.url.rsplit('/', 1)[-1]}"
        download(
            url,
            place,
            sha256_prefix=found.sha256_prefix,
            limit_bytes=self.limit_bytes,
            timeout_s=self.timeout_s,
        )


def library_lookup(environment: Mapping[str, str]) -> Lookup:
    """Asks in a process with this environment: the service itself doesn't import torch."""

    def lookup(network: str, name: str) -> Published | None:
        command = [sys.executable, "-m", "services.trainer.inputs.published_weights", network, name]
        try:
            answer = subprocess.run(
                command, env=dict(environment), capture_output=True, timeout=LOOKUP_TIMEOUT_S, check=True
            )
            address = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise NotFetched(f"the library gave no answer about {name} of {network}: {error}") from error
        return Published(**address) if address else None

    return lookup
