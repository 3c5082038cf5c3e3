"""Assets 13 and 14: scores of experiments, arms compared, and the channel of checkpoints.

Reads checkpoints and the release's held-out split; writes tables evaluation, evaluation_samples and
checkpoints, ``reports/token_efficiency.md`` and ``checkpoint_channels/``.
"""

from typing import Any

import dagster as dg
import polars as pl

from webscale_dagster.defs.evaluate import benchmark_rows, experiment_frames
from webscale_dagster.defs.gates_page import gates_table, in_short
from webscale_dagster.defs.launch import Trainer
from webscale_dagster.defs.materialise import cell, table_md
from webscale_dagster.defs.partitions import EXPERIMENTS
from webscale_dagster.defs.resources import Platform
from webscale_dagster.defs.token_efficiency import report_of
from webscale_dagster.defs.training import GROUP, plan_of
from webscale_dagster.defs.walk_asset import OWNERS
from webscale_dagster.evaluation.promotion import gates_of, move_channel
from webscale_dagster.experiment import experiment
from webscale_dagster.exports.verifier_checks import kept_checks
from webscale_dagster.lake import AuditFailed
from webscale_dagster.training import data
from webscale_dagster.training.program import TrainingError
from webscale_dagster.walk import Walk

_CHECK = "contract"


@dg.asset(
    group_name=GROUP,
    description="Scores of an experiment's model: pass@k, majority vote, by domain and answer "
    "type, on the held-out split; and benchmarks. One row is a score.",
    deps=["grpo_checkpoint"],
    partitions_def=EXPERIMENTS,
    kinds={"pytorch", "deltalake"},
    owners=list(OWNERS),
    pool="gpu",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
    check_specs=[
        dg.AssetCheckSpec(
            _CHECK,
            asset="evaluation",
            blocking=True,
            description="Great Expectations judges `evaluation` before it is committed.",
            partitions_def=EXPERIMENTS,
        )
    ],
)
def evaluation(context: dg.AssetExecutionContext, platform: Platform, trainer: Trainer) -> Any:
    """Sample, verify, score, publish."""
    walk = platform.walk(lambda *_: None, context.log.info)
    plan = plan_of(walk, context.partition_key)
    try:
        scores, samples, checkpoints = experiment_frames(context, trainer, plan)
        more, skipped = benchmark_rows(context, trainer, plan)
    except TrainingError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    rows = pl.concat([scores, more])
    try:
        made = walk.lake.publish(
            "evaluation",
            rows,
            shard=context.partition_key,
            recipe=walk.recipe,
            beside={"evaluation_samples": samples, "checkpoints": checkpoints},
        )
    except AuditFailed as failed:
        yield dg.AssetCheckResult(check_name=_CHECK, asset_key="evaluation", passed=False)
        raise dg.Failure(str(failed), allow_retries=False) from None
    yield dg.MaterializeResult(
        asset_key="evaluation",
        data_version=dg.DataVersion(made.content),
        metadata=_page(rows, samples, skipped),
    )
    yield dg.AssetCheckResult(check_name=_CHECK, asset_key="evaluation", passed=True)


def _page(rows: pl.DataFrame, samples: pl.DataFrame, skipped: str) -> dict[str, Any]:
    """Numbers first, so that the page plots them over time."""
    totals = rows.filter((pl.col("group") == "all") & pl.col("value").is_not_null())
    numbers = {
        f"{row['set']}: {row['metric']}": float(row["value"])
        for row in totals.iter_rows(named=True)
    }
    shown = totals.select("set", "metric", "value", "low", "high", "n")
    by_type = rows.filter(pl.col("group").str.contains(":") & (pl.col("metric") == "pass@1"))
    asked = samples.filter(pl.col("share") == 1.0).unique("example_id", maintain_order=True).head(5)
    lines = [f"- {cell(row['text'], 200)} — {row['outcome']}" for row in asked.to_dicts()]
    return {
        **numbers,
        "scores": dg.MetadataValue.md(table_md(shown)),
        "by_group": dg.MetadataValue.md(table_md(by_type.select("group", "value", "n"))),
        "answers": dg.MetadataValue.md("\n".join(lines)),
        **({"skipped": skipped} if skipped else {}),
    }


