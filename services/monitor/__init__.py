"""What is going on: runs, curves, hosts and alerts, from events on the broker. Knows no store and no training."""

__all__: list[str] = []
