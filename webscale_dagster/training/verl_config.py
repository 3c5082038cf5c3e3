"""What verl is told: the recipe's table as options of ``verl.trainer.main_ppo`` (verl 0.9).

    options = verl_options(grpo, precision, seed, paths, how)       key -> value
    command_line(options)                                           data.train_batch_size=256 …

Makes values from ``[grpo_checkpoint]``, paths and speed; reads and writes nothing. The keys are
those of ``verl/trainer/config/ppo_trainer.yaml``; ``+`` stands before what is not in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.training.program import TrainingError
from webscale_dagster.training.verl_settings import (
    LOSSES,
    SCHEDULES,
    How,
    Paths,
    check_settings,
    completion_tokens,
)

Value = str | int | float | bool | list[str] | None
Options = dict[str, Value]
KEPT = 2  # checkpoints
AGENT = "webscale_single_turn"


def verl_options(
    grpo: GrpoCheckpoint, precision: Literal["bf16", "fp32"], seed: int, paths: Paths, how: How
) -> Options:
    """All that differs from verl's own defaults."""
    check_settings(grpo, how)
    return {
        **_data(grpo, seed, paths),
        **_actor(grpo, precision, seed, how),
        **_loss(grpo),
        **_rollout(grpo, precision, seed, paths, how),
        **_reward(grpo, paths, how),
        **_trainer(grpo, paths, how),
    }


def _data(grpo: GrpoCheckpoint, seed: int, paths: Paths) -> Options:
    return {
        "data.train_files": paths.train,
        # verl always wants a file; without a validation split it looks at one row and never asks.
        "data.val_files": paths.validation or paths.train,
        "data.val_max_samples": -1 if paths.validation else 1,
        "data.train_batch_size": grpo.batch,
        "data.max_prompt_length": grpo.max_prompt_tokens,
        "data.max_response_length": completion_tokens(grpo),
        "data.filter_overlong_prompts": True,
        "data.truncation": "error",
        "data.shuffle": grpo.curriculum == "none",
        "data.seed": seed,
    }


def _actor(grpo: GrpoCheckpoint, precision: str, seed: int, how: How) -> Options:
    share = grpo.batch * grpo.samples // how.gpus
    micro = math.gcd(share, grpo.micro_batch)
    exact = {
        "+actor_rollout_ref.actor.fsdp_config.mixed_precision.param_dtype": "fp32",
        "actor_rollout_ref.actor.fsdp_config.dtype": "float32",
    }
    return {
        "actor_rollout_ref.actor.ppo_mini_batch_size": grpo.batch,  # one update of a step
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": micro,
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": micro,
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": micro,
        "actor_rollout_ref.actor.optim.lr": grpo.learning_rate,
        "actor_rollout_ref.actor.optim.weight_decay": grpo.weight_decay,
        "actor_rollout_ref.actor.optim.lr_warmup_steps": grpo.warmup_steps,
        "actor_rollout_ref.actor.optim.lr_scheduler_type": SCHEDULES[grpo.schedule],
        "actor_rollout_ref.actor.data_loader_seed": seed,
        "actor_rollout_ref.actor.fsdp_config.seed": seed,
        **(exact if precision == "fp32" else {}),
    }


def _loss(grpo: GrpoCheckpoint) -> Options:
    aggregation, mode = LOSSES[grpo.loss]
    low, high = grpo.epsilon_low, grpo.epsilon_high
    if grpo.loss == "cispo":  # TRL's epsilon_high is the ratio itself, and nothing bounds it below
        low, high = 1.0, grpo.epsilon_high - 1.0
    return {
        "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": grpo.scale_rewards == "group",
        "algorithm.use_kl_in_reward": False,
        "algorithm.filter_groups.enable": grpo.dynamic_sampling,
        "algorithm.filter_groups.metric": "reward",
        "actor_rollout_ref.actor.policy_loss.loss_mode": mode,
        "actor_rollout_ref.actor.loss_agg_mode": aggregation,
        "actor_rollout_ref.actor.loss_scale_factor": (
            completion_tokens(grpo) if grpo.loss == "dr_grpo" else None
        ),
        "actor_rollout_ref.actor.clip_ratio_low": low,
        "actor_rollout_ref.actor.clip_ratio_high": high,
        "actor_rollout_ref.actor.use_kl_loss": grpo.beta > 0,
        "actor_rollout_ref.actor.kl_loss_coef": grpo.beta,
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
    }


