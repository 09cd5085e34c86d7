"""What architectures bring to the training loop. Knows samples, losses and metrics; knows no run or event."""

from services.trainer.worker.tasks.protocol import BatchEvaluation, Key, Samples, Task

__all__ = ["BatchEvaluation", "Key", "Samples", "Task"]
