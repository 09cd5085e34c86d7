"""Every .proto file says where its generated Go and Java belong; the protoc that the registry ships agrees on Java."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROTOS = sorted((REPOSITORY / "proto").rglob("*.proto"))


@pytest.mark.parametrize("room", ["events", "api"])
def test_java_lies_in_one_package_with_a_file_for_each_message(room: str, tmp_path: Path) -> None:
    # grpcio-tools carries a protoc without the generator for Java.
    protoc = str(Path(sys.executable).with_name("protoc"))
    argv = [protoc, "-I", str(REPOSITORY / "proto"), f"--java_out={tmp_path}", *map(str, PROTOS)]
    subprocess.run(argv, check=True, timeout=120)
    folder = tmp_path / "com" / "truscore" / room / "v1"
    protos = [path for path in PROTOS if room in path.parts]
    messages = {name for path in protos for name in re.findall(r"^message (\w+)", path.read_text(), re.MULTILINE)}
    assert len(messages) > 3
    assert messages - {path.stem for path in folder.iterdir()} == set()
    assert {f"{path.stem.title()}Proto" for path in protos} - {path.stem for path in folder.iterdir()} == set()


@pytest.mark.parametrize("path", PROTOS, ids=lambda path: path.stem)
def test_a_proto_file_names_the_go_package_of_its_folder(path: Path) -> None:
    room = path.parts[-3]
    assert f'option go_package = "truscore/{room}/v1;{room}v1";' in path.read_text()
