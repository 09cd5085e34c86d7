"""A program that is interrupted, and once more while it waits for a child that would never end."""

import signal
import subprocess

from typer import echo

from deploy.local.interrupts import interruptible

TIMEOUT_S = 30


def main() -> None:
    child = subprocess.Popen(["sleep", "600"])
    try:
        with interruptible(lambda: echo("stopping")):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGINT)
                echo(f"the child ended with {child.wait(TIMEOUT_S)}")
    except KeyboardInterrupt:
        echo("interrupted")


if __name__ == "__main__":
    main()
