"""What every child holds itself to, once its libraries are loaded."""

import resource
from pathlib import Path


def mapped_bytes() -> int:
    """Address space that this process has already: libraries of torch take gigabytes of it, and little memory."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def hold_to(memory_bytes: int) -> None:
    """Bound the address space, and leave no core behind: it would hold what somebody uploaded."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
