"""Program ``grpo``: reinforcement learning with the examples' verifiers as reward, on TRL.

Reads ``train`` (parquet: example_id, doc_id, prompt, question, ground_truth, answer_type,
verifier_options, closed_book_rate, band) and ``documents`` (doc_id, text); writes the job's
``model/``, and the judge's journal where one judges. A step generates, verifies and learns from
``batch`` questions with ``samples`` completions each; it ends with the step that reaches the
budget. Run: ``python -m webscale_dagster.training.grpo JOB``.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import polars as pl

from webscale_dagster.training.job import Job
from webscale_dagster.training.model_folder import (
    check_prompts,
    context_length,
    load_model,
    load_tokenizer,
)
from webscale_dagster.training.program import Report, TrainingError, main
from webscale_dagster.training.rewards import Rewards, RewardSettings
from webscale_dagster.training.sft import source_tokens
from webscale_dagster.training.supervised import arguments, run_trainer
from webscale_dagster.verifiers.outcome import Judge
from webscale_dagster.verifiers.self_check import Example, own_truth_problems


def run(job: Job, report: Report) -> dict[str, Any]:
    """Rollouts, rewards and updates until the budget of tokens is spent."""
    tokenizer = load_tokenizer(job.model, job.what.get("revision"))
    rows = _rows(job)
    _check_verifiers(rows)
    model = load_model(job.model, "fp32", job.what.get("revision")).train()
    _check_lengths(job, rows, tokenizer, context_length(model.config))
    with ExitStack() as stack:
        rewards = Rewards(
            sorted({row["answer_type"] for row in rows}),
            reward_settings(job.settings),
            _judge(job, rows, stack),
        )
        trainer = _trainer(job, report, model, tokenizer, rows, rewards)
        run_trainer(job, report, trainer)
    state = trainer.state
    asked = min(state.global_step * job.settings["batch"], len(rows))
    source = source_tokens(job, tokenizer, {row["doc_id"] for row in rows})
    judged = sum(row["answer_type"] in ("judge", "rubric") for row in rows)
    return {
        "steps": state.global_step,
        "training_tokens": int(state.num_input_tokens_seen),
        "generated_tokens": trainer.generated_tokens,
        "source_tokens": round(source * asked / len(rows)),
        "judged_share": judged / len(rows),
        "outcomes": rewards.counts,
    }


def reward_settings(settings: dict[str, Any]) -> RewardSettings:
    """What of the recipe's table decides rewards."""
    names = RewardSettings.__dataclass_fields__
    return RewardSettings(**{name: settings[name] for name in names})


def _rows(job: Job) -> list[dict[str, Any]]:
    """Rows as reward functions get them; easy ones first where the curriculum says so."""
    frame = pl.read_parquet(job.files["train"])
    if bands := job.settings["bands"]:
        frame = frame.filter(pl.col("band").is_in(bands))
        if frame.is_empty():
            raise TrainingError(
                f"no example of the train split is in the bands {', '.join(bands)}; widen "
                "grpo_checkpoint.bands, or measure pass rates with [difficulty] first"
            )
    if job.settings["curriculum"] == "easy_first":
        frame = frame.sort("closed_book_rate", descending=True, nulls_last=True)
    return [row | {"prompt": json.loads(row["prompt"])} for row in frame.iter_rows(named=True)]


def _check_verifiers(rows: list[dict[str, Any]]) -> None:
    """A verifier that rejects its own truth would punish every right answer."""
    examples = [
        Example(
            row["example_id"],
            row["answer_type"],
            row["ground_truth"],
            json.loads(row["verifier_options"] or "{}"),
            row["question"],
        )
        for row in rows
    ]
    if problems := own_truth_problems(examples):
        first = problems[0]
        raise TrainingError(
            f"{len(problems)} of {len(rows)} examples cannot be rewarded; {first.id}: "
            f"{first.reason}: {first.detail}. Make the release anew: verified_qa rejects such pairs"
        )


def _check_lengths(job: Job, rows: list[dict[str, Any]], tokenizer: Any, context: int) -> None:
    settings = job.settings
    longest = max(
        [settings["max_completion_tokens"]]
        + [phase["max_completion_tokens"] for phase in settings["length_phases"]]
    )
    prompts = {row["example_id"]: row["prompt"] for row in rows}
    check_prompts(tokenizer, prompts, min(settings["max_prompt_tokens"], context - longest))


def _judge(job: Job, rows: list[dict[str, Any]], stack: ExitStack) -> Judge | None:
    """Who is asked for judged types: an endpoint, or a model whose replies are journaled."""
    from webscale_dagster.recipe import Recipe
    from webscale_dagster.training.judges import open_named_judge

    if not any(row["answer_type"] in ("judge", "rubric") for row in rows):
        return None
    wanted = job.settings["judge"]
    models = {wanted: job.what["judge_model"]} if "judge_model" in job.what else {}
    recipe = Recipe.model_validate({"models": models, "grpo_checkpoint": {"judge": wanted}})
    return stack.enter_context(open_named_judge(recipe, job.folder))


def _trainer(
    job: Job, report: Report, model: Any, tokenizer: Any, rows: list[Any], rewards: Rewards
) -> Any:
    from datasets import Dataset

    from webscale_dagster.training.dynamic_sampling import Grpo
    from webscale_dagster.training.follow import Follow, LengthPhases, Milestones, StopAtBudget
    from webscale_dagster.training.supervised import milestone_folders

    settings = job.settings
    phases = LengthPhases(settings["length_phases"]) if settings["length_phases"] else None
    kept = Milestones(milestone_folders(job), lambda state: int(state.num_input_tokens_seen))
    callbacks = [Follow(report), StopAtBudget(job.what["budget_tokens"]), kept]
    trainer = Grpo(
        model=model,
        args=_config(job, rewards.weights),
        processing_class=tokenizer,
        reward_funcs=rewards.functions,
        train_dataset=Dataset.from_list(rows),
        callbacks=[*callbacks, *([phases] if phases else [])],
        max_resamples=settings["max_resamples"] if settings["dynamic_sampling"] else 0,
    )
    kept.attach(trainer)
    if phases is not None:
        phases.attach(trainer, rewards)
    return trainer


def _config(job: Job, weights: list[float]) -> Any:
    from trl import GRPOConfig

    settings = job.settings
    made = arguments(job, steps=settings["max_steps"], micro_batch=settings["micro_batch"])
    vllm = {}
    if settings["vllm"] != "none":
        vllm = {"use_vllm": True, "vllm_mode": settings["vllm"]}
        vllm |= {"vllm_server_base_url": settings["vllm_url"]} if settings["vllm_url"] else {}
    return GRPOConfig(
        **made,
        **vllm,
        # One generation a step, so that a checkpoint never falls between rollout and update.
        steps_per_generation=made["gradient_accumulation_steps"],
        num_generations=settings["samples"],
        max_completion_length=settings["max_completion_tokens"],
        temperature=settings["temperature"],
        loss_type=settings["loss"],
        epsilon=settings["epsilon_low"],
        epsilon_high=settings["epsilon_high"],
        beta=settings["beta"],
        scale_rewards=settings["scale_rewards"],
        mask_truncated_completions=settings["mask_truncated"],
        shuffle_dataset=settings["curriculum"] == "none",
        reward_weights=weights,
    )


if __name__ == "__main__":
    main(run)
