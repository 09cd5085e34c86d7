"""Orders of searches as plain values, for tests."""

from collections.abc import Sequence

from google.protobuf import json_format
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.search_pb2 import SearchOrdered

from services.hyperparameter_search.handlers.orders import order_of
from services.hyperparameter_search.spec import SearchOrder

RATE = "hyperparameters.optimization.learning_rate"
BATCH = "hyperparameters.optimization.batch_size"
METRIC = "box_AP"


def rate(low: float = 1e-4, high: float = 1e-1) -> dict[str, object]:
    return {"key": RATE, "float_range": {"low": low, "high": high, "log": True}}


def batch(*choices: str) -> dict[str, object]:
    return {"key": BATCH, "choices": list(choices or ("2", "4"))}


def search_order(search_id: str = "first", *, parameters: Sequence[object] = (), **spec: object) -> SearchOrder:
    """As it comes off the wire."""
    ready = DatasetReady(
        dataset_id="cards", version="1", uri="s3://b/cards/", category="border_detection", option="dual_class"
    )
    ready.training.architecture = "mask_rcnn"
    ordered = SearchOrdered(search_id=search_id, order=ready)
    usual = {"parameters": list(parameters or [rate()]), "objectives": [{"metric": METRIC}]}
    json_format.ParseDict({**usual, **spec}, ordered.spec)
    return order_of(ordered, "event")
