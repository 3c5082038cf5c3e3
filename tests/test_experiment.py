"""Experiments: their names, arms, and what a recipe may say of them."""

from __future__ import annotations

import pytest

from webscale_dagster.experiment import ARMS, experiment, is_trained
from webscale_dagster.recipe import Recipe, RecipeError, parse_recipe


def test_names_are_arm_and_seed() -> None:
    found = experiment("sft_grpo-s12")
    assert found.arm is ARMS["sft_grpo"] and found.seed == 12 and found.name == "sft_grpo-s12"
    for wrong in ("sft_grpo", "nothing-s1", "sft-s", "sft-sx", "", "sft-s-1"):
        with pytest.raises(ValueError, match="wanted <arm>-s<seed>"):
            experiment(wrong)


def test_a_trained_model_is_named_by_checkpoint_or_experiment() -> None:
    assert is_trained("sft_grpo-s1") and is_trained("grpo-0123456789abcdef")
    assert not is_trained("teacher") and not is_trained("") and not is_trained("grpo-1")


def test_a_recipe_lists_arm_by_arm() -> None:
    recipe = Recipe.model_validate({"training": {"arms": ["base", "sft"], "seeds": [3, 5]}})
    assert recipe.training.experiments() == ["base-s3", "base-s5", "sft-s3", "sft-s5"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[training]\narms = ["rl"]', "training.arms"),
        ("[grpo_checkpoint]\nbatch = 3\nsamples = 5\nmicro_batch = 4", "multiple of micro_batch"),
        ('[grpo_checkpoint]\nvllm = "server"', "vllm_url"),
        (
            "[[grpo_checkpoint.length_phases]]\nfrom_step = 5\nmax_completion_tokens = 9",
            "start at step 0",
        ),
        ('[refined_docs]\nmodel = "nobody"', "no [models.nobody]"),
        ('[grpo_checkpoint]\njudge = "nobody"', "no [models.nobody]"),
        ('[sft_answers]\npolicy = "nobody"', "no [models.nobody]"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused(text: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said.replace("[", r"\[").replace(".", r"\.")):
        parse_recipe(text, "r.toml")


def test_training_settings_change_no_data_set() -> None:
    one = Recipe.model_validate({"training": {"budget_tokens": 5}})
    other = Recipe.model_validate({"grpo_checkpoint": {"beta": 0.1}})
    assert one.of_dataset() == other.of_dataset() == Recipe().of_dataset()
    assert one.of_dataset() != Recipe(seed=1).of_dataset()
