"""Asks a policy about the sft split: a trained checkpoint here, or one of the recipe's models.

Makes frames of answers (id, sample, text, n_tokens, cut_off) and the tokens that were generated;
a checkpoint's answers stay in its job's folder, a model's replies in the journal.
"""

from __future__ import annotations

import json

import dagster as dg
import polars as pl

from webscale_dagster.defs.launch import Trainer, run_job
from webscale_dagster.home import home
from webscale_dagster.llm.attempt import attempt
from webscale_dagster.stages.protocol import Request
from webscale_dagster.training import data
from webscale_dagster.training.job import Job
from webscale_dagster.training.plan import Plan, Start
from webscale_dagster.training.program import TrainingError
from webscale_dagster.walk import Walk

_SCHEMA = {
    "id": pl.String,
    "sample": pl.Int64,
    "text": pl.String,
    "n_tokens": pl.Int64,
    "cut_off": pl.Boolean,
}


def answers_of_policy(
    context: dg.AssetExecutionContext,
    trainer: Trainer,
    walk: Walk,
    plan: Plan,
    rows: pl.DataFrame,
) -> tuple[pl.DataFrame | None, int]:
    """Answers and generated tokens; None and 0 where the recipe names no policy."""
    settings = walk.recipe.sft_answers
    if not settings.policy:
        return None, 0
    start = plan.policy()
    if start is None:
        return _of_model(walk, rows)
    job = sample_job(plan, start, rows, settings.samples, settings.temperature, settings.max_tokens)
    result = run_job(context, trainer, job)
    return pl.read_parquet(job.folder / "answers.parquet"), int(result["generated_tokens"])


def sample_job(
    plan: Plan, start: Start, rows: pl.DataFrame, samples: int, temperature: float, max_tokens: int
) -> Job:
    """The sampling of these questions from a model."""
    file = data.store(plan.root, "prompts", data.only_prompts(rows))
    settings = {"samples": samples, "temperature": temperature, "max_tokens": max_tokens}
    what = {
        "settings": settings | {"batch": plan.recipe.evaluation.batch},
        "seed": plan.experiment.seed,
        "parent": start.key,
        "precision": plan.recipe.training.precision,
        "data": {"prompts": file.digest},
        **({"revision": start.revision} if start.revision else {}),
    }
    return Job("sample", str(plan.root), start.model, {"prompts": file.path}, what)


def _of_model(walk: Walk, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Answers of a served model, through the journal: what was answered is never paid again."""
    settings = walk.recipe.sft_answers
    chosen = walk.recipe.models.get(settings.policy)
    if chosen is None:
        known = ", ".join(walk.recipe.models) or "none"
        raise TrainingError(
            f"sft_answers.policy {settings.policy!r} is no model ([models]: {known}), no "
            "checkpoint and no experiment"
        )
    recipe = walk.recipe.model_copy(update={"model": chosen})
    requests = [
        Request(
            stage="sft_answers",
            row_id=f"{row['example_id']}/{sample}",
            variables={},
            messages=tuple(json.loads(row["prompt"])),
            reply=None,
            prompt_version="1",
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=recipe.seed + sample,
        )
        for row in rows.iter_rows(named=True)
        for sample in range(settings.samples)
    ]
    with attempt(
        recipe,
        walk.lake.objects,
        home() / "journal",
        "sft_answers",
        "",
        pace=walk.pace,
        watch=lambda tally: None,
        say=walk.say,
    ) as ((model,), _):
        replies = list(model.ask(requests))
        calls = model.calls()
    spent = dict(calls.select("row_id", "tokens_out").rows())
    cut = dict(calls.select("row_id", pl.col("finish_reason") == "length").rows())
    found = [
        (*request.row_id.split("/"), reply.text)
        for request, reply in zip(requests, replies, strict=True)
        if reply.problem is None
    ]
    rows_ = [
        (i, int(s), text, spent.get(f"{i}/{s}", 0), bool(cut.get(f"{i}/{s}", False)))
        for i, s, text in found
    ]
    frame = pl.DataFrame(rows_, schema=_SCHEMA, orient="row")
    return frame, int((calls["tokens_in"] + calls["tokens_out"]).sum())
