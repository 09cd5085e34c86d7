"""The package of a release: everything that is made from the release itself, and the sums over all of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from truscore.files import sha256_of
from truscore.releases import CARD
from truscore.releases.archive import check_name
from truscore.releases.cyclonedx import pinned
from truscore.releases.layout import BENCHMARK, BILL, CONTRACT, PARITY, PROVENANCE, SEAL, SERVING, SUMS, TRITON
from truscore.releases.seal import seal, sums_text
from truscore.storage.signing import Signer

from services.exporter.packaging import sbom
from services.exporter.packaging.contract import contract_of
from services.exporter.packaging.origin import Origin
from services.exporter.packaging.provenance import provenance_of
from services.exporter.packaging.triton import config_of, served
from services.exporter.release import Release

SERVER = ("server.py", "Dockerfile")


def package_files(
    release: Release, origin: Origin, files: Mapping[str, Path], folder: Path, *, signer: Signer | None
) -> dict[str, Path]:
    """All members by name, `files` (models, card, manifest) among them; what is new is written below `folder`.

    Sums last, which every other member is in; with a `signer` their signature beside them.
    """
    members = dict(files)

    def add(name: str, text: str) -> None:
        check_name(name)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        members[name] = path

    add(CONTRACT, _json(contract_of(release)))
    add(PARITY, _json({each.format: asdict(each.parity) for each in release.artifacts}))
    add(BENCHMARK, _json({each.format: asdict(each.benchmark) for each in release.artifacts}))
    _add_serving(release, add)
    for name, artifact in served(release):
        add(f"{TRITON}/{name}/config.pbtxt", config_of(name, artifact))
        members[f"{TRITON}/{name}/1/model.onnx"] = files[artifact.file_name]
    subjects = [*(each.file_name for each in release.artifacts), CARD, CONTRACT]
    add(PROVENANCE, _json(provenance_of(release, origin, {name: sha256_of(members[name]) for name in subjects})))
    sums = sums_text({name: sha256_of(path) for name, path in members.items()})
    add(SUMS, sums)
    if signer is not None:
        add(SEAL, seal(sums, signer))
    return members


def _add_serving(release: Release, add: Any) -> None:
    models = list(served(release))
    if not models:
        return
    source = resources.files("services.exporter.packaging") / "serving"
    for name in SERVER:
        add(f"{SERVING}/{name}", (source / name).read_text(encoding="utf-8"))
    given = " ".join(f"{name}=/serving/{artifact.file_name}" for name, artifact in models)
    add(f"{SERVING}/start.sh", f"exec python /serving/server.py {given} --host 0.0.0.0\n")
    wanted = sbom.requirements()
    add(f"{SERVING}/requirements.txt", pinned(wanted))
    add(BILL, _json(sbom.bill(wanted, name=release.model_id, version=release.version)))


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
