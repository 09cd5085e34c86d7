"""Which test files run on one worker one after another, because they share what is dear to start."""

from xdist.scheduler.loadfile import LoadFileScheduling

# Session fixtures are made once in each worker: files on one worker share one stack of services.
TOGETHER = {
    f"tests/e2e/test_{name}.py": "one stack"
    for name in ("documented_commands", "example_clients", "plain_client", "scanned_cards", "smoke")
}


class SharingFiles(LoadFileScheduling):
    """By file, as `--dist loadfile`, but for the files of `TOGETHER`."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return TOGETHER.get(file, file)
