"""deploy/docker/init.sh makes what the containers and programs on the host log in with, whatever is in a password."""

import shutil
import subprocess
from pathlib import Path

import pytest
from truscore.access import Caller, Role, StaticTokens, token_line
from yarl import URL

from tests.house.compose_file import COMPOSE, REPOSITORY, SERVICES

NASTY = "".join(chr(code) for code in range(33, 127))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what init.sh looks at, its path with a blank."""
    root = tmp_path / "a clone"
    shutil.copytree(REPOSITORY / "deploy/docker", root / "deploy/docker")
    return root


def init(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", clone / "deploy/docker/init.sh"], capture_output=True, text=True, timeout=30, check=False
    )


def host_variables(clone: Path) -> dict[str, str]:
    """What a shell knows after it has read host.env as its first line says."""
    shown = subprocess.run(
        ["env", "-i", "sh", "-c", "set -a; . ./host.env; set +a; env"],
        cwd=clone / "secrets", capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in shown.stdout.splitlines())


def test_every_secret_of_the_compose_file_is_made_and_nobody_else_reads_them(clone: Path) -> None:
    done = init(clone)
    assert done.returncode == 0, done.stderr
    made = {path.name: path for path in (clone / "secrets").iterdir()}
    assert set(made) == set(COMPOSE["secrets"]) | {"host.env"}
    assert (clone / "secrets").stat().st_mode & 0o777 == 0o700
    # Containers' users differ from the owner: the folder keeps others out, not the file.
    assert {path.stat().st_mode & 0o777 for name, path in made.items() if name != "host.env"} == {0o644}
    assert made["host.env"].stat().st_mode & 0o777 == 0o600
    assert (clone / ".env").stat().st_mode & 0o777 == 0o600


def test_passwords_are_random_and_stay_when_it_is_repeated(clone: Path) -> None:
    init(clone)
    first = {path.name: path.read_text() for path in (clone / "secrets").iterdir()}
    (clone / ".env").write_text((clone / ".env").read_text() + "# mine\n")
    init(clone)
    assert {path.name: path.read_text() for path in (clone / "secrets").iterdir()} == first
    assert "# mine" in (clone / ".env").read_text()
    passwords = [value for name, value in first.items() if "password" in name]
    assert len(set(passwords)) == len(passwords) == 4
    assert all(len(password) == 40 for password in passwords)


def test_tokens_are_random_and_services_know_their_digests(clone: Path) -> None:
    init(clone)
    folder = clone / "secrets"
    accepted = StaticTokens((folder / "truscore_grpc_tokens").read_text)
    studio, cli = ((folder / name).read_text() for name in ("truscore_grpc_token", "cli_grpc_token"))
    assert accepted.find(studio) == Caller(name="studio", role=Role.OPERATOR)
    assert accepted.find(cli) == Caller(name="cli", role=Role.ADMIN)
    assert host_variables(clone)["TRUSCORE_GRPC_TOKEN"] == cli
    assert not {studio, cli} & set((folder / "truscore_grpc_tokens").read_text().split())


def test_a_token_that_is_replaced_counts_no_more_and_lines_of_others_stay(clone: Path) -> None:
    init(clone)
    folder = clone / "secrets"
    known, before = folder / "truscore_grpc_tokens", (folder / "truscore_grpc_token").read_text()
    known.write_text(known.read_text() + token_line("ada", Role.READER, "of ada"))
    (folder / "truscore_grpc_token").write_text("a new token of at least 32 characters\n")
    opened = known.stat().st_ino
    assert init(clone).returncode == 0
    accepted = StaticTokens(known.read_text)
    assert accepted.find(before) is None
    assert accepted.find("a new token of at least 32 characters") == Caller(name="studio", role=Role.OPERATOR)
    assert accepted.find("of ada") == Caller(name="ada", role=Role.READER)
    # A container sees the file that it was given, not another one of its name.
    assert known.stat().st_ino == opened


def test_every_printable_character_may_be_in_the_passwords(clone: Path) -> None:
    (clone / "secrets").mkdir()
    (clone / "secrets/rabbitmq_password").write_text(f"{NASTY} {NASTY}\n")
    (clone / "secrets/truscore_s3_secret_key").write_text(r"""'"\$`#%&@:/?!""")
    (clone / ".env").write_text("RABBITMQ_USER='a b@c'\nTRUSCORE_BUCKET=cards\n")
    done = init(clone)
    assert done.returncode == 0, done.stderr
    inside, outside = (clone / "secrets/truscore_amqp_url").read_text(), host_variables(clone)
    for text in (inside, outside["TRUSCORE_AMQP_URL"]):
        assert (URL(text).user, URL(text).password) == ("a b@c", f"{NASTY} {NASTY}")
    assert URL(inside).host == "rabbitmq"
    assert outside["TRUSCORE_S3_SECRET_KEY"] == r"""'"\$`#%&@:/?!"""
    assert outside["TRUSCORE_BUCKET"] == "cards"


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("rabbitmq_password", "pässword", "not printable ASCII"),
        ("grafana_password", "two\nlines", "more than one line"),
        ("postgres_password", " blank", "begins or ends with a blank"),
        ("truscore_s3_secret_key", "short", "holds 5 characters: accepted are 8 to 40"),
        ("minio_root_password", "", "holds 0 characters: accepted are 8 to 256"),
    ],
)
def test_a_password_that_some_server_would_not_take_is_refused_by_name(
    clone: Path, name: str, text: str, named: str
) -> None:
    (clone / "secrets").mkdir()
    (clone / "secrets" / name).write_text(text)
    done = init(clone)
    assert done.returncode == 1
    assert f"secrets/{name} " in done.stderr
    assert named in done.stderr


def test_the_host_is_given_every_address_and_each_is_published(clone: Path) -> None:
    init(clone)
    outside, cli = host_variables(clone), SERVICES["cli"]
    inside = {
        key: value
        for key, value in cli["environment"].items()
        if value and key.endswith(("_ADDRESS", "_ENDPOINT", "_URL"))
    }
    secrets = {secret.upper() for secret in cli["secrets"] if secret.startswith("truscore_")}
    assert {*inside, *secrets, "TRUSCORE_GRPC_TOKEN", "TRUSCORE_BUCKET"} <= set(outside)
    for name, address in [*inside.items(), ("TRUSCORE_AMQP_URL", "amqp://rabbitmq:5672/")]:
        service, _, port = address.rstrip("/").rpartition("://")[2].partition(":")
        host, _, published = outside[name].rstrip("/").rpartition("@")[2].rpartition("://")[2].partition(":")
        assert host == "127.0.0.1"
        # Of a range the first is taken first.
        assert f"127.0.0.1:{published}" in {
            each.rpartition(":")[0].partition("-")[0]
            for each in SERVICES[service]["ports"]
            if each.endswith(f":{port}")
        }, name


def test_what_it_makes_is_no_part_of_the_repository() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "secrets", ".env"], cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False
    )
    assert tracked.stdout == ""
    assert {".env", "/secrets/"} <= set((REPOSITORY / ".gitignore").read_text().splitlines())
