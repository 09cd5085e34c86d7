"""What architectures bring to the training loop. Knows samples, losses and metrics; knows no run or event."""

from services.trainer.worker.tasks.protocol import Judgement, Key, Samples, Task

__all__ = ["Judgement", "Key", "Samples", "Task"]
