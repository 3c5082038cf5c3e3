"""The recipe's table as verl's options: every field arrives, or is refused, or is told of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.training.program import TrainingError
from webscale_dagster.training.verl_config import command_line, verl_options
from webscale_dagster.training.verl_files import metrics_files, write_files
from webscale_dagster.training.verl_settings import DIFFERENCES, How, Paths, reward_settings

HOW = How(n_gpus_per_node=8, nnodes=2, tensor_parallel=4)
PATHS = Paths(
    train="/job/verl/train.parquet",
    validation="/job/verl/validation.parquet",
    model="/models/qwen",
    checkpoints="/job/trainer",
    reward="/job/verl/webscale_reward.py",
    reward_settings="/job/verl/reward.json",
    agent_loops="/job/verl/agent_loops.yaml",
    work="/job/verl/hydra",
    metrics="/job/verl/metrics-1.jsonl",
    library="/job/verl/lib",
)
ACTOR, ROLLOUT = "actor_rollout_ref.actor.", "actor_rollout_ref.rollout."


def _options(**changed: Any) -> dict[str, Any]:
    return verl_options(GrpoCheckpoint(**changed), "bf16", 17, PATHS, HOW)


def test_the_defaults_are_the_recipe_s() -> None:
    options = _options()
    assert options["data.train_batch_size"] == options[f"{ACTOR}ppo_mini_batch_size"] == 256
    assert options[f"{ROLLOUT}n"] == 16
    assert options["data.max_prompt_length"] == 1536
    assert options["data.max_response_length"] == 2560
    assert options[f"{ACTOR}optim.lr"] == 5e-6
    assert (options[f"{ACTOR}clip_ratio_low"], options[f"{ACTOR}clip_ratio_high"]) == (0.2, 0.28)
    assert options[f"{ACTOR}loss_agg_mode"] == "token-mean"
    assert options["algorithm.adv_estimator"] == "grpo"
    assert options["algorithm.norm_adv_by_std_in_grpo"] is True
    assert options[f"{ACTOR}use_kl_loss"] is False
    assert options["trainer.n_gpus_per_node"] * options["trainer.nnodes"] == 16
    assert options[f"{ROLLOUT}tensor_model_parallel_size"] == 4
    assert options["data.seed"] == options[f"{ROLLOUT}seed"] == 17
    assert options[f"{ROLLOUT}agent.default_agent_loop"] == "webscale_single_turn"
    assert options["reward.reward_manager.name"] == "naive"
    assert options["trainer.resume_mode"] == "auto"
    assert options["trainer.default_local_dir"] == "/job/trainer"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"loss": "grpo"},
            {f"{ACTOR}loss_agg_mode": "seq-mean-token-mean", f"{ACTOR}loss_scale_factor": None},
        ),
        (
            {"loss": "dr_grpo", "scale_rewards": "none", "max_completion_tokens": 100},
            {
                f"{ACTOR}loss_agg_mode": "seq-mean-token-sum-norm",
                f"{ACTOR}loss_scale_factor": 100,
                "algorithm.norm_adv_by_std_in_grpo": False,
            },
        ),
        (  # TRL: min(ratio, epsilon_high); verl: clamp(ratio, 1 - low, 1 + high)
            {"loss": "cispo", "epsilon_high": 5.0},
            {
                f"{ACTOR}policy_loss.loss_mode": "cispo",
                f"{ACTOR}clip_ratio_low": 1.0,
                f"{ACTOR}clip_ratio_high": 4.0,
            },
        ),
        (
            {"beta": 0.01},
            {
                f"{ACTOR}use_kl_loss": True,
                f"{ACTOR}kl_loss_coef": 0.01,
                f"{ACTOR}kl_loss_type": "low_var_kl",
                "algorithm.use_kl_in_reward": False,
            },
        ),
        (
            {"overlong_tokens": 512, "overlong_weight": 0.5},
            {
                "reward.reward_manager.name": "dapo",
                "+reward.reward_kwargs.max_resp_len": 2560,
                "+reward.reward_kwargs.overlong_buffer_cfg.enable": True,
                "+reward.reward_kwargs.overlong_buffer_cfg.len": 512,
                "+reward.reward_kwargs.overlong_buffer_cfg.penalty_factor": 0.5,
            },
        ),
        (
            {"dynamic_sampling": True},
            {
                "algorithm.filter_groups.enable": True,
                "algorithm.filter_groups.metric": "reward",
            },
        ),
        ({"temperature": 0.7}, {f"{ROLLOUT}temperature": 0.7}),
        ({"curriculum": "easy_first"}, {"data.shuffle": False}),
        ({"schedule": "cosine"}, {f"{ACTOR}optim.lr_scheduler_type": "cosine"}),
        ({"schedule": "constant_with_warmup"}, {f"{ACTOR}optim.lr_scheduler_type": "constant"}),
        ({"warmup_steps": 7}, {f"{ACTOR}optim.lr_warmup_steps": 7}),
        ({"weight_decay": 0.1}, {f"{ACTOR}optim.weight_decay": 0.1}),
        (
            {"max_steps": 40, "save_steps": 20},
            {
                "trainer.total_training_steps": 40,
                "trainer.total_epochs": 40,
                "trainer.save_freq": 20,
                "trainer.test_freq": 20,
                "trainer.max_actor_ckpt_to_keep": 2,
            },
        ),
        (  # a device's share of 256 * 16 over 16 GPUs is 256 sequences
            {"micro_batch": 64},
            {
                f"{ACTOR}ppo_micro_batch_size_per_gpu": 64,
                f"{ROLLOUT}log_prob_micro_batch_size_per_gpu": 64,
            },
        ),
        (
            {"batch": 3, "samples": 16, "micro_batch": 2},
            {f"{ACTOR}ppo_micro_batch_size_per_gpu": 1},
        ),
        (
            {"length_phases": ({"from_step": 0, "max_completion_tokens": 99},)},
            {"data.max_response_length": 99},
        ),
    ],
    ids=lambda value: ",".join(value) if "." not in next(iter(value), "") else "",
)
def test_a_setting_s_options(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    options = _options(**changed)
    assert {key: options.get(key, "missing") for key in expected} == expected


def test_without_masking_verl_s_own_agent_loop_is_used() -> None:
    assert not any("agent" in key for key in _options(mask_truncated=False))


def test_without_validation_nothing_is_asked_of_it() -> None:
    paths = replace(PATHS, validation="")
    options = verl_options(GrpoCheckpoint(), "bf16", 1, paths, HOW)
    assert options["data.val_files"] == options["data.train_files"]
    assert (options["data.val_max_samples"], options["trainer.test_freq"]) == (1, -1)


def test_fp32_is_told_to_trainer_and_engine() -> None:
    options = verl_options(GrpoCheckpoint(), "fp32", 1, PATHS, HOW)
    assert options["+actor_rollout_ref.actor.fsdp_config.mixed_precision.param_dtype"] == "fp32"
    assert options[f"{ROLLOUT}dtype"] == "float32"
    assert _options()[f"{ROLLOUT}dtype"] == "bfloat16"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"loss": "bnpo"}, "loss = 'bnpo': .* that is dapo"),
        ({"scale_rewards": "batch"}, "scale_rewards = 'batch'"),
        ({"schedule": "linear"}, "schedule = 'linear': verl has cosine and constant_with_warmup"),
        ({"vllm": "server", "vllm_url": "http://127.0.0.1:1"}, "set vllm = 'colocate'"),
        ({"judge": "referee"}, "judge = 'referee': .* http address"),
        ({"batch": 3, "samples": 5, "micro_batch": 5}, "= 15 is no multiple of 16 GPUs"),
        ({"overlong_tokens": 9999}, "overlong_tokens = 9999 is more"),
        (
            {
                "length_phases": (
                    {"from_step": 0, "max_completion_tokens": 9},
                    {"from_step": 5, "max_completion_tokens": 99},
                )
            },
            "length_phases: verl has one length",
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_verl_has_not_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError, match=rf"\[grpo_checkpoint\] .*{said}"):
        _options(**changed)


def test_every_field_of_the_recipe_is_accounted_for() -> None:
    """A field that is added to the recipe must be mapped, refused or named as a difference."""
    of_rewards = set(reward_settings(GrpoCheckpoint(), "")) | {"overlong_tokens", "overlong_weight"}
    of_files = {"bands", "curriculum"}
    of_options = {
        *("batch", "samples", "learning_rate", "warmup_steps", "weight_decay", "schedule"),
        *("save_steps", "micro_batch", "max_prompt_tokens", "max_completion_tokens"),
        *("length_phases", "max_steps", "temperature", "loss", "epsilon_low", "epsilon_high"),
        *("beta", "scale_rewards", "mask_truncated", "dynamic_sampling"),
    }
    told = {*DIFFERENCES, "vllm_url", "max_length"}  # max_length is of supervised phases
    fields = set(GrpoCheckpoint.model_fields)
    assert fields - of_rewards - of_files - of_options - told == set()


def test_the_command_line_quotes_what_hydra_would_read_otherwise() -> None:
    options = {
        "a": "/plain/path-1.parquet",
        "b": "/with space/and=,'quote'",
        "c": True,
        "d": None,
        "e": 5e-6,
        "f": ["console", "file"],
        "g": "123",
    }
    assert command_line(options) == [
        "a=/plain/path-1.parquet",
        "b='/with space/and=,\\'quote\\''",
        "c=true",
        "d=null",
        "e=5e-06",
        "f=[console,file]",
        "g='123'",
    ]
    with pytest.raises(TrainingError, match="cannot hold"):
        command_line({"a": "/odd/${name}"})


def test_further_overrides_may_not_change_the_result() -> None:
    options = _options(overlong_tokens=9)
    key = "actor_rollout_ref.actor.fsdp_config.param_offload"
    assert command_line(options, (f"{key}=true",))[-1] == f"{key}=true"
    for bad in (
        *("data.seed=1", "++data.seed=1", "~data.seed", "novalue"),
        "reward.reward_kwargs.overlong_buffer_cfg.len=1",
    ):
        with pytest.raises(TrainingError, match=r"how\.overrides"):
            command_line(options, (bad,))


def test_rewards_are_told_in_a_file() -> None:
    grpo = GrpoCheckpoint(weights={"number": 2.0}, soft=False, format_weight=0.1)
    told = reward_settings(grpo, "/job/verl/failures.jsonl")
    assert told["weights"] == {"number": 2.0} and told["soft"] is False
    assert told["on_failure"] == "raise" and told["failures"] == "/job/verl/failures.jsonl"


def _examples(path: Path, **columns: Any) -> str:
    """Rows as the program ``grpo`` takes them."""
    rows = pl.DataFrame(
        {
            "example_id": ["a", "b", "c"],
            "doc_id": ["d", "d", "e"],
            "prompt": [json.dumps([{"role": "user", "content": f"{n}?"}]) for n in "abc"],
            "question": ["a?", "b?", "c?"],
            "ground_truth": ["1 km", "2 km", "3 km"],
            "answer_type": ["number"] * 3,
            "verifier_options": ["{}"] * 3,
            "closed_book_rate": [0.1, None, 0.9],
            "band": ["hard", None, "learnable"],
            **columns,
        }
    )
    rows.write_parquet(path)
    return str(path)


def test_files_of_a_job(tmp_path: Path) -> None:
    files = {"train": _examples(tmp_path / "train.parquet")}
    grpo = GrpoCheckpoint(batch=3, samples=2, micro_batch=2, curriculum="easy_first")
    paths = write_files(tmp_path / "job", files, "model", grpo, How(pythonpath=("/src/verl",)))
    rows = pl.read_parquet(paths.train)
    order = [row["example_id"] for row in rows["extra_info"]]
    assert order == ["c", "a", "b"] and paths.validation == ""
    assert rows["data_source"].to_list() == ["webscale/number"] * 3
    assert rows["prompt"][0].to_list() == [{"role": "user", "content": "c?"}]
    assert rows["reward_model"][0] == {"style": "rule", "ground_truth": "3 km"}
    assert json.loads(Path(paths.reward_settings).read_text())["on_failure"] == "raise"
    library = Path(paths.library.split(":")[0]) / "webscale_dagster"
    assert paths.library.endswith(":/src/verl")
    assert (library / "verifiers" / "number.py").is_file()
    assert (library / "training" / "verl_agent.py").is_file()
    assert not (library / "lake.py").exists()
    assert Path(paths.metrics).name == "metrics-1.jsonl"
    Path(paths.metrics).touch()
    again = write_files(tmp_path / "job", files, "model", grpo, How())
    assert Path(again.metrics).name == "metrics-2.jsonl"
    assert metrics_files(tmp_path / "job" / "verl") == [Path(paths.metrics)]


def test_only_the_wanted_bands(tmp_path: Path) -> None:
    files = {"train": _examples(tmp_path / "train.parquet")}
    grpo = GrpoCheckpoint(batch=1, samples=2, micro_batch=2, bands=("learnable",))
    paths = write_files(tmp_path / "job", files, "model", grpo, How())
    assert [row["example_id"] for row in pl.read_parquet(paths.train)["extra_info"]] == ["c"]
    for bands, said in ((("learnable",), " of the bands learnable"), ((), "")):
        more = GrpoCheckpoint(batch=4, samples=2, micro_batch=2, bands=bands)
        with pytest.raises(TrainingError, match=rf"batch = 4, but there are \d questions{said}$"):
            write_files(tmp_path / "job", files, "model", more, How())


def test_examples_that_could_not_be_rewarded_stop_it(tmp_path: Path) -> None:
    grpo = GrpoCheckpoint(batch=1, samples=2, micro_batch=2)
    wrong = {"train": _examples(tmp_path / "a.parquet", ground_truth=["1", "2", "many"])}
    with pytest.raises(TrainingError, match=r"a\.parquet: 1 of 3 examples .* c: "):
        write_files(tmp_path / "job", wrong, "model", grpo, How())
    judged = {
        "train": _examples(
            tmp_path / "b.parquet", answer_type=["judge"] * 3, ground_truth=["x", "y", "z"]
        )
    }
    with pytest.raises(TrainingError, match=r"need a judge; .* grpo_checkpoint\.judge"):
        write_files(tmp_path / "job", judged, "model", grpo, How())
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(TrainingError, match=r"c\.parquet: no column 'example_id'; wanted"):
        write_files(tmp_path / "job", {"train": str(tmp_path / "c.parquet")}, "m", grpo, How())
