"""A grading engine without torch: `python plain_engine.py MODEL PICTURE…` says what the model finds, as JSON."""

import json
import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read while onnxruntime is imported
for name in ("torch", "torchvision", "truscore", "services"):
    sys.modules[name] = None  # type: ignore[assignment]  # importing any of them fails from here on

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
from PIL import Image  # noqa: E402


def main() -> None:
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    found = []
    for path in sys.argv[2:]:
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"), dtype=np.float32).transpose(2, 0, 1) / 255
        boxes, labels, scores, masks = session.run(None, {"image": np.ascontiguousarray(image)})
        found.append(
            {
                "boxes": boxes.tolist(),
                "labels": labels.tolist(),
                "scores": scores.tolist(),
                "mask_pixels": (masks > 0.5).sum(axis=(1, 2, 3)).tolist(),
            }
        )
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
