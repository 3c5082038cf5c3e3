from __future__ import annotations

import subprocess
import sys

import pytest

from webscale_dagster.recipe import RecipeError, parse_recipe


@pytest.mark.parametrize(
    ("profile", "rule"), [("adapted", "menu_lines"), ("published", "gopher_hashes")]
)
def test_rules_are_switched_off_by_their_names(profile: str, rule: str) -> None:
    text = f'[filtered_docs]\nrules = "{profile}"\nrules_off = ["{rule}"]\n'
    recipe = parse_recipe(f"{text}thresholds = {{gopher_bullets = 0.5}}", "r.toml")
    assert recipe.filtered_docs.rules == profile
    assert recipe.filtered_docs.rules_off == (rule,)


def test_the_adapted_rules_are_the_default() -> None:
    assert parse_recipe("", "r.toml").filtered_docs.rules == "adapted"


@pytest.mark.parametrize("line", ['rules_off = ["menus"]', "thresholds = {menus = 0.5}"])
def test_a_rule_that_does_not_exist_is_refused_with_the_recipe(line: str) -> None:
    with pytest.raises(RecipeError, match=r"r.toml: filtered_docs: .*no quality rule.* menus"):
        parse_recipe(f"[filtered_docs]\n{line}", "r.toml")


@pytest.mark.parametrize(
    ("profile", "rule"), [("adapted", "gopher_hashes"), ("published", "menu_lines")]
)
def test_a_rule_of_the_other_profile_is_refused(profile: str, rule: str) -> None:
    with pytest.raises(RecipeError, match=f"no quality rule is named {rule}; {profile} ones are"):
        parse_recipe(f'[filtered_docs]\nrules = "{profile}"\nrules_off = ["{rule}"]', "r.toml")


def test_a_profile_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"filtered_docs.rules: .*'adapted' or 'published'"):
        parse_recipe('[filtered_docs]\nrules = "papers"', "r.toml")


def test_a_recipe_is_read_without_compiling_anything() -> None:
    program = (
        "import sys\nfrom webscale_dagster.recipe import parse_recipe\n"
        "for profile in ('adapted', 'published'):\n"
        "    parse_recipe(f'[filtered_docs]\\nrules = \"{profile}\"', 'r.toml')\n"
        "print('numba' in sys.modules, 'numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False False", run.stderr
