"""Assets 12: checkpoints of experiments, and what they are trained on beside the release.

    dataset_release ─ base_checkpoint ─ cpt_checkpoint ─ sft_checkpoint ─ grpo_checkpoint
                    ├ refined_docs ───────┘                │
                    └ sft_answers ─────────────────────────┘

A partition is an experiment ``<arm>-s<seed>``; an asset whose phase the arm leaves out passes the
checkpoint before it on. Reads the lake; writes checkpoints, ``sft_answers/`` and ``refined_docs/``.
"""

import json
from typing import Any

import dagster as dg

from webscale_dagster.defs.checkpoint_page import curves, summary
from webscale_dagster.defs.launch import Trainer, run_job
from webscale_dagster.defs.partitions import EXPERIMENTS
from webscale_dagster.defs.policy_answers import answers_of_policy
from webscale_dagster.defs.resources import Platform
from webscale_dagster.defs.walk_asset import OWNERS
from webscale_dagster.experiment import experiment
from webscale_dagster.home import home
from webscale_dagster.llm.attempt import attempt
from webscale_dagster.refine import REFINEMENTS
from webscale_dagster.stages.protocol import Context
from webscale_dagster.training import data, refined, sft_answers
from webscale_dagster.training.plan import Plan, checkpoints_folder
from webscale_dagster.training.program import TrainingError
from webscale_dagster.walk import Walk

GROUP = "training"
# A killed program goes on from its last checkpoint.
_AGAIN = dg.RetryPolicy(max_retries=2, delay=5)


def plan_of(walk: Walk, name: str) -> Plan:
    """The plan of an experiment; raises ``dg.Failure`` for a name that is none."""
    try:
        return Plan(walk.lake, walk.recipe, experiment(name), checkpoints_folder())
    except ValueError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def checkpoint_asset(phase: str, name: str, deps: list[str], does: str) -> dg.AssetsDefinition:
    """The asset of a phase."""

    @dg.asset(
        name=name,
        group_name=GROUP,
        description=f"{does} One materialisation is a checkpoint.",
        deps=deps,
        partitions_def=EXPERIMENTS,
        kinds={"pytorch", "huggingface"},
        owners=list(OWNERS),
        pool="gpu",
        retry_policy=_AGAIN,
    )
    def body(context: dg.AssetExecutionContext, platform: Platform, trainer: Trainer) -> Any:
        plan = plan_of(platform.walk(lambda *_: None), context.partition_key)
        try:
            job = plan.job(phase)
            if job is None:
                start = plan.before(phase)
                told = {"checkpoint": start.key, "passed_on": f"this arm has no {phase}"}
                return dg.MaterializeResult(
                    data_version=dg.DataVersion(start.key), metadata={**told, "model": start.model}
                )
            result = run_job(context, trainer, job)
        except TrainingError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        return dg.MaterializeResult(
            data_version=dg.DataVersion(job.key),
            metadata={
                **summary(job, result, plan.release.name),
                "curves": dg.MetadataValue.md(curves(job)),
                "settings": dg.MetadataValue.md(
                    f"```json\n{json.dumps(job.settings, indent=1)}\n```"
                ),
            },
        )

    return body


def _fenced(settings: dict[str, Any]) -> str:
    return f"```json\n{json.dumps(settings, indent=1)}\n```"


base_checkpoint = checkpoint_asset(
    "base",
    "base_checkpoint",
    ["dataset_release"],
    "The model that all arms start from: the recipe's, or one made on the spot of the documents.",
)
cpt_checkpoint = checkpoint_asset(
    "cpt",
    "cpt_checkpoint",
    ["base_checkpoint", "refined_docs"],
    "Continual pretraining on documents of the train split, as they are or refined.",
)
sft_checkpoint = checkpoint_asset(
    "sft",
    "sft_checkpoint",
    ["cpt_checkpoint", "sft_answers"],
    "Supervised warm-up on the sft split; for the arm sft_train the train split as well.",
)
grpo_checkpoint = checkpoint_asset(
    "grpo",
    "grpo_checkpoint",
    ["sft_checkpoint"],
    "GRPO on the train split, with the examples' verifiers as reward.",
)


