"""``webscale decontaminate``: benchmark text in a plain file."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from webscale_dagster.cli.console import console, errors, table
from webscale_dagster.cli.contamination_report import counts, report
from webscale_dagster.cli.files import identified, read_rows, write_parquet
from webscale_dagster.home import chosen_recipe

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


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

    chosen = chosen_recipe(recipe)
    rows = read_rows(source)
    pairs = {"question", "answer"} <= set(rows.columns)
    rows = identified(rows, source, "id", "question" if pairs else "text", rename=not pairs)
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


COMMANDS = {"decontaminate": decontaminate}
