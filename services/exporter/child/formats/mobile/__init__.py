"""ExecuTorch programs for phones: lowered to XNNPACK, run by ExecuTorch's own runtime."""

__all__: list[str] = []
