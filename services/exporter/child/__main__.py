"""`python -m services.exporter.child FOLDER` does the folder's task and leaves its result there.

It ends when its standard input does: nobody waits for it any more.
"""

import argparse
import os
import threading
from pathlib import Path

from services.exporter.task import read_task, write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Torch takes seconds to import: only once there is someone to end with.
    from services.exporter.child.convert import do

    write_result(folder, do(read_task(folder)))


def _end_with_parent() -> None:
    os.read(0, 1)  # not through sys.stdin: a thread that holds its lock stops the interpreter from ending
    os._exit(1)


if __name__ == "__main__":
    main()
