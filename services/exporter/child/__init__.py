"""The heavy half, a process of its own. Knows torch, ONNX and pictures on disk; knows nothing of stores or events."""

__all__: list[str] = []
