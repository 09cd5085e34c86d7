"""Published weights: ``python -m services.trainer.inputs.published_weights NETWORK NAME`` prints an address as JSON.

Run in a process of its own: to know an address the library has to be imported, and torch with it. Only weights whose
file name holds the digest are here; of the others nothing would say that they came whole and unchanged.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from truscore.catalog import network_of
from truscore.catalog.networks import PublishedWeights

_NAMED_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.pth$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A file of weights: its ``url``, and the first digits of its SHA-256, hexadecimal, as the library has them."""

    url: str
    sha256_prefix: str


def published(network: str, name: str) -> Published | None:
    """None where no library of ours publishes such weights with a digest. Imports the library."""
    known = next((weights for weights in network_of(network).weights if weights.name == name), None)
    url = _address(known) if known else ""
    digest = _NAMED_DIGEST.search(url)
    return Published(url=url, sha256_prefix=digest[1]) if digest else None


def _address(weights: PublishedWeights) -> str:
    """Empty where no library has one."""
    if weights.torchvision:
        from torchvision.models import get_weight

        return str(get_weight(weights.torchvision).url)
    if weights.timm:
        from timm.models import get_pretrained_cfg

        return str(getattr(get_pretrained_cfg(weights.timm), "url", None) or "")
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0; prints ``null`` where there is nothing."""
    parser = argparse.ArgumentParser(prog="services.trainer.inputs.published_weights", description=__doc__)
    parser.add_argument("network", help="base_architecture of a recipe")
    parser.add_argument("name", help="its pretrained_weights")
    options = parser.parse_args(arguments)
    found = published(options.network, options.name)
    sys.stdout.write(json.dumps(asdict(found) if found else None) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
