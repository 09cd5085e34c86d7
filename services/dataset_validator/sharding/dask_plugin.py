"""How a worker of Dask comes by what it measures with. Needs the extra `dask`."""

from distributed import WorkerPlugin

from services.dataset_validator.sharding.dask_task import MEASURING, WorkerMeasuring


class MeasuringPlugin(WorkerPlugin):  # type: ignore[misc]  # its types are not read
    """Lies on the worker under a name that tasks look for; it is made there and never sent."""

    name = MEASURING

    def __init__(self, measuring: WorkerMeasuring) -> None:
        self.measuring = measuring
