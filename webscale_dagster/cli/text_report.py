"""``webscale text-report``: precision and recall of the text engine, by kind."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click
import polars as pl

from webscale_dagster.cli.console import console, errors, table
from webscale_dagster.cli.files import read_rows
from webscale_dagster.home import chosen_recipe, lake_root
from webscale_dagster.recipe import Recipe
from webscale_dagster.text.engine_report import MAX_DOCUMENTS, Report

if TYPE_CHECKING:
    from webscale_dagster.text.decontamination import Decontaminator

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PAIRS, _LEAKS = "near_duplicate_pairs", "benchmark_leakage"
_COLUMNS = {
    _PAIRS: ("label", "kind", "text_a", "text_b"),
    _LEAKS: ("leak_kind", "text", "question", "answer"),
}
_ENDS = (".jsonl.zst", ".jsonl.gz", ".jsonl", ".parquet")
_HEAD = ("part", "kind", "form", "rows", "found", "share", "truth")


@click.command("text-report")
@click.argument("source", type=_FILE, required=False, metavar="[INPUT]")
@click.option("--labelled", type=_FOLDER, help=f"Folder with {_PAIRS} and {_LEAKS}: files of rows.")
@click.option("--benchmarks", type=click.Path(exists=True, path_type=Path), metavar="DIR")
@click.option("--documents", type=click.IntRange(1), default=MAX_DOCUMENTS, show_default=True)
@click.option("--recipe", help="A recipe's name or TOML file.")
@click.option("--json", "as_json", is_flag=True, help="The same table as JSON.")
def text_report(
    source: Path | None,
    labelled: Path | None,
    benchmarks: Path | None,
    documents: int,
    recipe: str | None,
    as_json: bool,
) -> None:
    """What the text engine finds under the recipe's settings, by kind, and what it finds wrongly.

    Near-duplicates and benchmark questions are planted into documents by the recipe's seed: those
    of INPUT (JSONL or parquet with `text`), else of this home, else the package's samples. With
    --labelled nothing is planted. A release stores the same table of its own documents.

    Example: webscale text-report documents.jsonl.zst --benchmarks benchmarks/ --json
    """
    from webscale_dagster.text.engine_report import labelled_report, planted_report

    chosen = chosen_recipe(recipe)
    texts = [] if labelled else _documents(source, chosen, documents)
    with errors.status("indexing the benchmarks"):
        engine, questions = _index(benchmarks, chosen)
    with errors.status("looking for what is known to be there"):
        if labelled:
            pairs, leaks = (_labelled_rows(labelled, name) for name in (_PAIRS, _LEAKS))
            report = labelled_report(pairs, leaks, engine, chosen)
        else:
            report = planted_report(texts, questions, engine, chosen, documents)
    if as_json:
        console.print_json(data=report.as_dict())
    else:
        _print(report)


def _documents(source: Path | None, recipe: Recipe, n: int) -> list[str]:
    from webscale_dagster.exports.text_engine import sample
    from webscale_dagster.lake import Lake

    if source is None:
        texts = sample(Lake(lake_root()), recipe.seed, n)
        return texts or _samples()
    rows = read_rows(source)
    if "text" not in rows.columns:
        raise click.ClickException(f"{source}: no field 'text'; it has {', '.join(rows.columns)}")
    return list(rows["text"].drop_nulls())


def _samples() -> list[str]:
    from webscale_dagster.readers import read_objects

    folder = Path(str(resources.files("webscale_dagster") / "samples"))
    records = (row for path in sorted(folder.glob("*.jsonl")) for _, row in read_objects(path))
    return [str(row["text"]) for row in records if row.get("text")]


def _index(benchmarks: Path | None, recipe: Recipe) -> tuple[Decontaminator, pl.DataFrame]:
    from webscale_dagster.readers import read_benchmarks
    from webscale_dagster.stages import STAGES, Context
    from webscale_dagster.stages.overlap import decontaminator
    from webscale_dagster.walk import benchmark_files

    files = read_benchmarks(benchmarks or benchmark_files(recipe))
    made = STAGES["benchmarks"].run({"benchmark_files": files}, Context(recipe))
    frames = {"benchmarks": made.kept, **made.beside}
    return decontaminator(frames, recipe.decontaminated_set), made.kept


def _labelled_rows(folder: Path, name: str) -> pl.DataFrame:
    path = next((p for end in _ENDS if (p := folder / f"{name}{end}").exists()), None)
    if path is None:
        raise click.ClickException(f"{folder}: no {name}{_ENDS[0]} (or {', '.join(_ENDS[1:])})")
    rows = read_rows(path)
    if missing := [column for column in _COLUMNS[name] if column not in rows.columns]:
        raise click.ClickException(f"{path}: no field {missing[0]!r}")
    return rows


def _print(report: Report) -> None:
    rows = [
        (m.part, m.kind, m.form, m.rows, m.found, _shown(m.share), m.truth) for m in report.measures
    ]
    title = (
        f"Found of what is there: {report.documents:,} documents, {report.questions:,} questions"
    )
    console.print(table(title, _HEAD, rows))


def _shown(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


COMMANDS = {"text-report": text_report}
