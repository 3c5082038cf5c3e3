"""Experiments through the Dagster assets: generated documents to a comparison, and one turn more.

Real programs, a real model of some thousand parameters; seconds of training each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.services.homes import BIN, environment, instance
from webscale_dagster.evaluation.promotion import current
from webscale_dagster.lake import Lake
from webscale_dagster.training.job import read_job

pytest.importorskip("trl")
pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
RECIPE = """
name = "experiment"
seed = 17

[rl_splits]
sft = 0.15
validation = 0.05
test = 0.2
answer_instruction = ""

[dataset_release]
channel = "candidate"
min_examples = 20

[training]
arms = ["base", "sft", "gdr", "sft_grpo"]
seeds = [1]
budget_tokens = 9000
milestones = [0.5]
precision = "fp32"

[training.tiny]
vocabulary = 600
hidden = 32
layers = 1
heads = 2
context = 64
steps = 12
batch = 8
learning_rate = 5e-3

[cpt_checkpoint]
batch = 16
micro_batch = 16
max_length = 64
learning_rate = 1e-3

[sft_checkpoint]
batch = 8
micro_batch = 8
max_length = 64
epochs = 2
learning_rate = 3e-3

[grpo_checkpoint]
batch = 8
samples = 4
micro_batch = 32
max_prompt_tokens = 56
max_completion_tokens = 8
learning_rate = 5e-4
mask_truncated = false

[evaluation]
samples = 2
ks = [1, 2]
max_tokens = 8
max_examples = 20

[[evaluation.benchmarks]]
task = "gsm8k"
uri = "{gsm8k}"
"""
ITEMS = [
    {
        "id": str(n),
        "question": f"A hen lays {n} eggs a day. How many in two days?",
        "answer": str(2 * n),
    }
    for n in range(3, 9)
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home after `webscale train-demo` with four arms and one seed."""
    folder = tmp_path_factory.mktemp("experiment") / "home"
    folder.mkdir()
    benchmark = folder / "gsm8k.jsonl"
    benchmark.write_text("".join(json.dumps(item) + "\n" for item in ITEMS), encoding="utf-8")
    recipe = RECIPE.replace("{gsm8k}", str(benchmark))
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    done = _webscale(folder, "train-demo", "--documents", "120")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said.txt").write_text(done.stdout, encoding="utf-8")
    yield folder


def _webscale(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "webscale"), *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def _lake(home: Path) -> Lake:
    return Lake(str(home / "lake"))


def test_every_arm_has_scores_and_what_it_cost(home: Path) -> None:
    lake = _lake(home)
    scores = lake.read("evaluation").collect()
    assert set(scores["experiment"]) == {"base-s1", "sft-s1", "gdr-s1", "sft_grpo-s1"}
    totals = scores.filter((pl.col("group") == "all") & (pl.col("set") == "test"))
    assert {"pass@1", "pass@2", "majority"} <= set(totals["metric"])
    assert set(scores["set"]) == {"test", "gsm8k"}
    costs = lake.read("checkpoints").collect().sort("experiment", "place")
    by_phase = {(r["arm"], r["phase"]): r for r in costs.to_dicts()}
    assert set(by_phase) == {
        *((arm, "base") for arm in ("base", "sft", "gdr", "sft_grpo")),
        *((arm, "sft") for arm in ("sft", "gdr", "sft_grpo")),
        *(("gdr", "cpt"), ("sft_grpo", "grpo")),
    }
    grpo = by_phase["sft_grpo", "grpo"]
    assert 9000 <= grpo["training_tokens"] < 9000 + 32 * 64
    assert 0 < grpo["generated_tokens"] < grpo["training_tokens"]
    assert abs(by_phase["gdr", "cpt"]["training_tokens"] - 9000) <= 16 * 64 / 2
    # Equal work is done once: one base model, one warm-up for two arms.
    assert len({r["checkpoint"] for r in costs.to_dicts() if r["phase"] == "base"}) == 1
    assert by_phase["sft", "sft"]["checkpoint"] == by_phase["sft_grpo", "sft"]["checkpoint"]
    samples = lake.beside("evaluation_samples", ["sft_grpo-s1"]).collect()
    assert set(samples["share"]) == {0.5, 1.0}


