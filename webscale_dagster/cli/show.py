"""``webscale show``: rows of a table, readable."""

from __future__ import annotations

import json

import click
import polars as pl

from webscale_dagster import shards
from webscale_dagster.cli.console import console
from webscale_dagster.lake import SIDE_OF, Lake
from webscale_dagster.stages import STAGES
from webscale_dagster.tables import TABLES
from webscale_dagster.walk import SHARDED, Walk

_LONG = 600  # characters of a cell


@click.command("show")
@click.argument("table", type=click.Choice(list(TABLES)), metavar="TABLE")
@click.option("--shard", help="Only this shard.")
@click.option("--domain", help="Only this domain.")
@click.option("--rejected", metavar="REASON", help="Rejects of this stage for this reason instead.")
@click.option("-n", "count", default=5, show_default=True, help="How many rows.")
@click.option("--seed", type=int, help="Draw the rows at random with this seed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, cells whole.")
def show(
    table: str,
    shard: str | None,
    domain: str | None,
    rejected: str | None,
    count: int,
    seed: int | None,
    as_json: bool,
) -> None:
    """Print rows of a table of the lake.

    Example: webscale show decontaminated_set --domain history -n 3

    Example: webscale show filtered_docs --rejected too_short
    """
    lake = Walk.at_home().lake
    rows = _rejected(lake, table, rejected, shard) if rejected else _rows(lake, table, shard)
    if domain:
        if "domain" not in rows.collect_schema():
            raise click.ClickException(f"{table} has no column domain")
        rows = rows.filter(pl.col("domain") == domain)
    total = rows.select(pl.len()).collect().item()
    drawn = rows.head(count).collect() if seed is None else _draw(rows, count, seed)
    for row in drawn.to_dicts():
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False, default=str))
        else:
            _print(row)
    if not as_json:
        console.print(f"{drawn.height} of {total:,} rows of {table}", style="dim")


def _rows(lake: Lake, table: str, shard: str | None) -> pl.LazyFrame:
    """A table's rows; of side tables those that a commit of kept rows names."""
    names = [shard] if shard else [*shards.names(lake), ""]
    if table == "rejects":
        return lake.rejects(list(STAGES), names)
    if table == "llm_calls":
        return lake.llm_calls(list(STAGES), names)
    if table in SIDE_OF:
        return lake.beside(table, names)
    return lake.read(table, shard)


def _rejected(lake: Lake, stage: str, reason: str, shard: str | None) -> pl.LazyFrame:
    """Rejects with what they were: the parent's text or question stands beside the reason."""
    names = [shard] if shard else [*shards.names(lake), ""]
    rows = lake.rejects([stage], names)
    known = rows.group_by("reason").len().sort("len", descending=True).collect()
    if reason not in known["reason"]:
        said = ", ".join(f"{name} ({n})" for name, n in known.rows()) or "none at all"
        raise click.ClickException(f"no reject of {stage} for {reason!r}; there are: {said}")
    found = rows.filter(pl.col("reason") == reason)
    if stage == "filtered_docs":
        texts = lake.read("raw_corpus").select("doc_id", "shard", "title", "source", "text")
        return found.join(texts, left_on=["row_id", "shard"], right_on=["doc_id", "shard"])
    if stage in ("verified_qa", "decontaminated_set", "rl_splits"):
        pairs = lake.read(SHARDED[SHARDED.index("qa_pairs")])
        asked = pairs.select("qa_id", "question", "answer", "answer_type", "evidence")
        return found.join(asked, left_on="row_id", right_on="qa_id", how="left")
    return found


def _draw(rows: pl.LazyFrame, count: int, seed: int) -> pl.DataFrame:
    found = rows.collect()
    return found.sample(min(count, found.height), seed=seed, shuffle=True)


def _print(row: dict[str, object]) -> None:
    width = max(len(name) for name in row)
    for name, value in row.items():
        text = str(value) if value is not None else "—"
        cut = text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text):,} characters)"
        body = cut.replace("\n", "\n" + " " * (width + 2))
        console.print(f"[bold]{name:<{width}}[/bold]  ", end="")
        console.print(body, markup=False)
    console.print()


COMMANDS = {"show": show}
