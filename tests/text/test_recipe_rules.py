from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from tests.text.test_quality import ARTICLE
from webscale_dagster.recipe import RecipeError, parse_recipe
from webscale_dagster.stages import filtered_docs
from webscale_dagster.text.quality import thresholds_of

FORMULA = "The set $\\{x\\}$ has one member."


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


@pytest.mark.parametrize(
    ("profile", "reasons"),
    [
        ("adapted", {"de": "language", "few": "too_short"}),
        ("published", {"de": "language", "few": "too_short", "set": "c4_curly_brackets"}),
    ],
)
def test_the_stage_applies_the_profile_of_the_recipe(
    profile: str, reasons: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtered_docs, "_BATCH", 1)
    texts = {"de": "Hafen", "few": "Harbour", "set": ARTICLE + FORMULA, "fine": ARTICLE}
    documents = pl.DataFrame(
        {
            "doc_id": list(texts),
            "lang": ["de", "en", "en", "en"],
            "n_words": [100, 1, 100, 100],
            "text": list(texts.values()),
        }
    )
    recipe = parse_recipe(f'[filtered_docs]\nrules = "{profile}"', "r.toml")
    seen: list[tuple[int, int]] = []
    context = SimpleNamespace(recipe=recipe, progress=lambda *done: seen.append(done))
    measures: dict[str, str] = {}
    found = filtered_docs._by_rules(documents, context, measures)  # type: ignore[arg-type]
    assert {doc_id: reason for doc_id, (reason, _) in found.items()} == reasons
    assert set(measures) == set(texts) - set(reasons)
    assert set(thresholds_of(recipe.filtered_docs.rules)) <= set(json.loads(measures["fine"]))
    assert seen == [(0, 2), (1, 2)]
