"""`tests/e2e/plain_engine.py` takes up a release: announced on a real broker, kept in a real store, signed."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper, numpy_helper
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image
from truscore.bus import connect, publisher
from truscore.events.v1.model_pb2 import ModelExported
from truscore.storage import S3Store
from truscore.storage.signing import Signer

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.programs import REPOSITORY
from tests.unit.releases import kept

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

WAIT_S = 120
# All that an engine needs: cryptography is for the signature alone.
ENGINE_PACKAGES = ("onnxruntime", "numpy", "pillow", "protobuf", "minio", "aio-pika", "cryptography")
FOUND = {
    "boxes": ("float32", [[10, 20, 110, 220], [20, 30, 100, 200]]),
    "labels": ("int64", [1, 2]),
    "scores": ("float32", [0.9, 0.8]),
}


def model() -> bytes:
    """It finds the same card on every picture: whatever is announced has to be graded as its file says."""
    import numpy as np

    constants = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(values, dtype=dtype)))
        for name, (dtype, values) in FOUND.items()
    ]
    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
    outputs = [helper.make_tensor_value_info(name, kinds[dtype], None) for name, (dtype, _) in FOUND.items()]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [3, "height", "width"])
    graph = helper.make_graph(constants, "card", [image], outputs)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    about = {"truscore.task": "detection", "truscore.class_names": '["outer_border", "graphical_border"]'}
    helper.set_model_props(made, about)
    return bytes(made.SerializeToString())


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What protoc makes of the .proto files, and nothing else."""
    import subprocess

    target = tmp_path_factory.mktemp("generated")
    files = sorted(str(path) for path in (REPOSITORY / "proto" / "truscore" / "events").rglob("*.proto"))
    places = [f"-I{REPOSITORY / 'proto'}", f"-I{resources.files('grpc_tools') / '_proto'}", f"--python_out={target}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *places, *files], check=True)
    return target


@pytest.fixture
def release(store: S3Store, bucket: str, tmp_path: Path) -> ModelExported:
    made = kept.keep(store, bucket, tmp_path / "made", model=model(), key=kept.PRIVATE)
    package_uri = kept.place(bucket, made).uri + "/package.tar"
    return ModelExported(
        model_id=made.model_id,
        version=made.version,
        run_id=made.run_id,
        package_uri=package_uri,
        package_sha256=made.package_sha256,
    )


async def engine_says(
    announced: ModelExported, amqp_url: str, s3: ObjectServer, generated: Path, folder: Path, *, trusted: str
) -> tuple[bytes, bytes]:
    """What a fresh engine writes of one announcement to its two outputs."""
    Image.new("RGB", (120, 240)).save(folder / "picture.png")
    settings = {
        "amqp_url": amqp_url,
        "s3_endpoint": s3.endpoint,
        "s3_access_key": s3.access_key,
        "s3_secret_key": s3.secret_key,
        "queue": f"grading-engine.{folder.name}",
        "generated": str(generated),
        "out": str(folder),
        "trusted_key": trusted,
        "pictures": [str(folder / "picture.png")],
    }
    (folder / "engine.json").write_text(json.dumps(settings))
    argv = [str(REPOSITORY / "tests" / "e2e" / "plain_engine.py"), "--listen", str(folder / "engine.json")]
    pipe = asyncio.subprocess.PIPE
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("TRUSCORE_", "PYTHONPATH"))}
    broker = connect(amqp_url, service="exporter")
    await broker.start()  # declares the exchange that engines bind to
    engine = await asyncio.create_subprocess_exec(sys.executable, *argv, stdout=pipe, stderr=pipe, env=theirs)
    assert engine.stdout is not None
    try:
        async with asyncio.timeout(WAIT_S):
            if await engine.stdout.readline() == b"listening\n":
                await publisher(broker, service="exporter").publish(announced, subject=announced.run_id)
            return await engine.communicate()
    finally:
        await broker.stop()
        if engine.returncode is None:
            engine.kill()
            await engine.wait()


def foreign(imported: Sequence[str]) -> set[str]:
    """What was imported that an engine's own virtual environment would not have."""
    allowed, left = set[str](), list(ENGINE_PACKAGES)
    while left:
        if (name := canonicalize_name(left.pop())) not in allowed:
            allowed.add(name)
            needs = (Requirement(text) for text in metadata.requires(name) or ())
            left += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    known = metadata.packages_distributions()
    of = {name: {canonicalize_name(each) for each in known[name]} for name in imported if name in known}
    return {name for name, distributions in of.items() if not distributions & allowed}


async def test_an_engine_grades_with_a_release_that_it_verified_and_imports_nothing_of_ours(
    release: ModelExported, amqp_url: str, s3: ObjectServer, generated: Path, tmp_path: Path
) -> None:
    key = Signer(kept.PRIVATE).public_hex
    out, errors = await engine_says(release, amqp_url, s3, generated, tmp_path, trusted=key)
    assert out, errors.decode()
    answer: dict[str, Any] = json.loads(out)
    assert (answer["model_id"], answer["classes"]) == (release.model_id, {"1": "outer_border", "2": "graphical_border"})
    (found,) = answer["found"]
    assert (found["names"], found["boxes"][0]) == (["outer_border", "graphical_border"], [10.0, 20.0, 110.0, 220.0])
    assert found["centring"] == pytest.approx([50.0, 100 / 3])
    # setuptools has itself imported at the start of every Python that it is installed for.
    assert foreign(answer["imported"]) <= {"_distutils_hack"}


async def test_an_engine_takes_no_release_that_another_key_signed(
    release: ModelExported, amqp_url: str, s3: ObjectServer, generated: Path, tmp_path: Path
) -> None:
    out, errors = await engine_says(release, amqp_url, s3, generated, tmp_path, trusted=kept.OTHER_PUBLIC)
    assert not out
    assert b"InvalidSignature" in errors
