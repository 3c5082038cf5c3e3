"""What a checkpoint's page shows: what it cost, and its curves as a picture.

Reads ``metrics.jsonl`` of a job's folder; makes metadata and Markdown.
"""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from webscale_dagster.training.job import Job

# What is drawn, by picture; a picture without any of its numbers is left out.
_PICTURES = (
    ("loss", ("loss",)),
    ("reward by answer type", ("reward", "reward_*")),
    ("groups without variance, cut off", ("zero_variance_share", "cut_off_share")),
    ("entropy", ("entropy",)),
    ("tokens of a completion", ("completion_tokens_mean", "completion_tokens_max")),
    ("tokens so far", ("training_tokens", "generated_tokens")),
)
_NO_SERIES = ("reward_std",)


def summary(job: Job, result: dict[str, Any], release: str) -> dict[str, Any]:
    """Numbers in the order people ask for them."""
    lines = metrics(job)
    last = lines[-1] if lines else {}
    told = {
        "checkpoint": f"{job.phase}-{job.key}",
        "model": str(job.folder / "model"),
        "release": release,
        **{name: result[name] for name in _COSTS if name in result},
        **{name: last[name] for name in ("loss", "reward", "entropy") if name in last},
        "started_from": job.what["parent"],
    }
    if outcomes := result.get("outcomes"):
        told["verifier_outcomes"] = outcomes
    return told


_COSTS = ("steps", "training_tokens", "generated_tokens", "source_tokens", "parameters")


def metrics(job: Job) -> list[dict[str, float]]:
    """All lines of ``metrics.jsonl``."""
    path = job.folder / "metrics.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def curves(job: Job) -> str:
    """One picture of small plots, as Markdown; a sentence where there is nothing to draw."""
    lines = metrics(job)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "Install the extra `train` for curves; the numbers are in `metrics.jsonl`."
    drawn = [(title, _series(lines, names)) for title, names in _PICTURES]
    drawn = [(title, found) for title, found in drawn if found]
    if not drawn:
        return "No step was logged."
    figure = Figure(figsize=(9, 2.1 * ((len(drawn) + 2) // 3)), dpi=80, layout="constrained")
    rows = (len(drawn) + 2) // 3
    for place, (title, found) in enumerate(drawn):
        axes = figure.add_subplot(rows, min(3, len(drawn)), place + 1)
        for name, points in found.items():
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=7)
        if len(found) > 1:
            axes.legend(fontsize=6)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    picture = base64.b64encode(data.getvalue()).decode()
    return f"![curves of {job.phase}-{job.key}](data:image/png;base64,{picture})"


def _series(
    lines: list[dict[str, float]], names: tuple[str, ...]
) -> dict[str, list[tuple[float, float]]]:
    known = sorted({name for line in lines for name in line} - set(_NO_SERIES))
    wanted = [
        name
        for name in known
        if any(name == w or (w.endswith("*") and name.startswith(w[:-1])) for w in names)
    ]
    return {name: [(line["step"], line[name]) for line in lines if name in line] for name in wanted}
