"""Default recipes on published bodies: where the package is, and only for orders that leave the network open."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from truscore.catalog import ROWS, Row
from truscore.catalog.networks import PackagedFile
from truscore.catalog.packaged_weights import packaged
from truscore.recipes import Recipe, resolve
from truscore.recipes.resolve import published_recipe

PUBLISHED = [(row, recipe) for row in ROWS if row.available and (recipe := published_recipe(row))]
A_ROW = PUBLISHED[0][0]


def file_of(recipe: Recipe) -> PackagedFile:
    file = packaged(recipe.architecture_config.base_architecture, recipe.architecture_config.pretrained_weights)
    assert file is not None
    return file


def of_row(row: Row, profile: str, **architecture: Any) -> Recipe:
    return resolve(row.category, row.option, row.architecture, {"architecture_config": architecture}, profile=profile)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distributions with the packaged files, as pip lays them out; what is in the files nobody reads here."""
    for file in {file_of(recipe) for _, recipe in PUBLISHED}:
        info = tmp_path / f"{file.distribution.replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {file.distribution}\nVersion: 0.1.0\n")
        (tmp_path / file.path).parent.mkdir(parents=True)
        (tmp_path / file.path).touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No distribution is installed at all."""
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("row", "recipe"), PUBLISHED, ids=lambda value: getattr(value, "option", ""))
def test_an_order_that_leaves_the_network_open_gets_the_published_body_at_a_fifth_of_the_rate(
    row: Row, recipe: Recipe
) -> None:
    assert of_row(row, "published") == recipe
    assert recipe.architecture_config.pretrained_weights == "imagenet"
    assert recipe.hyperparameters.optimization.backbone_lr_multiplier == 0.2
    assert resolve(row.category, row.option, row.architecture, {"seed": 3}, profile="published").seed == 3


@pytest.mark.usefixtures("installed")
def test_an_order_that_names_a_network_or_weights_gets_the_small_recipe_with_them() -> None:
    small = of_row(A_ROW, "small")
    other = A_ROW.bases[0]
    assert of_row(A_ROW, "published", base_architecture=other) == of_row(A_ROW, "small", base_architecture=other)
    assert of_row(A_ROW, "published", pretrained_weights="none") == small
    base = PUBLISHED[0][1].architecture_config.base_architecture
    assert of_row(A_ROW, "published", base_architecture=base) == PUBLISHED[0][1]


@pytest.mark.usefixtures("bare")
def test_without_the_package_every_recipe_is_the_small_one() -> None:
    for row in ROWS:
        if row.available:
            assert of_row(row, "published") == of_row(row, "small")


@pytest.mark.usefixtures("installed")
def test_the_other_profiles_know_nothing_of_packages() -> None:
    for row, recipe in PUBLISHED:
        assert recipe not in (of_row(row, "small"), of_row(row, "full"))
