"""``webscale status``: funnel, rejects by reason, tokens per accepted pair, verdicts per shard."""

from __future__ import annotations

import json
from typing import Any

import click
import polars as pl

from webscale_dagster import shards
from webscale_dagster.cli.console import console, table
from webscale_dagster.exports.gates import closed_gates, unpassed
from webscale_dagster.exports.release import current_channel
from webscale_dagster.lake_marts import build_marts
from webscale_dagster.stages import STAGES
from webscale_dagster.walk import SHARDED, Walk

ORDER = list(STAGES)
_FUNNEL = ("documents", "duplicates", "filtered", "personas", "pairs", "verified", "clean")
_CALLS = ("calls", "replayed_calls", "tokens_in", "tokens_out", "cost")
_YIELD = ("accepted_pairs", "tokens_per_accepted_pair", "cost_per_accepted_pair")
_SHOWN = (
    ("funnel_by_source", "Funnel by source", ["source", "shards", *_FUNNEL, "examples"]),
    ("funnel_by_domain", "Funnel by domain", ["domain", "documents", *_FUNNEL[3:], "examples"]),
    (
        "yield_per_pair",
        "Calls, tokens and cost per accepted pair",
        ["source", "stage", *_CALLS, *_YIELD],
    ),
)


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def status(as_json: bool) -> None:
    """Say what the lake holds: funnel, rejects, cost, verdicts, releases.

    Example: webscale status --json | jq .unpassed
    """
    walk = Walk.at_home()
    names = shards.names(walk.lake)
    if not names:
        raise click.ClickException(
            "no shard is registered; webscale ingest SOURCE, or webscale demo"
        )
    marts = build_marts(walk.lake).models
    late = {name: stale for name in names if (stale := walk.stale(SHARDED, name))}
    bad = unpassed(walk)
    channel = current_channel(walk, "candidate")
    if as_json:
        found: dict[str, Any] = {name: frame.to_dicts() for name, frame in marts.items()}
        found |= {"unpassed": bad, "not_up_to_date": late, "candidate": channel}
        found["closed_gates"] = [gate.as_dict() for gate in closed_gates(walk)]
        click.echo(json.dumps(found, default=str))
        return
    for name, title, columns in _SHOWN:
        frame = marts[name].select(columns)
        console.print(table(title, frame.columns, frame.rows()))
    reasons = marts["reject_reasons"].group_by("stage", "reason").agg(pl.sum("n_rows"))
    rows = sorted(reasons.rows(), key=lambda row: (ORDER.index(row[0]), -row[2]))
    console.print(table("Rejects", ["stage", "reason", "rows"], rows))
    console.print(table("Shards", ["shard", "last verdict", "to do"], _verdicts(names, bad, late)))
    if channel:
        console.print(f"candidate → {channel['release']}, since {channel['moved_at']}")
    else:
        console.print("candidate → no release yet")
    for gate in closed_gates(walk):
        console.print(f"[red]gate closed[/red] {gate.name}: {gate.seen}; wanted: {gate.wanted}")
    for line in bad:
        console.print(f"[red]contract broken[/red] {line}; the last good version stays readable")


def _verdicts(
    names: list[str], bad: list[str], late: dict[str, list[str]]
) -> list[tuple[str, str, str]]:
    """Shards that need a look; the others are one line."""
    broken = {line.split(": ")[0].split("/")[1]: line for line in bad}
    rows = [
        (name, broken.get(name, "passed"), ", ".join(late.get(name, ())))
        for name in names
        if name in broken or name in late
    ]
    good = len(names) - len(rows)
    return [*rows, (f"{good} shards", "passed", "")] if good else rows


COMMANDS = {"status": status}
