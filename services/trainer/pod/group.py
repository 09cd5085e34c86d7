"""The pods of one attempt, as one of them sees them. Pure but for waiting until the first of them answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from services.trainer.runs.launcher import Rendezvous

PORT = 29400  # torchrun's own
JOIN_S = 3600  # that the others may need to lay out their folders
POLL_S = 1.0
# Of torchrun. It says where the processes' store is in the first round alone, as that store is its own and stays; who
# joins later, in place of a pod that was lost, would wait for that in vain. So each round has a store of its own.
ENVIRONMENT = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PodGroup:
    """``nodes`` as torchrun has it, "2" or "least:most". ``address`` is a pod's, with ``{index}`` in place of its
    number; ``index`` is this pod's. The first pod has the rendezvous, and its first process leads."""

    nodes: str
    address: str
    index: int
    port: int = PORT

    @property
    def leads(self) -> bool:
        return self.index == 0

    @property
    def first(self) -> str:
        """The address of the pod that has the rendezvous."""
        return self.address.format(index=0)

    def rendezvous(self, run: str) -> Rendezvous:
        """``run``: unlike that of any other attempt."""
        # Ranks follow the order of the addresses: the first pod's is before all others.
        return Rendezvous(
            endpoint=f"{self.first}:{self.port}", nodes=self.nodes, run=run, is_host=self.leads,
            own_address=self.address.format(index=self.index), join_s=JOIN_S,
        )  # fmt: skip

    async def wait_for_first(self) -> None:
        """Return once the first pod's rendezvous answers: torchrun would not wait for a pod that still fetches its
        dataset. TimeoutError where it does not come."""
        async with asyncio.timeout(JOIN_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection(self.first, self.port)
                except OSError:
                    await asyncio.sleep(POLL_S)
                else:
                    writer.close()
                    return
