"""A grading engine with nothing of ours: onnxruntime, numpy, Pillow, protobuf, minio, aio-pika, and cryptography for
the signature. docs/engine.md walks through it.

`python plain_engine.py MODEL PICTURE…` says what a model file finds, as JSON.
`python plain_engine.py --listen SETTINGS.json` waits for one model.exported, downloads its package, verifies digest,
signature and sums, and says what the model finds on the settings' pictures.
"""

import asyncio
import hashlib
import importlib
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read while onnxruntime is imported
for name in ("torch", "torchvision", "services", "deploy"):
    sys.modules[name] = None  # type: ignore[assignment]  # importing any of them fails from here on
# Nor can anything else of the system: an engine has a copy of the generated messages of its own.
sys.path = [path for path in sys.path if not any((Path(path) / name).is_dir() for name in ("truscore", "services"))]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
from PIL import Image, ImageOps  # noqa: E402

DECIDED_AT = 0.5
OUTER, GRAPHICAL = 1, 2
WAIT_S = 420


class Model:
    """An ONNX file of a release: it names its own task and classes."""

    def __init__(self, content: bytes) -> None:
        self.session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        about = self.session.get_modelmeta().custom_metadata_map
        self.task = about.get("truscore.task", "")
        self.class_names = json.loads(about.get("truscore.class_names", "[]"))

    def grade(self, path: str) -> dict[str, Any]:
        """All that comes before is to decode: upright, RGB, channels first, from 0 to 1; of any size."""
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        image = np.ascontiguousarray(np.asarray(upright, dtype=np.float32).transpose(2, 0, 1) / 255)
        names = [output.name for output in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(None, {"image": image}), strict=True))
        answer = {"instance_segmentation": instances, "detection": instances}.get(self.task, whole_picture)
        return answer(found, self)


def instances(found: dict[str, Any], model: Model) -> dict[str, Any]:
    said = {name: found[name].tolist() for name in ("boxes", "labels", "scores")}
    said["names"] = [model.class_names[label - 1] for label in said["labels"]]
    if "masks" in found:
        said["mask_pixels"] = (found["masks"] > DECIDED_AT).sum(axis=(1, 2, 3)).tolist()
    said["centring"] = centring(found)
    return said


def centring(found: dict[str, Any]) -> list[float] | None:
    """Percent of the left and of the upper margin: the model's own where it places lines, else that of the boxes of the
    surest card and print; None where either was not found."""
    if "centring" in found and np.isfinite(found["centring"]).all():
        return [float(each) for each in found["centring"]]
    surest: dict[int, Any] = {}
    for box, label, score in zip(found["boxes"], found["labels"], found["scores"], strict=True):
        if score >= DECIDED_AT:
            surest.setdefault(int(label), box)  # scores fall
    if not {OUTER, GRAPHICAL} <= set(surest):
        return None
    near = np.maximum(surest[GRAPHICAL][:2] - surest[OUTER][:2], 0)
    far = np.maximum(surest[OUTER][2:] - surest[GRAPHICAL][2:], 0)
    return [float(each) for each in 100 * near / np.maximum(near + far, 1e-6)]


def whole_picture(found: dict[str, Any], model: Model) -> dict[str, Any]:
    """Grades, scores, labels, or the share of the picture that shows each class, by the names of the classes."""
    names = model.class_names
    if model.task == "semantic_segmentation":
        shown = found["probabilities"].argmax(axis=0)
        return {"shares": {name: float((shown == number).mean()) for number, name in enumerate(names, 1)}}
    if model.task == "ordinal_classification":
        return {"grade": names[int(found["grade_index"])], "probabilities": found["probabilities"].tolist()}
    if model.task == "multilabel_classification":
        return {"labels": [name for name, p in zip(names, found["probabilities"], strict=True) if p >= DECIDED_AT]}
    return {"scores": dict(zip(names, found["scores"].tolist(), strict=True))}


def verified(package: Path, sha256: str, trusted_key: str) -> dict[str, bytes]:
    """The package's members, once digest, signature and every sum are right. SystemExit where one is not."""
    content = package.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f"{package} is not the package that was announced")
    with tarfile.open(package) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        members = {name: file.read() for name, file in files.items() if file is not None}
    if trusted_key:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        seal = json.loads(members["SHA256SUMS.sig.json"])
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(trusted_key))
        key.verify(bytes.fromhex(seal["signature"]), members["SHA256SUMS"])  # raises InvalidSignature
    sums = dict(reversed(line.split("  ")) for line in members["SHA256SUMS"].decode().splitlines())
    wrong = [name for name, digest in sums.items() if hashlib.sha256(members[name]).hexdigest() != digest]
    if wrong or set(members) - set(sums) - {"SHA256SUMS", "SHA256SUMS.sig.json"}:
        raise SystemExit(f"{package}: {wrong or 'a member has no sum'}")
    return members


def downloaded(settings: dict[str, Any], uri: str, target: Path) -> Path:
    from minio import Minio

    store, place = urlparse(settings["s3_endpoint"]), urlparse(uri)
    keys = {"access_key": settings["s3_access_key"], "secret_key": settings["s3_secret_key"]}
    client = Minio(store.netloc, **keys, secure=store.scheme == "https")
    client.fget_object(place.netloc, place.path.lstrip("/"), str(target))
    return target


async def listen(settings: dict[str, Any]) -> dict[str, Any]:
    """One release, graded with. The queue is durable: what is announced while no engine runs, waits."""
    import aio_pika

    sys.path.insert(0, settings["generated"])
    events = importlib.import_module("truscore.events.v1.model_pb2")
    connection = await aio_pika.connect(settings["amqp_url"])
    async with connection, asyncio.timeout(WAIT_S):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        queue = await channel.declare_queue(settings["queue"], durable=True)
        await queue.bind("truscore.events", "model.exported")
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        async with queue.iterator() as deliveries:
            async for delivery in deliveries:
                async with delivery.process():  # acknowledged once the model has answered
                    return await asyncio.to_thread(take_up, settings, events.ModelExported.FromString(delivery.body))
    raise SystemExit("nothing was announced")


def take_up(settings: dict[str, Any], exported: Any) -> dict[str, Any]:
    package = downloaded(settings, exported.package_uri, Path(settings["out"]) / "package.tar")
    members = verified(package, exported.package_sha256, settings["trusted_key"])
    contract = json.loads(members["contract.json"])
    file = next(each for each in contract["files"] if each["runtime"] == "onnxruntime")
    model = Model(members[file["file_name"]])
    return {
        "model_id": exported.model_id,
        "version": exported.version,
        "classes": {str(each["label"]): each["name"] for each in contract["classes"]},
        "found": [model.grade(path) for path in settings["pictures"]],
        "imported": sorted({name.partition(".")[0] for name, module in sys.modules.items() if module is not None}),
    }


def main() -> None:
    if sys.argv[1] == "--listen":
        said: Any = asyncio.run(listen(json.loads(Path(sys.argv[2]).read_text())))
    else:
        model = Model(Path(sys.argv[1]).read_bytes())
        said = [model.grade(path) for path in sys.argv[2:]]
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
