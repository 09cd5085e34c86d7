"""Every option that can be trained has a Phoenix template that resolves and says why."""

import pytest
from truscore.catalog.table import row_of
from truscore.recipes import InvalidConfig, config_of, resolve
from truscore.recipes.accepted_values import RULES
from truscore.recipes.combinations import without_effect
from truscore.recipes.phoenix import PHOENIX, template_named, templates
from truscore.recipes.resolve import ROW_KEYS

from tests.unit.recipes.rows import AVAILABLE, at

HEAD = "architecture_config.custom_modifications.head_customization"
PYRAMID = "architecture_config.custom_modifications.feature_pyramid"
OPTIONS = list(dict.fromkeys((row.category, row.option) for row in AVAILABLE))


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_an_option_that_can_be_trained_has_a_template_that_resolves_to_itself(category: str, option: str) -> None:
    template = PHOENIX[category, option]()
    assert (template.category, template.option) == (category, option)
    for profile in ("small", "full"):
        recipe = resolve(category, option, template.architecture, template.config, profile=profile)
        assert config_of(recipe) == template.config


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_a_template_gives_a_reason_for_every_key_and_one_of_its_own_for_what_it_turns(
    category: str, option: str
) -> None:
    template = PHOENIX[category, option]()
    assert {choice.key for choice in template.choices} == {"architecture", *RULES, *ROW_KEYS}
    assert all(choice.reason for choice in template.choices)
    full = config_of(resolve(category, option, template.architecture, profile="full"))
    turned = [choice for choice in template.choices[1:] if at(full, choice.key) != choice.value]
    assert turned
    assert not any(choice.reason.startswith("as the row's recipe") for choice in turned)


@pytest.mark.parametrize(("category", "option"), OPTIONS)
def test_production_has_our_head_and_pyramid_wherever_they_have_something_to_change(category: str, option: str) -> None:
    template = PHOENIX[category, option]()
    row = row_of(category, option, template.architecture)
    base = template.config["architecture_config"]["base_architecture"]
    for key, ours in ((HEAD, "phoenix_specialized"), (PYRAMID, "enhanced")):
        assert at(template.config, key) == ("standard" if key in without_effect(row, base) else ours)


def test_templates_are_found_by_their_names_and_no_other() -> None:
    names = [template.name for template in templates()]
    assert len(set(names)) == len(names) == len(PHOENIX)
    for name in names:
        assert template_named(name).name == name
    with pytest.raises(InvalidConfig, match="phoenix_border_detection_dual_class"):
        template_named("phoenix")
