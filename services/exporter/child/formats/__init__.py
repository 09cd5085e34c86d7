"""The formats of model files, a room each. Knows torch and each format's own runtime; knows nothing of proofs."""

__all__: list[str] = []
