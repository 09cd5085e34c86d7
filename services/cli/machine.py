"""What this machine has to train with, and which published weights the store has."""

import os
from typing import TYPE_CHECKING

from services.cli.context import CommandContext

if TYPE_CHECKING:
    from truscore.recipes.suggestion import Hardware


def hardware_here() -> "Hardware":
    """Cores this process may use, and memory that is free now."""
    import psutil
    from truscore.recipes.suggestion import Gpu, Hardware
    from truscore.telemetry.gpus import Gpus

    return Hardware(
        cpu_cores=len(os.sched_getaffinity(0)),
        free_bytes=psutil.virtual_memory().available,
        gpus=tuple(
            Gpu(name=gpu.name, free_bytes=gpu.memory_total_bytes - gpu.memory_used_bytes) for gpu in Gpus().read()
        ),
    )


def weights_at_hand(ctx: CommandContext) -> frozenset[str] | None:
    """Keys under pretrained/ in the store; None where no store is known or it doesn't answer."""
    from truscore.storage import StoreError, parse_uri

    if not ctx.addresses.s3_endpoint:
        return None
    try:
        found = ctx.store().list(f"s3://{ctx.addresses.bucket}/pretrained/")
        return frozenset(parse_uri(entry.uri).key for entry in found)
    except StoreError as error:
        ctx.side.print(f"the store doesn't say which weights it has: {error}", highlight=False, soft_wrap=True)
        return None
