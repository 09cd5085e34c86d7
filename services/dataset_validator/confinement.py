"""What a process that decodes strangers' images does first: load its libraries, then bound itself."""

import resource


def load_image_libraries() -> None:
    """Before the bound: a library that cannot be mapped fails in a hundred ways, an array in one."""
    import numpy as np
    from PIL import Image

    Image.fromarray(np.zeros((1, 1), dtype=np.uint8)).close()
    Image.init()


def confine(memory_bytes: int) -> None:
    """Bound the address space of this process, for good, and have it leave no core dump."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
