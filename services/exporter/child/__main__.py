"""`python -m services.exporter.child FOLDER` does the folder's task and leaves its result there.

It ends when its standard input does: nobody waits for it any more.
"""

import argparse
from pathlib import Path

from truscore.process.die_with_parent import end_with_stdin

from services.exporter.task import read_task, write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    end_with_stdin()
    # Torch takes seconds to import: only once there is someone to end with.
    from services.exporter.child.convert import convert

    write_result(folder, convert(read_task(folder)))


if __name__ == "__main__":
    main()