def _rollout(grpo: GrpoCheckpoint, precision: str, seed: int, paths: Paths, how: How) -> Options:
    masked = {
        "actor_rollout_ref.rollout.agent.agent_loop_config_path": paths.agent_loops,
        "actor_rollout_ref.rollout.agent.default_agent_loop": AGENT,
    }
    return {
        "actor_rollout_ref.model.path": paths.model,
        "actor_rollout_ref.rollout.name": how.rollout,
        "actor_rollout_ref.rollout.n": grpo.samples,
        "actor_rollout_ref.rollout.temperature": grpo.temperature,
        "actor_rollout_ref.rollout.top_p": 1.0,
        "actor_rollout_ref.rollout.top_k": -1,
        "actor_rollout_ref.rollout.seed": seed,
        "actor_rollout_ref.rollout.dtype": "float32" if precision == "fp32" else "bfloat16",
        "actor_rollout_ref.rollout.tensor_model_parallel_size": how.tensor_parallel,
        "actor_rollout_ref.rollout.gpu_memory_utilization": how.gpu_memory_utilization,
        # Validation samples as training does, once a question: the policy's pass@1.
        "actor_rollout_ref.rollout.val_kwargs.n": 1,
        "actor_rollout_ref.rollout.val_kwargs.do_sample": True,
        "actor_rollout_ref.rollout.val_kwargs.temperature": grpo.temperature,
        **(masked if grpo.mask_truncated else {}),
    }


def _reward(grpo: GrpoCheckpoint, paths: Paths, how: How) -> Options:
    most = completion_tokens(grpo)
    overlong: Options = {
        "+reward.reward_kwargs.max_resp_len": most,
        "+reward.reward_kwargs.overlong_buffer_cfg.enable": True,
        "+reward.reward_kwargs.overlong_buffer_cfg.len": grpo.overlong_tokens,
        "+reward.reward_kwargs.overlong_buffer_cfg.penalty_factor": grpo.overlong_weight,
        "+reward.reward_kwargs.overlong_buffer_cfg.log": False,
    }
    return {
        "reward.num_workers": how.reward_workers,
        "reward.custom_reward_function.path": paths.reward,
        "reward.custom_reward_function.name": "compute_score",
        "+reward.custom_reward_function.reward_kwargs.settings": paths.reward_settings,
        "reward.reward_manager.name": "dapo" if grpo.overlong_tokens else "naive",
        **(overlong if grpo.overlong_tokens else {}),
    }


def _trainer(grpo: GrpoCheckpoint, paths: Paths, how: How) -> Options:
    return {
        "trainer.total_training_steps": grpo.max_steps,
        "trainer.total_epochs": grpo.max_steps,  # an epoch is at least a step: never the limit
        "trainer.n_gpus_per_node": how.n_gpus_per_node,
        "trainer.nnodes": how.nnodes,
        "trainer.save_freq": grpo.save_steps,
        "trainer.test_freq": grpo.save_steps if paths.validation else -1,
        "trainer.val_before_train": False,
        "trainer.max_actor_ckpt_to_keep": KEPT,
        "trainer.resume_mode": "auto",
        "trainer.default_local_dir": paths.checkpoints,
        "trainer.project_name": "webscale",
        "trainer.experiment_name": "verl",
        "trainer.logger": ["console", "file"],
        "hydra.run.dir": paths.work,
        # Ray's workers on other nodes do not inherit our environment.
        "+ray_kwargs.ray_init.runtime_env.env_vars.PYTHONPATH": paths.library,
        "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH": paths.metrics,
    }


def command_line(options: Mapping[str, Value], further: tuple[str, ...] = ()) -> list[str]:
    """Overrides as hydra reads them; further ones may only set what ours leave alone."""
    ours = {key.lstrip("+") for key in options}
    for override in further:
        key = override.partition("=")[0].lstrip("+~")
        if "=" not in override or key in ours:
            raise TrainingError(
                f"how.overrides: {override!r}: wanted key=value of what the recipe does not decide"
            )
    return [f"{key}={_literal(value)}" for key, value in options.items()] + list(further)


def _literal(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(_literal, value))}]"
    if not isinstance(value, str):
        return repr(value)
    if re.fullmatch(r"[A-Za-z_/.][\w/.-]*", value) and value not in ("null", "true", "false"):
        return value
    if "\n" in value or "${" in value or value.endswith("\\"):
        raise TrainingError(f"{value!r}: verl's configuration cannot hold this text")
    return "'" + value.replace("\\'", "\\\\'").replace("'", "\\'") + "'"
