"""``webscale audit``: a sample of pairs for people to judge, their labels, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import click

from webscale_dagster import shards
from webscale_dagster.audit.export import Wanted, keep_audit, load_sample, make_audit
from webscale_dagster.audit.labels import import_labels, load_labels
from webscale_dagster.audit.markdown import report_markdown
from webscale_dagster.audit.report import make_report
from webscale_dagster.cli.console import console
from webscale_dagster.walk import Walk

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("audit")
def audit() -> None:
    """Let people judge a sample of pairs, and read what they say.

    Example: webscale audit export --name spring audit/
    """


@audit.command("export")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", help="The audit's name; made from the sample where none is given.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--margin", type=click.FloatRange(0.001, 0.5), default=0.05, show_default=True)
@click.option("-n", "size", type=click.IntRange(min=1), help="So many pairs, whatever the margin.")
@click.option("--seed", type=int, help="The recipe's by default.")
@click.option("--rejected-share", type=click.FloatRange(0.0, 0.9), default=0.25, show_default=True)
@click.option("--shards", "pattern", default="*", show_default=True, help="Only these; a glob.")
@click.option("--json", "as_json", is_flag=True, help="Print what was drawn as JSON.")
def export(
    out: Path,
    name: str | None,
    confidence: float,
    margin: float,
    size: int | None,
    seed: int | None,
    rejected_share: float,
    pattern: str,
    as_json: bool,
) -> None:
    """Draw a stratified sample and write audit.html, audit.csv and sample.json into OUT.

    Send people audit.html (it works offline) or audit.csv; keep sample.json, it tells what the
    checks decided.

    Example: webscale audit export --name spring --margin 0.03 audit/
    """
    walk = Walk.at_home()
    seed = walk.recipe.seed if seed is None else seed
    wanted = Wanted(confidence, margin, size, seed, rejected_share)
    with console.status("drawing the sample"):
        made = make_audit(walk.lake, shards.names(walk.lake, pattern), wanted, name)
        files = keep_audit(walk.lake, made, out)
    sample = made.sample
    if as_json:
        facts = {key: value for key, value in sample.items() if key not in ("items", "yields")}
        click.echo(json.dumps(facts | {"files": [str(path) for path in files]}))
        return
    n_kept, drawn = sample["drawn_kept"], sample["drawn"]
    console.print(
        f"audit {sample['name']}: {n_kept:,} of {sample['kept_pairs']:,} kept pairs and "
        f"{drawn - n_kept:,} of {sample['pairs'] - sample['kept_pairs']:,} rejected ones, "
        f"from {len(sample['strata']):,} strata"
    )
    if n_kept:
        console.print(
            f"a share of the kept pairs is known to ±{100 * sample['margin']:.1f} points at "
            f"{confidence:.0%} confidence, in the worst case of p = 0.5"
        )
    if sample["gone_pairs"]:
        console.print(
            f"left out: {sample['gone_pairs']:,} verdicts on pairs that are no longer there; "
            "webscale run brings verified_qa up to date"
        )
    for path in files:
        console.print(str(path), markup=False)
    console.print(f"then: webscale audit import {sample['name']} labels-*.json", markup=False)


@audit.command("import")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE…")
def import_(name: str, files: tuple[Path, ...]) -> None:
    """Store reviewers' labels: files saved by the form, or filled sheets as CSV.

    A reviewer's later file replaces the earlier one. If one file is wrong, none is stored.

    Example: webscale audit import spring labels-*.json
    """
    lake = Walk.at_home().lake
    for found in import_labels(lake, load_sample(lake, name), files):
        before = "" if found.replaced is None else f", in place of {found.replaced:,} before"
        console.print(f"{found.reviewer}: {found.pairs:,} pairs labelled{before}", markup=False)
    console.print(f"then: webscale audit report {name}", markup=False)


@audit.command("report")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write Markdown here.")
def report(name: str, as_json: bool, out: Path | None) -> None:
    """Say what the labels tell: precision, agreement, the checks against people, thresholds.

    Example: webscale audit report spring --out audit/report.md
    """
    lake = Walk.at_home().lake
    sample = load_sample(lake, name)
    labels = load_labels(lake, name)
    if not any(file.labels for file in labels):
        raise click.ClickException(f"no labels yet; webscale audit import {name} FILE…")
    found = make_report(sample, labels)
    text = report_markdown(found)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    click.echo(json.dumps(found) if as_json else text)


COMMANDS = {"audit": audit}
