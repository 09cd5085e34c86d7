"""Pixels out of a pack train to the same bits as decoded ones, in a run that decodes nothing any more."""

import json
from pathlib import Path

import pytest
from truscore.synthesis import render_dataset

from tests.learning.run_folder import TINY, RunFolder, lay_out, merged

OVERRIDES = merged(TINY, {"hyperparameters": {"training_process": {"epochs": 1}}})


def trained(folder: Path, cards: Path, packs: Path | None) -> RunFolder:
    run = lay_out(folder, cards, overrides=OVERRIDES)
    order = json.loads((folder / "order.json").read_text())
    place = {"folder": str(packs), "limit_bytes": 1 << 30, "min_free_bytes": 0}
    (folder / "order.json").write_text(json.dumps(order | ({"packs": place} if packs else {})))
    assert run.finish() == 0
    return run


@pytest.mark.timeout(300)
def test_the_same_bits_are_trained_to_with_and_without_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = render_dataset(tmp_path / "cards", count=8, seed=5, image_size=(96, 128))
    plain = trained(tmp_path / "plain", cards, None)
    filling = trained(tmp_path / "filling", cards, tmp_path / "packs")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an image was decoded again")

    monkeypatch.setattr("services.trainer.worker.pixels.load_image", refuse)
    filled = trained(tmp_path / "filled", cards, tmp_path / "packs")
    assert plain.weights_sha256 == filling.weights_sha256 == filled.weights_sha256
    assert plain.completed.metrics == filled.completed.metrics
