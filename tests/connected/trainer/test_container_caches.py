"""torch.compile in a container: /tmp is a tmpfs that forbids execution, as Docker mounts one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.compose_file import OURS, REPOSITORY

PROBE = "from truscore.zoo.compilation import why_not_compilable; print(why_not_compilable('cpu') or 'compiles')"
# "$1" becomes a tmpfs as in docker-compose.yml, and the folder for temporary files of programs that are told no other.
CONTAINED = 'mount -t tmpfs -o noexec,nosuid,nodev,size=256m none "$1" && TMPDIR="${TMPDIR:-$1}" exec "$2" -c "$3"'
APART = ("unshare", "--user", "--map-root-user", "--mount")

pytestmark = [
    pytest.mark.connected,
    pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler: torch.compile can't work here at all"),
]


@pytest.fixture(scope="module", autouse=True)
def _apart() -> None:
    try:
        allowed = subprocess.run([*APART, "true"], capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare on this machine")
    if allowed.returncode != 0:
        pytest.skip(f"no mount namespace of our own: {allowed.stderr.strip()}")


def contained(tmp_path: Path, environment: dict[str, str]) -> str:
    (tmp_path / "tmpfs").mkdir()
    done = subprocess.run(
        [*APART, "sh", "-c", CONTAINED, "sh", tmp_path / "tmpfs", sys.executable, PROBE],
        cwd=REPOSITORY, env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)} | environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_compiled_in_the_tmpfs_can_not_be_loaded(tmp_path: Path) -> None:
    assert "can't be loaded" in contained(tmp_path, {})


def test_with_the_variables_of_the_compose_file_torch_compile_works(tmp_path: Path) -> None:
    (volume := tmp_path / "volume/tmp").mkdir(parents=True)
    given = {name: OURS["trainer"]["environment"][name] for name in ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR")}
    moved = {name: value.replace("/var/cache/truscore", str(volume.parent)) for name, value in given.items()}
    assert all(value.startswith(str(volume.parent)) for value in moved.values())
    assert contained(tmp_path, moved) == "compiles"
