"""A training process, in the folder that is its argument, that prints which modules it was done without."""

import json
import sys

import services.trainer.worker.main as worker

COSTLY = ("torch._dynamo", "torch._inductor", "sympy", "torch.distributed.fsdp", "torch.distributed.checkpoint", "jwt")

if __name__ == "__main__":
    at_start = [name for name in COSTLY if name in sys.modules]
    status = worker.main(sys.argv[1:])
    at_end = [name for name in COSTLY if name in sys.modules]
    sys.stdout.write(json.dumps({"status": status, "at_start": at_start, "at_end": at_end}))
