"""ONNX in float32, for onnxruntime: one graph from the picture to the answers."""

__all__: list[str] = []
