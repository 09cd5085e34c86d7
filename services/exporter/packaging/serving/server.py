"""Serves ONNX files by the Open Inference Protocol v2 (KServe) over HTTP, with nothing but onnxruntime.

`python server.py NAME=FILE.onnx … [--host 127.0.0.1] [--port 8000]`. Numbers that are not finite are answered as null.
"""

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

os.environ.update(ORT_DISABLE_TELEMETRY="1")  # read while onnxruntime is imported
import numpy as np
import onnxruntime

TYPES: dict[str, tuple[str, Any]] = {"tensor(float)": ("FP32", np.float32), "tensor(int64)": ("INT64", np.int64)}
MOST_BYTES = 1 << 30


def described(values: Any) -> list[dict[str, Any]]:
    shapes = [[length if isinstance(length, int) else -1 for length in each.shape] for each in values]
    kinds = [(each.name, TYPES[each.type][0]) for each in values]
    return [{"name": name, "datatype": kind, "shape": shape} for (name, kind), shape in zip(kinds, shapes, strict=True)]


def infer(session: Any, name: str, request: dict[str, Any]) -> dict[str, Any]:
    kinds = dict(TYPES.values())
    given = {
        each["name"]: np.asarray(each["data"], dtype=kinds[each["datatype"]]).reshape(each["shape"])
        for each in request["inputs"]
    }
    outputs = [
        {"name": of.name, "datatype": TYPES[of.type][0], "shape": list(value.shape), "data": plain(value)}
        for of, value in zip(session.get_outputs(), session.run(None, given), strict=True)
    ]
    return {"model_name": name, "id": request.get("id", ""), "outputs": outputs}


def plain(value: Any) -> list[Any]:
    flat = value.reshape(-1)
    finite = np.isfinite(flat).tolist()
    return [number if there else None for number, there in zip(flat.tolist(), finite, strict=True)]


class Handler(BaseHTTPRequestHandler):
    protocol_version, timeout = "HTTP/1.1", 60
    models: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        self.answer(*self.about(self.path.strip("/").split("/")))

    def about(self, path: list[str]) -> tuple[int, dict[str, Any]]:
        if path in (["v2", "health", "live"], ["v2", "health", "ready"]):
            return 200, {path[2]: True}
        if path == ["v2"]:
            return 200, {"name": "truscore", "version": onnxruntime.__version__, "extensions": []}
        if path[:2] == ["v2", "models"] and path[2:3] and path[2] in self.models and path[3:] in ([], ["ready"]):
            model = self.models[path[2]]
            tensors = {"inputs": described(model.get_inputs()), "outputs": described(model.get_outputs())}
            return 200, {
                "name": path[2],
                **({"ready": True} if path[3:] else tensors | {"platform": "onnxruntime_onnx"}),
            }
        return 404, {"error": f"{self.path}: accepted are /v2/models/NAME of {', '.join(self.models)}"}

    def do_POST(self) -> None:
        path, length = self.path.strip("/").split("/"), int(self.headers.get("Content-Length") or 0)
        if path[:2] != ["v2", "models"] or path[3:] != ["infer"] or path[2] not in self.models or length > MOST_BYTES:
            self.close_connection = True
            self.answer(404, {"error": f"{self.path}: accepted are /v2/models/NAME/infer, {MOST_BYTES} bytes"})
            return
        try:
            code, content = 200, infer(self.models[path[2]], path[2], json.loads(self.rfile.read(length)))
        except Exception as error:  # noqa: BLE001  whatever was asked, the next one is answered
            code, content = 400, {"error": f"{type(error).__name__}: {error}"[:2000]}
        self.answer(code, content)

    def answer(self, code: int, content: dict[str, Any]) -> None:
        body = json.dumps(content, allow_nan=False).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    for name, _, path in (each.partition("=") for each in given.models):
        Handler.models[name] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    server = ThreadingHTTPServer((given.host, given.port), Handler)
    print(f"http://{given.host}:{server.server_port}/v2", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
