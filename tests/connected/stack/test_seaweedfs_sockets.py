"""A store that was killed leaves nothing in the machine's temporary folder."""

from pathlib import Path

import pytest

from deploy.local.servers.seaweedfs import SeaweedFS, find_weed

pytestmark = pytest.mark.connected


def sockets() -> set[Path]:
    return set(Path("/tmp").glob("seaweedfs-*.sock"))


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_store_that_ended_leaves_no_socket_of_its_own(tmp_path: Path, end: str) -> None:
    store = SeaweedFS(tmp_path / "store", find_weed())
    store.start()
    getattr(store, end)()
    ours = {str(port) for port in store.ports}
    assert {path for path in sockets() if path.stem.rpartition("-")[2] in ours} == set()
