"""The comparison of arms as the UI shows it: the report, and score against tokens as a picture.

Reads tables evaluation_samples and checkpoints; makes Markdown.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from importlib import resources

import jinja2
import polars as pl

from webscale_dagster.evaluation.token_efficiency import METRIC, TokenEfficiency, compare
from webscale_dagster.experiment import experiment
from webscale_dagster.walk import Walk


@dataclass(frozen=True)
class ComparisonPage:
    """What was found, as Markdown and as a picture."""

    found: TokenEfficiency
    markdown: str
    arms: str  # a table of few characters: the page shows it without a click
    picture: str


def report_of(walk: Walk) -> ComparisonPage:
    """Compare all experiments of the recipe that were evaluated."""
    names = [
        n for n in walk.lake.partitions("evaluation") if n in walk.recipe.training.experiments()
    ]
    samples = walk.lake.beside("evaluation_samples", names).collect()
    checkpoints = walk.lake.beside("checkpoints", names).collect()
    known = {name: experiment(name) for name in names}
    samples = samples.with_columns(
        arm=pl.col("experiment").replace_strict(
            {name: e.arm.name for name, e in known.items()}, return_dtype=pl.String
        ),
        seed=pl.col("experiment").replace_strict(
            {name: e.seed for name, e in known.items()}, return_dtype=pl.Int64
        ),
    )
    settings = walk.recipe.evaluation
    found = compare(samples, checkpoints, settings, walk.recipe.training.seeds)
    folder = resources.files("webscale_dagster") / "evaluation"
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    ).from_string((folder / "report.md").read_text("utf-8"))
    text = template.render(made=found, metric=METRIC, confidence=settings.confidence)
    return ComparisonPage(found, text, _arms(found), _picture(found))


def _arms(found: TokenEfficiency) -> str:
    lines = [
        f"| {a.arm} | {a.score.value:.3f} | {a.score.low:.3f}–{a.score.high:.3f} |"
        for a in found.arms
    ]
    return "\n".join([f"| arm | {METRIC} | interval |", "|---|---|---|", *lines])


def _picture(found: TokenEfficiency) -> str:
    """Score against training tokens, an interval for each arm."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "Install the extra `train` for the picture."
    figure = Figure(figsize=(7, 4), dpi=90, layout="constrained")
    axes = figure.add_subplot()
    for arm in found.arms:
        score, tokens = arm.score, arm.tokens["training_tokens"]
        err = [[score.value - score.low], [score.high - score.value]]
        axes.errorbar([tokens], [score.value], yerr=err, fmt="o", capsize=3, label=arm.arm)
    axes.set_xlabel("training tokens after the base model")
    axes.set_ylabel(METRIC)
    if found.arms:
        axes.legend(fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    picture = base64.b64encode(data.getvalue()).decode()
    return f"![score against tokens](data:image/png;base64,{picture})"
