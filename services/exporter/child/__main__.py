"""`python -m services.exporter.child FOLDER` does the folder's task and leaves its result there.

With `--wait` it imports what that takes, and the folder is the first line of its standard input. It ends when its
standard input does: nobody waits for it any more.
"""

import argparse
import gc
import os
import sys
from pathlib import Path

from truscore.files import is_full_disk
from truscore.process.die_with_parent import end_with_stdin
from truscore.process.exit import exit_without_finalizing

from services.exporter.task import DISK_FULL, read_task, write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    order = parser.add_mutually_exclusive_group(required=True)
    order.add_argument("folder", nargs="?", type=Path)
    order.add_argument("--wait", action="store_true", help="for a folder to be named on standard input")
    arguments = parser.parse_args()
    if not arguments.wait:
        end_with_stdin()
    # What is imported stays: the collector need not go over it again and again, now or while graphs are traced.
    gc.disable()
    # Torch takes seconds to import: only once there is someone to end with.
    from truscore.zoo.torch_imports import import_torchvision

    import_torchvision()
    from services.exporter.child.convert import convert

    gc.freeze()
    gc.enable()
    folder = arguments.folder or _named()
    try:
        write_result(folder, convert(read_task(folder)))
        # Nothing is left to be tidied up, and torch takes most of a second of a core to do so.
        exit_without_finalizing(0)
    except OSError as error:
        if not is_full_disk(error):
            raise
        sys.stderr.write(f"{error}\n")
        sys.exit(DISK_FULL)


def _named() -> Path:
    """The folder that standard input names. The process ends where that ends first."""
    line = sys.stdin.buffer.readline().strip()
    if not line:
        exit_without_finalizing(0)
    end_with_stdin()
    return Path(os.fsdecode(line))


if __name__ == "__main__":
    main()
