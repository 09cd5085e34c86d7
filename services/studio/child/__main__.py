"""`python -m services.studio.child MEMORY_BYTES`: decodes what its standard input names, one line of JSON each.

It ends when its standard input does.
"""

import faulthandler
import sys

from services.studio.child.bounds import hold_to
from services.studio.child.decoding import decode
from services.studio.child.job import Decoded, decoded_to_line, job_from_line


def main(arguments: list[str]) -> int:
    faulthandler.enable()
    load_libraries()
    memory_bytes = int(arguments[0])
    hold_to(memory_bytes)
    for line in sys.stdin:
        try:
            decoded = decode(job_from_line(line))
        except MemoryError:
            decoded = Decoded(
                fault=f"decoding it takes more memory than {memory_bytes} bytes, which is all it may take"
            )
        sys.stdout.write(decoded_to_line(decoded))
        sys.stdout.flush()
    return 0


def load_libraries() -> None:
    # Before the bound: a library that cannot be mapped fails in a hundred ways, an array in one.
    import numpy as np
    from PIL import Image

    Image.fromarray(np.zeros((1, 1), dtype=np.uint8)).close()
    Image.init()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
