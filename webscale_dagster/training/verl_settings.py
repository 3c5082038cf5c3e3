"""Where verl runs and finds things, and which settings of ours it cannot follow.

Makes ``How``, ``Paths`` and the reward function's settings from ``[grpo_checkpoint]``; reads and
writes nothing. What verl does not have is a ``TrainingError``; what it does in another way stands
in ``DIFFERENCES``. ``How`` holds what changes only speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.training.program import TrainingError

# Aggregation of the loss, and its kind. TRL's formulas: grpo_trainer.py, ``_compute_loss``.
LOSSES = {
    "grpo": ("seq-mean-token-mean", "vanilla"),
    "dr_grpo": ("seq-mean-token-sum-norm", "vanilla"),
    "dapo": ("token-mean", "vanilla"),
    "cispo": ("token-mean", "cispo"),
}
SCHEDULES = {"cosine": "cosine", "constant_with_warmup": "constant"}

DIFFERENCES = {
    "max_resamples": "verl's dynamic sampling has no end: it goes on until a batch is full",
    "budget_tokens": "training ends with the first checkpoint after the budget, not with its step",
    "milestones": "no checkpoint is kept but the last two",
    "micro_batch": "is lowered to what divides a device's share of the batch",
    "mask_truncated": "a completion is cut off where it is as long as allowed and does not end",
    "engine": "this is verl",
    "vllm": "verl always generates with engines of its own on the same GPUs",
}


@dataclass(frozen=True)
class Paths:
    """Where verl finds and puts things; absolute, and the same on every node."""

    train: str
    validation: str  # "": none
    model: str
    checkpoints: str
    reward: str  # webscale_reward.py
    reward_settings: str
    agent_loops: str  # YAML
    work: str  # hydra's own files
    metrics: str  # JSONL
    library: str  # PYTHONPATH of verl's processes


@dataclass(frozen=True)
class How:
    """What changes only speed, and where it runs."""

    python: str = "python"  # of verl's environment
    n_gpus_per_node: int = 8
    nnodes: int = 1
    tensor_parallel: int = 1  # of the generating engines
    rollout: Literal["vllm", "sglang"] = "vllm"
    gpu_memory_utilization: float = 0.5  # share that the generating engines take
    reward_workers: int = 8
    ray_address: str = ""  # of a running cluster; empty: verl starts one on this machine
    pythonpath: tuple[str, ...] = ()  # more folders, as a checkout of verl
    overrides: tuple[str, ...] = ()  # further key=value of verl, for speed
    check: bool = True  # the environment, the configuration and the data before the start
    seconds_to_stop: float = 30.0

    @property
    def gpus(self) -> int:
        """All of them."""
        return self.n_gpus_per_node * self.nnodes


def check_settings(grpo: GrpoCheckpoint, how: How) -> None:
    """Raise ``TrainingError`` for what verl has no counterpart of."""
    problems = {
        f"loss = {grpo.loss!r}: verl averages over the whole batch; that is dapo": (
            grpo.loss not in LOSSES
        ),
        "scale_rewards = 'batch': verl scales by the group's deviation, or not at all": (
            grpo.scale_rewards == "batch"
        ),
        f"schedule = {grpo.schedule!r}: verl has {' and '.join(SCHEDULES)}": (
            grpo.schedule not in SCHEDULES
        ),
        "length_phases: verl has one length; train a phase at a time, each from the one before": (
            len(grpo.length_phases) > 1
        ),
        "vllm = 'server': verl starts its own engines; set vllm = 'colocate'": (
            grpo.vllm == "server"
        ),
        f"judge = {grpo.judge!r}: verl's processes reach a judge only by an http address": (
            bool(grpo.judge) and not grpo.judge.startswith("http")
        ),
        f"batch * samples = {grpo.batch * grpo.samples} is no multiple of {how.gpus} GPUs": (
            grpo.batch * grpo.samples % how.gpus != 0
        ),
        f"overlong_tokens = {grpo.overlong_tokens} is more than a completion may have": (
            grpo.overlong_tokens > completion_tokens(grpo)
        ),
    }
    if found := [problem for problem, there in problems.items() if there]:
        raise TrainingError(f"[grpo_checkpoint] {'; '.join(found)}")


def completion_tokens(grpo: GrpoCheckpoint) -> int:
    """The most tokens of a completion."""
    phases = grpo.length_phases
    return phases[0].max_completion_tokens if phases else grpo.max_completion_tokens


def reward_settings(grpo: GrpoCheckpoint, failures: str) -> dict[str, Any]:
    """What ``webscale_reward.py`` is told; samples whose verifier failed are left out."""
    return {
        "weights": grpo.weights,
        "soft": grpo.soft,
        "format_weight": grpo.format_weight,
        "format_pattern": grpo.format_pattern,
        "judge": grpo.judge,
        "on_failure": "raise",
        "failures": failures,
    }
