"""``webscale demo``: the whole walk on the package's samples, without a model, to a release."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click
import polars as pl

from webscale_dagster import shards
from webscale_dagster.cli.console import console, table
from webscale_dagster.home import home, use_recipe
from webscale_dagster.ingest import ingest_source
from webscale_dagster.sources import write_source
from webscale_dagster.walk import SHARDED, Walk

SAMPLES = ("articles", "handbook", "web")


@click.command("demo")
def demo() -> None:
    """Walk the package's samples from documents to a release. No model, no key, no network.

    Example: WEBSCALE_HOME=/tmp/try webscale demo
    """
    started = time.monotonic()
    with _compiling():
        walk = _register()
        from webscale_dagster.cli.runs import ORDER, Runner

        names = [name for name in shards.names(walk.lake) if name.startswith("samples-")]
        outcome = Runner(walk).run(names, ORDER)
    if outcome.failed:
        raise click.ClickException("; ".join(outcome.failed.values()))
    _show(walk)
    console.print(f"\n{time.monotonic() - started:.0f} s. Home: {home()}")
    console.print(
        "Next:  webscale ui                  lineage, checks and these runs, in a browser\n"
        "       webscale status              funnel, rejects by reason, verdicts\n"
        "       webscale show qa_pairs -n 5  rows, readable\n"
        "       webscale audit export        a form for people to judge a sample of the pairs\n"
        "       webscale ingest YOUR_FILES   then: webscale run"
    )


@contextmanager
def _compiling() -> Iterator[None]:
    """The first time on a machine half of the kernels are compiled on another core meanwhile."""
    command = [sys.executable, "-m", "webscale_dagster.text.warm_up"]
    helper = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        helper.terminate()
        helper.wait()


def _register() -> Walk:
    """Copy the samples into the home as a source of its own."""
    folder = home() / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    packaged = Path(str(resources.files("webscale_dagster") / "samples"))
    for name in SAMPLES:
        target = folder / f"{name}.jsonl"
        if not target.exists():
            shutil.copyfile(packaged / f"{name}.jsonl", target)
    if not (home() / "recipe.toml").exists():
        use_recipe("demo")
    walk = Walk.at_home()
    fields = {"group_field": "group", "license_field": "license"}
    ingest_source(walk, write_source(str(folder), home() / "sources", fields, "samples"))
    return walk


def _show(walk: Walk) -> None:
    from webscale_dagster.exports.release import current_channel

    lake = walk.lake
    names = shards.names(lake)
    rejects = lake.rejects([*SHARDED, "rl_splits"], [*names, ""]).collect()
    rows = []
    for name in (*SHARDED, "rl_splits"):
        left = rejects.filter(pl.col("stage") == name)
        reasons = left.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
        said = ", ".join(f"{reason} {n}" for reason, n in reasons.rows())
        rows.append((name, lake.read(name).select(pl.len()).collect().item(), left.height, said))
    console.print(table("From documents to examples", ["table", "rows", "rejects", "why"], rows))
    _three_pairs(walk)
    channel = current_channel(walk, walk.recipe.dataset_release.channel)
    if channel:
        release = f"{lake.root}/releases/{channel['release']}"
        console.print(f"\nRelease, now in the channel candidate: {release}")
    else:
        console.print("\nReleased, but not let into a channel; `webscale status` names the gates")


def _three_pairs(walk: Walk) -> None:
    pairs = walk.lake.read("decontaminated_set").sort("qa_id").collect()
    console.print("\n[bold]Three pairs with their quotes[/bold]")
    for row in pairs.unique("domain", keep="first", maintain_order=True).head(3).to_dicts():
        options = json.loads(row["verifier_options"])
        unit = f", unit {options['unit']}" if options.get("unit") else ""
        console.print(f"\n  {row['domain']}: {row['question']}", markup=False)
        console.print(f"  → {row['answer']}  ({row['answer_type']}{unit})", markup=False)
        quote = textwrap.fill(
            f"“{row['evidence']}”", 96, initial_indent="    ", subsequent_indent="    "
        )
        console.print(quote, style="dim", markup=False)


COMMANDS = {"demo": demo}
