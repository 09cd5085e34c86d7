"""Has the C library give large blocks back. Knows glibc; knows nothing of what is in them."""

import ctypes
import sys

# <malloc.h> of glibc; https://man7.org/linux/man-pages/man3/mallopt.3.html
M_MMAP_THRESHOLD = -3
LARGE_BYTES = 1 << 20


def return_large_blocks() -> bool:
    """From here on a block of at least LARGE_BYTES is mapped by itself and gone once it is freed; whether the C library
    took that. For services, whose threads hold large blocks now and then: not for what computes with them all the time.

    Otherwise glibc raises that bound to the size of whatever mapped block was freed last, up to 32 MiB, and keeps the
    next ones in an arena for each thread: a service that uploads checkpoints from six threads keeps 24 MB in each.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none, and maps large blocks anyway
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE_BYTES))
