"""Engines of TensorRT for RTX, built ahead of time and run where there is a GPU."""

__all__: list[str] = []
