"""``webscale dedup`` and ``webscale decontaminate``: the text engine on plain files."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from webscale_dagster.cli.console import console, errors, table
from webscale_dagster.cli.contamination_report import counts, report
from webscale_dagster.cli.files import read_rows, text_column, write_parquet
from webscale_dagster.home import home_recipe
from webscale_dagster.recipe import Recipe, load_recipe

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("dedup")
@click.argument("source", type=_FILE, metavar="INPUT")
@click.argument("out", type=_FOLDER)
@click.option("--text-field", default="text", show_default=True)
@click.option("--id-field", default="id", show_default=True)
@click.option("--recipe", help="A recipe's name or TOML file.")
def dedup(source: Path, out: Path, text_field: str, id_field: str, recipe: str | None) -> None:
    """Find exact and near duplicates; writes duplicates.parquet and kept.parquet to OUT.

    Example: webscale dedup documents.jsonl.zst out/
    """
    from webscale_dagster.text.near_duplicates import find_near_duplicates

    rows = _identified(read_rows(source), source, id_field, text_field)
    with errors.status(f"comparing {rows.height:,} documents"):
        settings = _recipe(recipe).near_duplicates
        found = find_near_duplicates(rows.select("id", "text"), settings=settings)
    write_parquet(found, out / "duplicates.parquet")
    write_parquet(rows.join(found, on="id", how="anti"), out / "kept.parquet")
    console.print(f"{found.height:,} of {rows.height:,} documents are duplicates: {out}")


@click.command("decontaminate")
@click.argument("source", type=_FILE, metavar="INPUT")
@click.argument("out", type=_FOLDER)
@click.option("--benchmarks", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--recipe", help="A recipe's name or TOML file.")
def decontaminate(source: Path, out: Path, benchmarks: Path, recipe: str | None) -> None:
    """Find documents or pairs that overlap a benchmark; writes contaminated and clean to OUT.

    OUT also gets report.md: counts by benchmark and rule, and matches beside the questions.

    Rows with `question` and `answer` are pairs, others are documents with `id` and `text`.

    Example: webscale decontaminate pairs.parquet out/ --benchmarks benchmarks/
    """
    from webscale_dagster.readers import read_benchmarks
    from webscale_dagster.stages import STAGES, Context
    from webscale_dagster.text.decontamination import Decontaminator

    chosen = _recipe(recipe)
    rows = read_rows(source)
    pairs = {"question", "answer"} <= set(rows.columns)
    rows = _identified(rows, source, "id", "question" if pairs else "text", rename=not pairs)
    with errors.status("indexing the benchmarks"):
        files = read_benchmarks(benchmarks)
        index = STAGES["benchmarks"].run({"benchmark_files": files}, Context(chosen))
        engine = Decontaminator(
            index.beside["benchmark_ngrams"], index.kept, chosen.decontaminated_set
        )
    with errors.status(f"comparing {rows.height:,} rows"):
        found = (
            engine.find_pairs(rows.select("id", "question", pl.col("answer").cast(pl.String)))
            if pairs
            else engine.find(rows.select("id", "text"))
        )
    write_parquet(found, out / "contaminated.parquet")
    write_parquet(rows.join(found, on="id", how="anti"), out / "clean.parquet")
    (out / "report.md").write_text(report(found, index.kept, rows.height), encoding="utf-8")
    listed = counts(found)
    if listed.height:
        console.print(table("", tuple(listed.columns), listed.rows()))
    console.print(f"{found['id'].n_unique():,} of {rows.height:,} rows overlap a benchmark: {out}")


def _recipe(name: str | None) -> Recipe:
    return load_recipe(name) if name else home_recipe()


def _identified(
    rows: pl.DataFrame, source: Path, id_field: str, text_field: str, *, rename: bool = True
) -> pl.DataFrame:
    """Rows with unique ids and a text; a row without one is named."""
    text_column(rows, source, text_field)
    if id_field not in rows.columns:
        raise click.ClickException(
            f"{source}: no field {id_field!r}; it has {', '.join(rows.columns)}"
        )
    if rename:
        taken = {"id", "text"} - {id_field, text_field}
        rows = rows.drop(*(name for name in taken if name in rows.columns))
        rows = rows.rename({id_field: "id", text_field: "text"})
    rows = rows.with_columns(pl.col("id").cast(pl.String))
    bad = rows["id"].is_null() | rows["id"].is_duplicated()
    if bad.any():
        row = bad.arg_true()[0]
        raise click.ClickException(
            f"{source}, row {row}: an id that is missing or repeated; mend or remove the row"
        )
    return rows


COMMANDS = {"dedup": dedup, "decontaminate": decontaminate}
