"""Makes the frames of an evaluation: its model and milestones sampled, verified and scored.

Runs the programs ``sample`` and ``benchmarks``; reads the release's split; makes rows of
evaluation, evaluation_samples and checkpoints.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import polars as pl

from webscale_dagster.audit.statistics import wilson
from webscale_dagster.defs.launch import Trainer, run_job
from webscale_dagster.defs.policy_answers import sample_job
from webscale_dagster.evaluation.scores import judged, score_rows
from webscale_dagster.tables import TABLES
from webscale_dagster.training import data, refined, sft_answers
from webscale_dagster.training.job import Job
from webscale_dagster.training.plan import Plan, Start
from webscale_dagster.training.program import TrainingError

Frames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def experiment_frames(context: dg.AssetExecutionContext, trainer: Trainer, plan: Plan) -> Frames:
    """Rows of evaluation, evaluation_samples and checkpoints."""
    for job in plan.jobs():
        if job.result() is None:
            raise TrainingError(
                f"{plan.experiment.name}: its {job.phase} is not trained yet for this release and "
                f"recipe; materialise {job.phase}_checkpoint first"
            )
    settings = plan.recipe.evaluation
    split = data.examples(plan.release, settings.split)
    rows = data.drawn(split, settings.max_examples, 0)
    found = [
        _judged(context, trainer, plan, start, rows).with_columns(share=pl.lit(share))
        for share, start in _models(plan)
    ]
    samples = pl.concat(found)
    end = samples.filter(pl.col("share") == 1.0).drop("share")
    named = _named(plan)
    scores = score_rows(end, settings).with_columns(**named, checkpoint=pl.lit(plan.final().key))
    wanted = TABLES["evaluation_samples"].schema
    return (
        scores.select(list(TABLES["evaluation"].schema)),
        samples.with_columns(experiment=named["experiment"]).select(list(wanted)),
        _checkpoints(plan),
    )


def _named(plan: Plan) -> dict[str, pl.Expr]:
    experiment = plan.experiment
    return {
        "experiment": pl.lit(experiment.name),
        "arm": pl.lit(experiment.arm.name),
        "seed": pl.lit(experiment.seed, dtype=pl.Int64),
    }


def _models(plan: Plan) -> list[tuple[float, Start]]:
    """Milestones of the last phase, then the end."""
    jobs, final = plan.jobs(), plan.final()
    found = []
    if jobs and "budget_tokens" in jobs[-1].what:
        for share in plan.recipe.training.milestones:
            folder = jobs[-1].folder / "milestones" / f"{share:g}"
            if folder.is_dir():
                found.append((share, Start(str(folder), f"{final.key}@{share:g}")))
    return [*found, (1.0, final)]


def _judged(
    context: dg.AssetExecutionContext,
    trainer: Trainer,
    plan: Plan,
    start: Start,
    rows: pl.DataFrame,
) -> pl.DataFrame:
    # Brings an HTTP client along, which no process needs that only loads the definitions.
    from webscale_dagster.training.judges import open_named_judge

    settings = plan.recipe.evaluation
    job = sample_job(plan, start, rows, settings.samples, settings.temperature, settings.max_tokens)
    run_job(context, trainer, job)
    answers = pl.read_parquet(job.folder / "answers.parquet")
    needs = set(rows["answer_type"]) & {"judge", "rubric"}
    with open_named_judge(plan.recipe, job.folder) if needs else nullcontext() as judge:
        return judged(answers, rows, data.release_recipe(plan.release).rl_splits, judge)


def _checkpoints(plan: Plan) -> pl.DataFrame:
    """What each phase cost; data that a model made or chose counts where it was learned from."""
    rows = []
    for place, job in enumerate(plan.jobs()):
        result = job.result() or {}
        rows.append(
            {
                "experiment": plan.experiment.name,
                "arm": plan.experiment.arm.name,
                "seed": plan.experiment.seed,
                "phase": job.phase,
                "place": place,
                "checkpoint": f"{job.phase}-{job.key}",
                "release": plan.release.name,
                "folder": str(job.folder / "model"),
                "steps": result["steps"],
                "source_tokens": result.get("source_tokens"),  # verl's program does not count them
                "training_tokens": result["training_tokens"],
                "generated_tokens": result["generated_tokens"] + _spent_on_data(plan, job),
            }
        )
    return pl.DataFrame(rows, schema=TABLES["checkpoints"].schema)


def _spent_on_data(plan: Plan, job: Job) -> int:
    if job.phase == "sft":
        return int(sft_answers.facts(plan.lake, plan.answers_key())["generated_tokens"])
    method = plan.experiment.arm.corpus
    if job.phase == "cpt" and method != "documents":
        key = refined.key(method, plan.recipe, plan.split_file("texts").digest)
        return int(refined.facts(plan.lake, key)["generated_tokens"])
    return 0


def benchmark_rows(
    context: dg.AssetExecutionContext, trainer: Trainer, plan: Plan
) -> tuple[pl.DataFrame, str]:
    """Rows of evaluation for the recipe's benchmarks, and why some were left out."""
    settings = plan.recipe.evaluation
    schema = TABLES["evaluation"].schema
    if not settings.benchmarks:
        return pl.DataFrame(schema=schema), ""
    start = plan.final()
    files = {b.task: _digest(b.uri) for b in settings.benchmarks}
    what = {
        "settings": settings.model_dump(mode="json", include={"benchmarks", "batch", "max_tokens"}),
        "seed": 0,
        "parent": start.key,
        "precision": plan.recipe.training.precision,
        "data": files,
        **({"revision": start.revision} if start.revision else {}),
    }
    result = run_job(context, trainer, Job("benchmarks", str(plan.root), start.model, {}, what))
    rows = [
        {
            **{"set": row["task"], "group": "all", "metric": row["metric"], "k": None},
            **{"value": row["value"], "n": row["n"]},
            **_interval(row["value"], row["n"], settings.confidence),
        }
        for row in result["rows"]
    ]
    frame = pl.DataFrame(rows, schema_overrides={"k": pl.Int64}).with_columns(
        **_named(plan), checkpoint=pl.lit(start.key)
    )
    skipped = "; ".join(f"{row['task']}: {row['reason']}" for row in result["skipped"])
    return frame.select([pl.col(name).cast(dtype) for name, dtype in schema.items()]), skipped


def _interval(value: float, n: int, confidence: float) -> dict[str, float]:
    low, high = wilson(value, n, confidence)
    return {"low": low, "high": high}


def _digest(uri: str) -> str:
    import hashlib
    import os

    path = Path(os.path.expandvars(uri))
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""
