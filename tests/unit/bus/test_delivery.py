from datetime import UTC, datetime

from truscore.bus.consuming.delivery import MAX_HEADERS, carried


def test_a_copy_keeps_the_events_own_headers_and_drops_the_brokers() -> None:
    headers = {"cloudEvents_id": "1", "traceparent": "t", "x-death": [{}], "x-delivery-count": 3, "truscore-retries": 1}
    assert carried(headers) == {"cloudEvents_id": "1", "traceparent": "t", "truscore-retries": 1}


def test_foreign_headers_cannot_make_a_copy_larger_than_a_frame() -> None:
    swollen = {f"cloudEvents_{n}": "x" * 1000 for n in range(1000)} | {"cloudEvents_big": "y" * 100_000}
    kept = carried(swollen)
    assert len(kept) == MAX_HEADERS
    assert "cloudEvents_big" not in kept


def test_values_that_amqp_carries_plainly_are_kept() -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    assert carried({"cloudEvents_time": moment, "cloudEvents_n": 1, "cloudEvents_list": [1]}) == {
        "cloudEvents_time": moment,
        "cloudEvents_n": 1,
    }
