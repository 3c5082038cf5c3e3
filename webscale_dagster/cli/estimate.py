"""``webscale run --estimate``: calls, tokens and cost by stage, before any is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from webscale_dagster.cli.console import console, table

if TYPE_CHECKING:
    from webscale_dagster.walk import Walk

MODEL_HELP = (
    "The model that answers: an OpenAI-compatible address and a name; or vllm#NAME (started "
    "here), batch#NAME (vllm run-batch), batch+URL#NAME (a batch API), extractive (no model)."
)
_HEAD = (
    *("stage", "model", "calls", "at most", "from journal", "tokens in", "tokens out"),
    *("tokens at most", "cost", "cost at most"),
)


def estimate_run(walk: Walk, names: Sequence[str], stages: Sequence[str], *, as_json: bool) -> None:
    """Bring the free assets up to date, then say what the others would cost."""
    from webscale_dagster.cli.runs import Runner
    from webscale_dagster.estimate import estimate, free_stages
    from webscale_dagster.walk import INGEST

    runner = Runner(walk)
    outcome = runner.run(names, [*INGEST, "benchmarks"])
    if not outcome.failed:
        outcome = runner.run(names, free_stages(walk, names))
    if outcome.failed:
        raise click.ClickException("; ".join(outcome.failed.values()))
    with console.status("counting"):
        found = estimate(walk, names, stages)
    if as_json:
        console.print_json(data=asdict(found))
        return
    rows = [[*asdict(stage).values()] for stage in found.stages]
    shown = [[r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9]] for r in rows]
    total = ["all", "", *(sum(row[place] for row in shown) for place in range(2, len(_HEAD)))]
    console.print(table("Before any of it is spent", _HEAD, [*shown, total]))
    console.print(f"{found.documents:,} documents pass the free checks or wait for a stage")
    console.print(f"tokens counted by {found.counted_by or 'nobody: no stage asks a model'}")
    if found.assumed:
        guesses = ", ".join(f"{name} {share:.0%}" for name, share in found.assumed.items())
        console.print(f"assumed, since no model has answered here yet: {guesses}")


__all__ = ["MODEL_HELP", "estimate_run"]
