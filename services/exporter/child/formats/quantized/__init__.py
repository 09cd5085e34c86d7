"""ONNX in INT8 with explicit quantisation (QDQ), calibrated on training images."""

__all__: list[str] = []
