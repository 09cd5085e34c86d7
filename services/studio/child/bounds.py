"""What every child holds itself to, once its libraries are loaded."""

import resource


def hold_to(memory_bytes: int) -> None:
    """Bound the address space, and leave no core behind: it would hold what somebody uploaded."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
