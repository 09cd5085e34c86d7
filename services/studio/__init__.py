"""The browser's side of the system: make, annotate and publish datasets, order training, watch runs.

Speaks events, gRPC and the object store, as every client does; decodes nothing itself and knows no torch.
"""

__all__: list[str] = []
