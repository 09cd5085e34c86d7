"""A training process of several whose second process is killed when it begins to write its second checkpoint's shard,
once the first process has written its own."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

from services.trainer.worker.main import main

WAIT_S = 60.0


class KilledWriter(HuggingFaceStorageWriter):
    """In the place of torch's own."""

    written = 0

    def write_data(self, *arguments: Any) -> Any:
        KilledWriter.written += 1
        if KilledWriter.written == 2 and os.environ["RANK"] == "1":
            deadline = time.monotonic() + WAIT_S
            # The file appears when it is opened: what matters is that it is there and named by nothing.
            while not any(Path(self.path).glob("*.safetensors")) and time.monotonic() < deadline:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write_data(*arguments)


if __name__ == "__main__":
    from services.trainer.worker import shards

    setattr(shards, "HuggingFaceStorageWriter", KilledWriter)  # noqa: B010  a name that the module does not export
    sys.exit(main())
