"""Callbacks of all trainers: numbers to ``metrics.jsonl``, an end where the loss is no number.

Makes transformers' ``TrainerCallback`` objects; imported by the programs only, for it needs torch.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from webscale_dagster.training.program import Report, TrainingError

# What TRL and transformers call it, and what the field calls it on our pages.
NAMES = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "zero_variance_share",
    "entropy": "entropy",
    "kl": "kl",
    "completions/mean_length": "completion_tokens_mean",
    "completions/max_length": "completion_tokens_max",
    "completions/clipped_ratio": "cut_off_share",
    "clip_ratio/low_mean": "clipped_low_share",
    "clip_ratio/high_mean": "clipped_high_share",
    "num_tokens": "training_tokens",
    "generated_tokens": "generated_tokens",
    "mean_token_accuracy": "token_accuracy",
    "step_time": "step_seconds",
    "sampling/rounds": "sampling_rounds",
    "sampling/replaced_share": "replaced_share",
    "verifier/failed_share": "verifier_failed_share",
}


def renamed(logs: dict[str, Any]) -> dict[str, float]:
    """The numbers of a log line under our names; ``rewards/<type>/mean`` is its pass rate."""
    found = {}
    for name, value in logs.items():
        if isinstance(value, str) or value is None:
            continue
        if name.startswith("rewards/") and name.endswith("/mean"):
            found[f"reward_{name.split('/')[1]}"] = float(value)
        elif name in NAMES:
            found[NAMES[name]] = float(value)
    return found


class Follow(TrainerCallback):
    """Streams the log lines, and stops at a loss that is no number before it is saved."""

    def __init__(self, report: Report, tokens_of_step: Callable[[int], int] | None = None) -> None:
        """``tokens_of_step`` counts the tokens up to a step, where the trainer does not."""
        self._report, self._tokens = report, tokens_of_step
        self._started = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A line for every step."""
        numbers = renamed(logs or {})
        if "loss" not in numbers:
            return  # the summary at the end
        for name in ("loss", "grad_norm"):
            if not math.isfinite(numbers.get(name, 0.0)):
                raise TrainingError(
                    f"step {state.global_step}: {name} is {numbers[name]}; the last good "
                    "checkpoint stays. Lower learning_rate, or mend that step's data; run it again"
                )
        if self._tokens is not None:
            numbers["training_tokens"] = self._tokens(state.global_step)
        self._report.metrics(state.global_step, numbers)


class StopAtBudget(TrainerCallback):
    """Ends training with the step that reaches the budget of tokens."""

    def __init__(self, tokens: int) -> None:
        """``tokens``: prompts and completions of all rollouts."""
        self._budget = tokens

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Stop; the trainer then saves a checkpoint of this step."""
        if state.num_input_tokens_seen >= self._budget:
            control.should_training_stop = True
            control.should_save = True
        return control


class LengthPhases(TrainerCallback):
    """From certain steps on completions may be longer (DeepScaleR's 8K, 16K, 24K).

    https://pretty-radio-b75.notion.site/DeepScaleR-19681902c1468005bed8ca303013a4e2
    """

    def __init__(self, phases: list[dict[str, int]]) -> None:
        """``phases``: from_step and max_completion_tokens, rising from step 0."""
        self._phases = phases

    def attach(self, trainer: Any, rewards: Any) -> None:
        """Whose limits are set: the trainer's, and that of the overlong punishment."""
        self._trainer, self._rewards = trainer, rewards

    def limit(self, step: int) -> int:
        """The most tokens of a completion at a step."""
        reached = [p for p in self._phases if p["from_step"] <= step]
        return reached[-1]["max_completion_tokens"]

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Set the limit where the trainer and its generators read it."""
        trainer, most = self._trainer, self.limit(state.global_step)
        self._rewards.max_completion_tokens = most
        trainer.max_completion_length = most
        if getattr(trainer, "generation_config", None) is not None:
            trainer.generation_config.max_new_tokens = most
        if getattr(trainer, "vllm_generation", None) is not None:
            trainer.vllm_generation.max_completion_length = most


class Milestones(TrainerCallback):
    """Keeps the model as it is when certain numbers of tokens are reached, to be evaluated too."""

    def __init__(self, wanted: dict[str, int], tokens: Callable[[TrainerState], int]) -> None:
        """``wanted``: folder to tokens; ``tokens`` counts what was seen so far."""
        self._wanted, self._tokens = wanted, tokens

    def attach(self, trainer: Any) -> None:
        """The trainer whose model is saved."""
        self._trainer = trainer

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Save once, with the step that reaches the number; a folder is whole or not there."""
        for folder, tokens in self._wanted.items():
            if self._tokens(state) >= tokens and not Path(folder).exists():
                aside = f"{folder}.part"
                self._trainer.save_model(aside)
                if state.is_world_process_zero:
                    os.replace(aside, folder)