def test_the_comparison_says_that_one_seed_says_nothing(home: Path) -> None:
    report = (home / "lake" / "reports" / "token_efficiency.md").read_text(encoding="utf-8")
    assert "No claim about sft_grpo against sft from 1 seed(s)" in report
    assert "Nothing can be said of sft_grpo against cpt_sft" in report
    assert "| sft_grpo | " in report and "| gdr | " in report


def test_the_ui_has_numbers_while_and_after_it_ran(home: Path) -> None:
    with instance(home) as opened:
        found = opened.fetch_observations(dg.AssetKey("base_checkpoint"), limit=10).records
        made = opened.get_latest_materialization_event(dg.AssetKey("grpo_checkpoint"))
        refined = opened.get_latest_materialization_event(dg.AssetKey("refined_docs"))
        page = opened.get_latest_materialization_event(dg.AssetKey("token_efficiency"))
    assert made is not None and made.asset_materialization is not None
    metadata = made.asset_materialization.metadata
    assert str(metadata["curves"].value).startswith("![curves of grpo-")
    assert metadata["training_tokens"].value >= 9000  # type: ignore[operator]
    assert refined is not None and page is not None
    numbers = {name for record in found for name in record.asset_observation.metadata}  # type: ignore[union-attr]
    assert not found or {"loss", "training_tokens"} <= numbers


def test_again_nothing_is_trained(home: Path) -> None:
    before = {path: path.stat().st_mtime for path in home.glob("checkpoints/*/result.json")}
    done = _webscale(home, "train", "sft-s1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert before == {path: path.stat().st_mtime for path in home.glob("checkpoints/*/result.json")}


def test_a_checkpoint_is_promoted_only_through_its_gates(home: Path) -> None:
    code = (
        "from webscale_dagster.cli.runs import instance_at_home; import dagster as dg, sys;"
        "from webscale_dagster.definitions import defs;"
        "r = defs().resolve_job_def('promote').execute_in_process(instance=instance_at_home(),"
        "partition_key='sft_grpo-s1', raise_on_error=False);"
        "print(*(e.passed for e in r.get_asset_check_evaluations()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(home), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lake = _lake(home)
    pointer = current(lake, "candidate")
    assert (pointer is not None) == ("True" in done.stdout)
    if pointer is not None:
        assert pointer["experiment"] == "sft_grpo-s1"
        assert Path(pointer["model"], "model.safetensors").is_file()


def test_one_turn_more_starts_from_what_was_trained(home: Path) -> None:
    """SFT → GRPO → rejection sampling → SFT."""
    path = home / "recipe.toml"
    recipe = path.read_text(encoding="utf-8")
    table = '\n[sft_answers]\npolicy = "sft_grpo-s1"\nsamples = 3\nmax_tokens = 8\n'
    path.write_text(recipe + table, encoding="utf-8")
    try:
        done = _webscale(home, "train", "sft-s1")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        path.write_text(recipe, encoding="utf-8")
    jobs = [read_job(found) for found in home.glob("checkpoints/sft-*/job.json")]
    assert len(jobs) == 2 and len({job.key for job in jobs}) == 2
    told = [json.loads(p.read_text("utf-8")) for p in (home / "lake/sft_answers").glob("*.json")]
    asked = [one for one in told if one["generated_tokens"]]
    assert len(told) == 2 and len(asked) == 1
    verdicts = sum(asked[0].get(name, 0) for name in ("correct", "wrong", "unparseable"))
    questions = asked[0].get("questions_policy", 0) + asked[0].get("questions_direct", 0)
    assert verdicts == 3 * questions > 0


def test_an_unknown_experiment_is_named(home: Path) -> None:
    done = _webscale(home, "train", "reinforce-s1")
    assert done.returncode == 1 and "is no experiment" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.path.isdir(home / "checkpoints")
