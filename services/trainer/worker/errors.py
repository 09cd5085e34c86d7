"""What went wrong in the training process, as a code that people and machines can act on."""

from dataclasses import dataclass

import torch
from truscore.datasets import InvalidIndex, InvalidSplit, UnreadableImage
from truscore.files import is_full_disk
from truscore.recipes import InvalidConfig
from truscore.zoo.checkpoint import UnusableCheckpoint
from truscore.zoo.pretrained import UnusableWeights

_UNREADABLE = (UnreadableImage, InvalidIndex, InvalidSplit, UnusableCheckpoint, FileNotFoundError)
MESSAGE_LIMIT = 2000
# What cudaGetErrorString says of errors that are not the device's: memory that the allocator of torch did not ask for
# (cudaErrorMemoryAllocation), and a kernel's own check, mostly of an index out of range (cudaErrorAssert).
_NO_MEMORY, _KERNEL_ASSERTED = "out of memory", "device-side assert"


class Diverged(ArithmeticError):
    """The loss is no longer a number; the message names the step and the part."""


class TimeBudgetSpent(Exception):
    """The run's time was over before its first epoch was."""


class InvalidJob(ValueError):
    """The run's folder lacks something or holds something else than it should; the message names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """``retryable``: the same order may succeed later without a change."""

    code: str
    message: str
    retryable: bool


def failure_of(error: BaseException) -> Failure:
    """The code of an error."""
    code, retryable = _code_of(error)
    message = str(error) if code != "internal" else f"{type(error).__name__}: {error}"
    return Failure(code=code, message=message[:MESSAGE_LIMIT] or type(error).__name__, retryable=retryable)


def _code_of(error: BaseException) -> tuple[str, bool]:
    if _lacks_memory(error):
        return "out_of_memory", False
    if isinstance(error, Diverged | TimeBudgetSpent):
        return ("diverged" if isinstance(error, Diverged) else "time_budget_exceeded"), False
    if is_full_disk(error):
        return "disk_full", True
    if isinstance(error, InvalidConfig | UnusableWeights):
        return "invalid_config", False
    if isinstance(error, (*_UNREADABLE, InvalidJob)):
        return "data_unreadable", False
    return ("device_error" if _is_device_error(error) else "internal"), True


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, torch.AcceleratorError):
        return _NO_MEMORY in str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _is_device_error(error: BaseException) -> bool:
    """Uncorrectable ECC, a lost bus or link, a launch that failed: another process, or another device, may do it."""
    return isinstance(error, torch.AcceleratorError) and _KERNEL_ASSERTED not in str(error)
