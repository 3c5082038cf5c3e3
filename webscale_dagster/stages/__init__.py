"""The table of contents: every stage of the walk, in order.

A stage is a value with ``name``, ``reads`` and ``run``. Its asset, module, table, prompt and test
carry its name. To add one: write its module, add its line here, its table in ``tables.py`` and its
contract.
"""

from __future__ import annotations

from webscale_dagster.recipe import Recipe, content_hash
from webscale_dagster.stages.benchmarks import STAGE as BENCHMARKS
from webscale_dagster.stages.decontaminated_set import STAGE as DECONTAMINATED_SET
from webscale_dagster.stages.difficulty import STAGE as DIFFICULTY
from webscale_dagster.stages.filtered_docs import STAGE as FILTERED_DOCS
from webscale_dagster.stages.near_duplicates import STAGE as NEAR_DUPLICATES
from webscale_dagster.stages.personas import STAGE as PERSONAS
from webscale_dagster.stages.prompt import package_text
from webscale_dagster.stages.protocol import Context, Model, Reply, Request, Result, Stage
from webscale_dagster.stages.qa_pairs import STAGE as QA_PAIRS
from webscale_dagster.stages.raw_corpus import STAGE as RAW_CORPUS
from webscale_dagster.stages.rl_splits import STAGE as RL_SPLITS
from webscale_dagster.stages.verified_qa import STAGE as VERIFIED_QA

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        RAW_CORPUS,
        NEAR_DUPLICATES,
        BENCHMARKS,
        FILTERED_DOCS,
        PERSONAS,
        QA_PAIRS,
        VERIFIED_QA,
        DECONTAMINATED_SET,
        DIFFICULTY,
        RL_SPLITS,
    )
}


def code_version(stage: Stage, recipe: Recipe) -> str:
    """Changes iff what the stage makes may change: logic's number, recipe tables, files, model."""
    merged = [STAGES[name] for name in stage.merges] if recipe.annotate == "merged" else []
    settings = {name for one in (stage, *merged) for name in one.settings}
    files = dict.fromkeys(path for one in (stage, *merged) for path in one.files)
    asked = recipe.models_of(stage.name) if stage.asks_model else ()
    texts = [package_text(path) for path in files]
    return content_hash(
        stage.name,
        str(stage.version),
        recipe.part(settings),
        *(model.identity for model in asked),
        *stage.words,
        *texts,
    )[:12]


__all__ = [
    "STAGES",
    "Context",
    "Model",
    "Reply",
    "Request",
    "Result",
    "Stage",
    "code_version",
]