@dg.asset(
    group_name=GROUP,
    description="Documents of the train split, selected (qurating), cleaned (prox) or rewritten "
    "(gdr): what the data-refinement arms are pretrained on.",
    deps=["dataset_release"],
    partitions_def=EXPERIMENTS,
    kinds={"polars"},
    owners=list(OWNERS),
)
def refined_docs(context: dg.AssetExecutionContext, platform: Platform) -> Any:
    """Refine the documents as this arm does; each method works once for all seeds."""
    walk = platform.walk(lambda *_: None, context.log.info)
    plan = plan_of(walk, context.partition_key)
    method = plan.experiment.arm.corpus
    if method not in REFINEMENTS:
        return dg.MaterializeResult(metadata={"passed_on": "this arm refines nothing"})
    try:
        texts = data.texts(plan.release)
        key = refined.key(method, walk.recipe, plan.split_file("texts").digest)
    except TrainingError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    if refined.read(walk.lake, key) is None:
        _refine(walk, method, key, texts)
    told = refined.facts(walk.lake, key)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "dagster/row_count": int(told["kept"]),
            "method": method,
            **{name: value for name, value in told.items() if not isinstance(value, dict)},
            "reject_reasons": told["reject_reasons"],
        },
    )


def _refine(walk: Walk, method: str, key: str, texts: Any) -> None:
    recipe = walk.recipe
    made = REFINEMENTS[method]
    if not recipe.refined_docs.model:  # rules judge
        refined.write(walk.lake, key, made.refine(texts, Context(recipe, method)), 0)
        return
    with attempt(
        recipe,
        walk.lake.objects,
        home() / "journal",
        "refined_docs",
        method,
        pace=walk.pace,
        watch=lambda tally: None,
        say=walk.say,
    ) as ((model,), _):
        done = made.refine(texts, Context(recipe, method, model=model))
        calls = model.calls()
        tokens = int((calls["tokens_in"] + calls["tokens_out"]).sum())
        refined.write(walk.lake, key, done, tokens)


@dg.asset(
    name="sft_answers",
    group_name=GROUP,
    description="Answers to the sft split's questions by rejection sampling: a policy answers "
    "several times, verifiers keep what is right. Without a policy, the direct answers.",
    deps=["dataset_release"],
    kinds={"polars"},
    owners=list(OWNERS),
    pool="gpu",
    retry_policy=_AGAIN,
)
def answers(context: dg.AssetExecutionContext, platform: Platform, trainer: Trainer) -> Any:
    """Answer, verify, choose, keep."""
    walk = platform.walk(lambda *_: None, context.log.info)
    plan = plan_of(walk, "sft-s0")  # the answers are the same for all arms and seeds
    try:
        for split in ("sft", "train", walk.recipe.evaluation.split):
            data.examples(plan.release, split)  # an empty one is better known before training
        key = plan.answers_key()
        if sft_answers.read(walk.lake, key) is None:
            rows = data.examples(plan.release, "sft")
            sampled, tokens = answers_of_policy(context, trainer, walk, plan, rows)
            kept, counts = sft_answers.choose(rows, sampled, walk.recipe.sft_answers)
            told = {**counts, "rows": kept.height, "generated_tokens": tokens}
            sft_answers.write(walk.lake, key, kept, told)
    except TrainingError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    told = sft_answers.facts(walk.lake, key)
    made = sft_answers.read(walk.lake, key)
    assert made is not None
    policy = walk.recipe.sft_answers.policy or "nobody was asked: direct answers"
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "dagster/row_count": made.height,
            "policy": policy,
            **told,
            "preview": dg.MetadataValue.md(
                "\n\n".join(f"> {text[:400]}" for text in made["completion"].head(3))
            ),
        },
    )
