"""Builds and runs the clients of examples/clients, in folders that hold their source and the .proto files alone."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from deploy.local.servers.programs import REPOSITORY
from tests.e2e.toolchains import FOLDER, ToolchainMissing, debian_file, debian_libraries, need

BUILD_TIMEOUT_S = 300
WELL_KNOWN = shlex.quote(str(resources.files("grpc_tools") / "_proto"))
# What npm says where no registry is in reach.
OFFLINE = ("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ENOTFOUND", "ETIMEDOUT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A compiled client and what it is run with."""

    argv: list[str]
    environment: dict[str, str]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it with its output in pipes."""
        return subprocess.Popen(
            [*self.argv, *arguments],
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def build(language: str, folder: Path) -> Client:
    """Copy a client's source and the .proto files to `folder` and run its build.sh. ToolchainMissing: what lacks."""
    place = folder / language
    shutil.copytree(REPOSITORY / "examples" / "clients" / language, place)
    shutil.copytree(REPOSITORY / "proto", folder / "proto")
    client = CLIENTS[language](place)
    done = subprocess.run(
        ["sh", str(place / "build.sh")],
        env=client.environment | {"PROTO": str(folder / "proto")},
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0 and language == "typescript" and any(sign in done.stderr for sign in OFFLINE):
        raise ToolchainMissing(f"npm reaches no registry: {done.stderr.strip()[:300]}")
    assert done.returncode == 0, f"{language}/build.sh ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return client


def _client(place: Path, argv: list[str], *, programs: tuple[Path, ...] = (), **variables: str) -> Client:
    """A client whose build finds `protoc` of grpcio-tools on its PATH, unless `programs` bring one."""
    tools = place.parent / "bin"
    tools.mkdir()
    _script(tools / "protoc", shlex.join([sys.executable, "-m", "grpc_tools.protoc"]))
    for program in programs:
        command = f"LD_LIBRARY_PATH={shlex.quote(debian_libraries(program))} {shlex.quote(str(program))}"
        # The well-known types are in another package than Debian's protoc.
        _script(tools / program.name, f"{command} -I {WELL_KNOWN}" if program.name == "protoc" else command)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TRUSCORE_", "PYTHON"))}
    return Client(argv=argv, environment=inherited | {"PATH": f"{tools}:{os.environ['PATH']}"} | variables)


def _script(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\n{command} "$@"\n')
    path.chmod(0o755)


def _python(place: Path) -> Client:
    # -S: no site module, so that the editable installation of this repository can't be imported.
    packages = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    path = ":".join([str(place / "build"), *packages])
    argv = [sys.executable, "-S", str(place / "first_client.py")]
    return _client(place, argv, PYTHON=sys.executable, PYTHONPATH=path)


def _go(place: Path) -> Client:
    need("go", "golang-go golang-google-protobuf-dev golang-github-rabbitmq-amqp091-go-dev protoc-gen-go")
    source = Path("usr/share/gocode/src")
    protobuf = debian_file("golang-google-protobuf-dev", f"{source}/google.golang.org/protobuf")
    amqp = debian_file("golang-github-rabbitmq-amqp091-go-dev", f"{source}/github.com/rabbitmq/amqp091-go")
    plugin = debian_file("protoc-gen-go", "usr/bin/protoc-gen-go")
    roots = dict.fromkeys(str(path) for path in (protobuf.parents[2], amqp.parents[3]))
    return _client(
        place,
        [str(place / "build" / "first-client")],
        programs=(plugin,),
        GOPATH=":".join(roots),
        GOCACHE=str(FOLDER / "go-cache"),
        GOTOOLCHAIN="local",
    )


def _java(place: Path) -> Client:
    packages = "default-jdk-headless librabbitmq-client-java libprotobuf-java protobuf-compiler"
    need("javac", packages, at_least=17)
    jars = [
        debian_file("libprotobuf-java", "usr/share/java/protobuf.jar"),
        debian_file("librabbitmq-client-java", "usr/share/java/amqp-client.jar"),
        debian_file("libslf4j-java", "usr/share/java/slf4j-api.jar"),
    ]
    # Generated Java wants a library of its own version: the one of the same release of Debian.
    protoc = debian_file("protobuf-compiler", "usr/bin/protoc")
    libraries = ":".join(map(str, jars))
    argv = ["java", "-cp", f"{place / 'build' / 'classes'}:{libraries}", "FirstClient"]
    return _client(place, argv, programs=(protoc,), CLASSPATH=libraries)


def _typescript(place: Path) -> Client:
    need("node", "nodejs npm", at_least=20)
    need("npm", "nodejs npm")
    argv = ["node", str(place / "build" / "first_client.js")]
    return _client(place, argv, npm_config_cache=str(FOLDER / "npm-cache"), npm_config_prefer_offline="true")


CLIENTS: dict[str, Callable[[Path], Client]] = {
    "python": _python,
    "go": _go,
    "java": _java,
    "typescript": _typescript,
}
