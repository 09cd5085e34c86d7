"""`python engine FOLDER`: answers the pictures of the folder's proof with each of its files, and leaves the distances.

It is run as a program of its own, by its path: neither torch nor the package around it can be imported here.
"""

import argparse
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_DECODED_BYTES = 256 << 20  # of pictures that are decoded before there is a file
_decoded: dict[str, Any] = {}
_sessions: dict[Path, Any] = {}  # of files that were loaded before there was something to prove
FORBIDDEN = ("torch", "torchvision", "truscore", "services")


def prove(folder: Path) -> None:
    """Writes by format the largest distance of each output from what the file's maker had of it, over all pictures; of
    a file that cannot be run, the error."""
    # Found beside this file, where a program's folder is what its imports are looked for in first.
    import files  # type: ignore[import-not-found]
    import onnxruntime

    proof = json.loads((folder / files.PROOF).read_text())
    found: dict[str, Any] = {}
    for format, name in proof["files"].items():
        kept = folder / files.answers_file(format)
        try:
            found[format] = {"worst": distances(folder / name, kept, proof["pictures"], threads=proof["threads"])}
        except Exception as error:  # noqa: BLE001  one file must not hold the others
            found[format] = {"error": f"{type(error).__name__}: {error}"[:2000]}
    result = {"runtime": f"onnxruntime {onnxruntime.__version__}", "files": found}
    (folder / files.RESULT).write_text(json.dumps(result))


def distances(path: Path, kept: Path, pictures: list[str], *, threads: int) -> dict[str, str]:
    """By output, over all pictures, as text: JSON has no infinity."""
    import answers  # type: ignore[import-not-found]

    session = _sessions.pop(path, None) or loaded(path, threads=threads)
    names = [output.name for output in session.get_outputs()]
    worst: dict[str, float] = {}
    for given, wanted in zip(pictures, answers.read(kept, len(pictures)), strict=True):
        outputs = answers.kept(dict(zip(names, session.run(names, inputs_of(given)), strict=True)))
        for name, apart in answers.distance(outputs, wanted).items():
            worst[name] = max(worst.get(name, 0.0), apart)
    return {name: str(apart) for name, apart in worst.items()}


def loaded(path: Path, *, threads: int) -> Any:
    """onnxruntime's session."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def inputs_of(given: str) -> dict[str, Any]:
    """By name, what a file is fed with: a picture, or the views of an object as they were kept."""
    import numpy as np

    if given.endswith(".npz"):
        with np.load(given, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    image_HWC = _decoded.pop(given, None)
    image_HWC = decode(given) if image_HWC is None else image_HWC
    return {"image": np.ascontiguousarray(image_HWC.astype(np.float32).transpose(2, 0, 1) / 255)}


def decode(path: str) -> Any:
    """[H, W, 3] upright, uint8."""
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wait", action="store_true", help="until standard input says that the proof is there")
    arguments = parser.parse_args()
    sys.modules.update(dict.fromkeys(FORBIDDEN))  # type: ignore[arg-type]  # importing any of them fails from here on
    os.environ.update(ORT_DISABLE_TELEMETRY="1")  # read while onnxruntime is imported
    if not arguments.wait or told(arguments.folder):
        prove(arguments.folder)


def told(folder: Path) -> bool:
    """Whether there is something to prove; not, where standard input ends first. What a proof takes is imported and its
    pictures are decoded meanwhile."""
    import answers  # noqa: F401
    import files
    import onnxruntime  # noqa: F401

    left_bytes = MOST_DECODED_BYTES
    proof = json.loads((folder / files.PROOF).read_text())
    for given in proof["pictures"]:
        if not given.endswith(".npz"):
            _decoded[given] = decode(given)
            left_bytes -= _decoded[given].nbytes
        if left_bytes < 0:
            break
    said: bytes = sys.stdin.buffer.readline()
    if said == files.LOAD:
        load(folder, proof)
        sys.stdout.buffer.write(files.LOADED)
        sys.stdout.buffer.flush()
        said = sys.stdin.buffer.readline()
    return bool(said == files.GO)


def load(folder: Path, proof: dict[str, Any]) -> None:
    """What cannot be loaded is loaded again where it is proved, and says there why it cannot."""
    for name in proof["files"].values():
        with suppress(Exception):
            _sessions[folder / name] = loaded(folder / name, threads=proof["threads"])


if __name__ == "__main__":
    main()
