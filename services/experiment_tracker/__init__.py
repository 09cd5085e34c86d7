"""What is on record of each run. Knows the events of runs and MLflow; knows no training and no store."""

__all__: list[str] = []
