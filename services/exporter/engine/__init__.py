"""The proof that a file needs nothing of ours: an engine's process, with onnxruntime and no torch, answers pictures."""

__all__: list[str] = []
