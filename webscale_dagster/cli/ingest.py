"""``webscale ingest``: registers the files of sources as shards."""

from __future__ import annotations

from pathlib import Path

import click

from webscale_dagster.cli.console import console, errors
from webscale_dagster.home import home
from webscale_dagster.ingest import Ingested, ingest_source
from webscale_dagster.sources import write_source
from webscale_dagster.walk import Walk


@click.command("ingest")
@click.argument("sources", nargs=-1, required=True)
@click.option("--text-field", help="The field that holds the text (plain paths only).")
@click.option("--id-field", help="The field that holds the record's id (plain paths only).")
@click.option("--license", "license_name", help="The licence of every document (plain paths only).")
@click.option("--rows-per-shard", type=click.IntRange(min=1), help="20,000 by default.")
@click.option("--name", help="The source's name (plain paths only).")
@click.option("--update", is_flag=True, help="Register files that have changed again.")
@click.option("--json", "as_json", is_flag=True, help="Print what was registered as JSON.")
def ingest(
    sources: tuple[str, ...], name: str | None, update: bool, as_json: bool, **fields: object
) -> None:
    """Register new shards. A source is a TOML, a path, a glob or an s3:// prefix.

    For all but a TOML one is written to $WEBSCALE_HOME/sources, where the sensor finds it too.

    Example: webscale ingest examples/public-corpora/*.toml

    Example: webscale ingest /data/crawl --text-field body
    """
    walk = Walk.at_home()
    given = {
        {"license_name": "license"}.get(key, key): value
        for key, value in fields.items()
        if value is not None
    }
    reports = []
    for source in sources:
        if source.endswith(".toml"):
            if given or name:
                raise click.ClickException(f"{source}: set fields in the TOML, not by options")
            path = Path(source)
        else:
            path = write_source(source, home() / "sources", given, name)  # type: ignore[arg-type]
        with console.status(f"reading {path.stem}"):
            reports.append(ingest_source(walk, path, update=update))
    if as_json:
        console.print_json(data=[report.__dict__ for report in reports])
    for report in reports:
        _say(report, quiet=as_json)
    if any(report.warnings for report in reports):
        raise click.exceptions.Exit(1)


def _say(report: Ingested, *, quiet: bool) -> None:
    for warning in report.warnings:
        errors.print(f"[yellow]changed[/yellow] {warning}")
    if quiet:
        return
    span = f" ({report.new[0]} … {report.new[-1]})" if report.new else ""
    console.print(
        f"{report.source}: {len(report.new)} new shards{span}, {len(report.updated)} updated, "
        f"{report.n_unchanged} files unchanged"
    )


COMMANDS = {"ingest": ingest}