@dg.asset(
    group_name=GROUP,
    description="Arms compared at equal budgets: score against tokens, differences with "
    "intervals, the ratio at equal score, and a plain sentence that can say no.",
    deps=["evaluation"],
    kinds={"polars"},
    owners=list(OWNERS),
)
def token_efficiency(platform: Platform) -> Any:
    """Compare what was evaluated so far."""
    walk = platform.walk(lambda *_: None)
    made = report_of(walk)
    walk.lake.objects.put("reports/token_efficiency.md", made.markdown.encode())
    return dg.MaterializeResult(
        metadata={
            "verdict": "\n".join(made.found.sentences),
            "arms": dg.MetadataValue.md(made.arms),
            "report": dg.MetadataValue.md(made.markdown),
            "score_against_tokens": dg.MetadataValue.md(made.picture),
            "dagster/uri": f"{walk.lake.root}/reports/token_efficiency.md",
            "experiments_left_out": len(made.found.left_out),
        }
    )


@dg.asset(
    group_name=GROUP,
    description="Points the channel `candidate` of checkpoints to an experiment's model, if no "
    "score is down beyond its interval, the hack rate is within bounds and verifiers work.",
    deps=["evaluation"],
    partitions_def=EXPERIMENTS,
    kinds={"python"},
    owners=list(OWNERS),
    check_specs=[
        dg.AssetCheckSpec("gates", asset="promote_checkpoint", partitions_def=EXPERIMENTS)
    ],
)
def promote_checkpoint(context: dg.AssetExecutionContext, platform: Platform) -> Any:
    """Read the gates again from the tables, then move the channel or leave it."""
    walk = platform.walk(lambda *_: None)
    name = context.partition_key
    plan = plan_of(walk, name)
    other = walk.recipe.promote_checkpoint.against or f"base-s{experiment(name).seed}"
    try:
        found = _gates(walk, name, other, plan)
    except TrainingError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    passed = all(gate.passed for gate in found)
    final = plan.final()
    pointer = {
        "checkpoint": final.key,
        "model": final.model,
        "experiment": name,
        "release": plan.release.name,
        "gates": [gate.as_dict() for gate in found],
    }
    moved = passed and move_channel(walk.lake, "candidate", pointer)
    yield dg.MaterializeResult(
        asset_key="promote_checkpoint",
        metadata={
            "channel": "candidate moved here" if moved else "not moved",
            "checkpoint": final.key,
            "compared_with": other,
            "gates": dg.MetadataValue.md(gates_table(found)),
        },
    )
    yield dg.AssetCheckResult(
        check_name="gates",
        asset_key="promote_checkpoint",
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"seen": in_short(found)},
    )


def _gates(walk: Walk, name: str, other: str, plan: Any) -> Any:
    rows = walk.lake.read("evaluation").collect()
    samples = walk.lake.beside("evaluation_samples", [name]).filter(pl.col("share") == 1.0)
    checks = kept_checks(walk, data.release_rows(plan.release))
    return gates_of(
        rows.filter(pl.col("experiment") == name),
        rows.filter(pl.col("experiment") == other),
        samples.collect(),
        checks,
        walk.recipe.promote_checkpoint,
    )


# A job never mixes partitioned and other assets: that would repeat the latter for each partition.
train = dg.define_asset_job(
    "train",
    selection=[
        *("base_checkpoint", "refined_docs", "cpt_checkpoint", "sft_checkpoint"),
        "grpo_checkpoint",
    ],
    description="An experiment's checkpoints, one after the other.",
)
prepare_answers = dg.define_asset_job(
    "prepare_answers", selection=["sft_answers"], description="Answers of the sft split."
)
evaluate = dg.define_asset_job(
    "evaluate",
    selection=["evaluation"],
    description="An experiment's scores.",
)
compare = dg.define_asset_job(
    "compare", selection=["token_efficiency"], description="All arms, compared."
)
promote = dg.define_asset_job(
    "promote",
    selection=["promote_checkpoint"],
    description="An experiment's model into the channel, if its gates are open.",
)
