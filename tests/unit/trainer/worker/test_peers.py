"""When a process of a group counts as gone."""

from services.trainer.worker.peers import SILENT_S, PeerWatch


class Store(dict[str, bytes]):
    """The group's store."""

    def set(self, key: str, value: str) -> None:
        self[key] = value.encode()

    def multi_get(self, keys: list[str]) -> list[bytes]:
        return [self[key] for key in keys]


def test_a_process_is_gone_once_its_beats_stand_still_for_long_enough() -> None:
    now, store = [0.0], Store()
    first, second, third = (
        PeerWatch(store, rank=rank, world_size=3, group="round-2", clock=lambda: now[0]) for rank in range(3)
    )
    for watch in (first, second, third):
        watch.beat()
    for now[0] in range(1, round(SILENT_S) + 1):
        assert first.silent() == second.silent() == []
    now[0] += 2
    # The third has not beaten since; the second has, just before the first looks.
    second.beat()
    assert first.silent() == ["round-2/2"]


def test_nothing_is_expected_of_a_process_that_has_left() -> None:
    now, store = [0.0], Store()
    first, second = (PeerWatch(store, rank=rank, world_size=2, group="g", clock=lambda: now[0]) for rank in range(2))
    second.beat()
    second.leave()
    assert first.silent() == []
    now[0] = 100 * SILENT_S
    assert first.silent() == []
