"""An experiment's jobs: equal work has equal keys, other work has others."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import run
from webscale_dagster.experiment import experiment
from webscale_dagster.home import home_recipe, lake_root, use_recipe
from webscale_dagster.lake import Lake
from webscale_dagster.recipe import Recipe
from webscale_dagster.training import data, sft_answers
from webscale_dagster.training.generated_source import write_generated_source
from webscale_dagster.training.job import Job
from webscale_dagster.training.plan import Plan
from webscale_dagster.training.program import TrainingError

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A small release of the generated source."""
    folder = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBSCALE_HOME", str(folder / "home"))
        patch.setenv("DAGSTER_HOME", str(folder / "home" / "dagster"))
        use_recipe("experiment")
        write_generated_source(folder / "generated.jsonl", 60, 1)
        assert run("ingest", str(folder / "generated.jsonl"), "--name", "g").exit_code == 0
        assert run("run").exit_code == 0
        return Lake(lake_root())


@pytest.fixture
def recipe() -> Recipe:
    from webscale_dagster.recipe import load_recipe

    return load_recipe("experiment")


def _plan(lake: Lake, recipe: Recipe, name: str, root: Path) -> Plan:
    plan = Plan(lake, recipe, experiment(name), root)
    rows = data.examples(plan.release, "sft")
    kept, told = sft_answers.choose(rows, None, recipe.sft_answers)
    sft_answers.write(lake, plan.answers_key(), kept, told | {"generated_tokens": 0})
    return plan


def _keys(plan: Plan) -> dict[str, str]:
    return {job.phase: job.key for job in plan.jobs()}


def test_arms_share_what_they_have_in_common(lake: Lake, recipe: Recipe, tmp_path: Path) -> None:
    arms = {n: _keys(_plan(lake, recipe, f"{n}-s1", tmp_path)) for n in recipe.training.arms
            if n not in ("qurating", "prox", "gdr")}  # fmt: skip
    assert {arm: set(keys) for arm, keys in arms.items()} == {
        "base": {"base"},
        "sft": {"base", "sft"},
        "sft_train": {"base", "sft"},
        "cpt_sft": {"base", "cpt", "sft"},
        "sft_grpo": {"base", "sft", "grpo"},
    }
    assert len({keys["base"] for keys in arms.values()}) == 1
    assert arms["sft"]["sft"] == arms["sft_grpo"]["sft"]
    assert len({arms[n]["sft"] for n in ("sft", "sft_train", "cpt_sft")}) == 3
    other = _keys(_plan(lake, recipe, "sft_grpo-s2", tmp_path))
    assert other["base"] == arms["base"]["base"]
    assert other["sft"] != arms["sft_grpo"]["sft"] and other["grpo"] != arms["sft_grpo"]["grpo"]


def test_settings_decide_what_follows_them(lake: Lake, recipe: Recipe, tmp_path: Path) -> None:
    before = _keys(_plan(lake, recipe, "sft_grpo-s1", tmp_path))
    grpo = recipe.grpo_checkpoint
    changed = {"grpo_checkpoint": grpo.model_copy(update={"beta": 0.1})}
    after = _keys(_plan(lake, recipe.model_copy(update=changed), "sft_grpo-s1", tmp_path))
    assert after["sft"] == before["sft"] and after["grpo"] != before["grpo"]
    faster = {"grpo_checkpoint": grpo.model_copy(update={"micro_batch": 8, "save_steps": 3})}
    same = _plan(lake, recipe.model_copy(update=faster), "sft_grpo-s1", tmp_path)
    assert _keys(same) == before
    job = same.job("grpo")
    assert job is not None and job.settings["micro_batch"] == 8


def test_continual_pretraining_reads_nothing_that_the_test_asks_about(
    lake: Lake, recipe: Recipe, tmp_path: Path
) -> None:
    plan = _plan(lake, recipe, "cpt_sft-s1", tmp_path)
    job = plan.job("cpt")
    assert job is not None
    read = set(pl.read_parquet(job.files["texts"])["doc_id"])
    held_out = set(data.examples(plan.release, "test")["doc_id"])
    assert read and held_out and not read & held_out


def test_verl_is_another_program_on_the_same_data(
    lake: Lake, recipe: Recipe, tmp_path: Path
) -> None:
    engine = recipe.grpo_checkpoint.model_copy(update={"engine": "verl"})
    plan = _plan(
        lake, recipe.model_copy(update={"grpo_checkpoint": engine}), "sft_grpo-s1", tmp_path
    )
    job = plan.job("grpo")
    assert job is not None and job.phase == "verl" and "train" in job.files
    assert plan.final().model == str(job.folder / "model")


def test_nothing_to_train_on_is_said(recipe: Recipe, tmp_path: Path) -> None:
    plan = Plan(Lake(str(tmp_path / "lake")), recipe, experiment("sft-s1"), tmp_path)
    with pytest.raises(TrainingError, match="nothing to train on"):
        plan.jobs()


def test_an_empty_split_is_named(lake: Lake, recipe: Recipe, tmp_path: Path) -> None:
    plan = _plan(lake, recipe, "sft-s1", tmp_path)
    with pytest.raises(TrainingError, match="no example in the split"):
        data.examples(plan.release, "nothing")


def test_a_checkpoint_or_an_experiment_may_answer(
    lake: Lake, recipe: Recipe, tmp_path: Path
) -> None:
    first = _plan(lake, recipe, "sft_grpo-s1", tmp_path)
    trained = first.job("grpo")
    assert isinstance(trained, Job)
    for policy in ("sft_grpo-s1", f"grpo-{trained.key}"):
        answers = recipe.sft_answers.model_copy(update={"policy": policy})
        second = Plan(
            lake, recipe.model_copy(update={"sft_answers": answers}), experiment("sft-s1"), tmp_path
        )
        start = second.policy()
        assert start is not None and start.key == f"grpo-{trained.key}"
        assert second.answers_key() != first.answers_key()


def test_a_model_folder_is_known_by_its_content(lake: Lake, recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    training = recipe.training.model_copy(update={"model": str(folder)})
    named = recipe.model_copy(update={"training": training})
    before = _plan(lake, named, "sft-s1", tmp_path)
    assert before.job("base") is None and before.before("sft").model == str(folder)
    key = before.before("sft").key
    (folder / "config.json").write_text(json.dumps({"a": 2}), encoding="utf-8")
    assert _plan(lake, named, "sft-s1", tmp_path).before("sft").key != key


def test_the_home_s_recipe_is_read() -> None:
    assert home_recipe().training.channel == "candidate"
