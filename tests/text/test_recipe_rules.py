from __future__ import annotations

import pytest

from webscale_dagster.recipe import RecipeError, parse_recipe


def test_rules_are_switched_off_by_their_names() -> None:
    recipe = parse_recipe('[filtered_docs]\nrules_off = ["menu_lines"]', "r.toml")
    assert recipe.filtered_docs.rules_off == ("menu_lines",)


@pytest.mark.parametrize("line", ['rules_off = ["menus"]', "thresholds = {menus = 0.5}"])
def test_a_rule_that_does_not_exist_is_refused_with_the_recipe(line: str) -> None:
    with pytest.raises(RecipeError, match=r"r.toml: filtered_docs: .*no quality rule.* menus"):
        parse_recipe(f"[filtered_docs]\n{line}", "r.toml")
