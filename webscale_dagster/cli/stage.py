"""``webscale stage``: one stage on plain files, without Dagster and without a lake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import polars as pl

from webscale_dagster.cli.console import bars, console, errors
from webscale_dagster.cli.estimate import MODEL_HELP
from webscale_dagster.cli.files import read_rows, write_parquet
from webscale_dagster.home import chosen_recipe
from webscale_dagster.lake import SIDE_OF
from webscale_dagster.llm.backends import open_models
from webscale_dagster.llm.journal import Journal
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.tally import Tally
from webscale_dagster.progress import announce
from webscale_dagster.readers import read_benchmarks
from webscale_dagster.recipe import Recipe
from webscale_dagster.sources import load_source, plan_shards, write_source
from webscale_dagster.stages import STAGES, Context, Result, Stage
from webscale_dagster.tables import TABLES
from webscale_dagster.verifiers.guess import guess
from webscale_dagster.walk import benchmark_files, record_frames

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PLAIN = tuple(name for name in STAGES if name not in ("benchmarks", "rl_splits"))


@click.command("stage")
@click.argument("name", type=click.Choice(PLAIN), metavar="NAME")
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="INPUT")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--recipe", help="A recipe's name or TOML file.")
@click.option("--model", metavar="URL#NAME", help=MODEL_HELP)
@click.option("--concurrency", type=click.IntRange(min=1), help="Requests in flight, at most.")
@click.option("--text-field", default="text", show_default=True, help="For stage raw_corpus.")
@click.option("--documents", type=_FILE, help="The texts, where INPUT's rows do not carry them.")
def stage(
    name: str,
    source: Path,
    out: Path,
    recipe: str | None,
    model: str | None,
    concurrency: int | None,
    text_field: str,
    documents: Path | None,
) -> None:
    """Run one stage on a file; writes kept, rejects and calls as parquet files to OUT.

    INPUT of raw_corpus is any corpus file; of the others parquet or JSONL with the columns of the
    tables the stage reads, or at least `id` and `text` for documents, and `id`, `question` and
    `answer` (and `text`, `evidence`) for pairs.

    Killed and started again with the same OUT it asks no request again that was answered.

    Example: webscale stage filtered_docs documents.jsonl out/
    """
    chosen = chosen_recipe(recipe)
    chosen = chosen.with_model(model) if model else chosen
    made = STAGES[name]
    if name == "raw_corpus":
        frames = _records(source, chosen, text_field, out)
    else:
        frames = _frames(made, source, chosen, documents)
    with bars(1) as display:
        display.at(name)
        pace = Pace(concurrency=concurrency) if concurrency else Pace()
        result, calls = _run(made, frames, chosen, out, pace)
        display.done()
    write_parquet(result.kept, out / "kept.parquet")
    write_parquet(result.rejects, out / "rejects.parquet")
    write_parquet(calls, out / "calls.parquet")
    for side in SIDE_OF.keys() & result.beside:
        write_parquet(result.beside[side], out / f"{side}.parquet")
    console.print(f"{result.kept.height:,} kept, {result.rejects.height:,} rejects: {out}")


def _run(
    made: Stage, frames: dict[str, pl.DataFrame], recipe: Recipe, out: Path, pace: Pace
) -> tuple[Result, pl.DataFrame]:
    rows = (0, 0)

    def progress(done: int, total: int) -> None:
        nonlocal rows
        rows = done, total
        announce(made.name, done, total)

    def watch(tally: Tally) -> None:
        announce(made.name, rows[0], rows[1], tally)

    context = Context(recipe, "plain", progress=progress)
    if not made.asks_model:
        return made.run(frames, context), TABLES["llm_calls"].empty()
    with Journal(out / ".journal", made.name, "plain") as journal:
        asked = open_models(recipe, journal, pace=pace, watch=watch, say=errors.print)
        context = replace(context, model=asked[0], second=asked[1] if asked[1:] else None)
        return made.run(frames, context), pl.concat([model.calls() for model in asked])


def _records(source: Path, recipe: Recipe, text_field: str, out: Path) -> dict[str, pl.DataFrame]:
    fields: dict[str, str | int] = {"text_field": text_field, "rows_per_shard": 1_000_000_000}
    toml = write_source(str(source), out / ".source", fields, "plain")
    plan = plan_shards(load_source(toml), TABLES["shards"].empty(), recipe.raw_corpus)
    return record_frames(plan.new[0], recipe)


def _frames(
    made: Stage, source: Path, recipe: Recipe, documents: Path | None
) -> dict[str, pl.DataFrame]:
    """The tables the stage reads, from the file's rows; others are empty."""
    rows = read_rows(source)
    frames = {table: TABLES[table].empty() for table in made.reads if table in TABLES}
    if made.name == "near_duplicates":
        frames["raw_corpus"] = _documents(rows, source)
        from webscale_dagster.text.near_duplicates import sign

        signed = sign(frames["raw_corpus"].rename({"doc_id": "id"}), recipe.near_duplicates)
        frames["signatures"] = signed.rename({"id": "doc_id"})
        frames["earlier"] = TABLES["signatures"].empty().with_columns(family=pl.lit(""))
        return frames
    if "benchmarks" in made.reads:
        files = read_benchmarks(benchmark_files(recipe))
        indexed = STAGES["benchmarks"].run({"benchmark_files": files}, Context(recipe))
        frames |= {"benchmarks": indexed.kept, **indexed.beside}
    main = made.reads[0]
    frames[main] = (
        _pairs(rows, main, source) if "question" in rows.columns else _documents(rows, source, main)
    )
    if "filtered_docs" in made.reads and main != "filtered_docs":
        if documents is not None:
            found = _documents(read_rows(documents), documents, "filtered_docs")
            frames["filtered_docs"] = found
        else:
            frames["filtered_docs"] = _texts_of(frames[main], rows, source)
    return frames


def _documents(rows: pl.DataFrame, source: Path, table: str = "raw_corpus") -> pl.DataFrame:
    """Rows as documents of a table; what is missing is worked out from id and text."""
    from webscale_dagster.text.language import detect_language
    from webscale_dagster.text.normalise import text_hash, words

    rows = _renamed(rows, "doc_id")
    _require(rows, ("doc_id", "text") if "persona" not in rows.columns else ("doc_id",), source)
    if "text" not in rows.columns:
        return _complete(rows, table)
    texts = rows["text"].fill_null("").to_list()
    derived = {
        "lang": pl.Series("lang", [detect_language(text)[0] for text in texts]),
        "n_words": pl.Series("n_words", [len(words(text)) for text in texts]),
        "text_hash": pl.Series("text_hash", [text_hash(text) for text in texts]),
        "row": pl.Series("row", range(rows.height)),
        "measures": pl.Series("measures", ["{}"] * rows.height),
    }
    return _complete(
        rows.with_columns(c for name, c in derived.items() if name not in rows.columns), table
    )


def _pairs(rows: pl.DataFrame, table: str, source: Path) -> pl.DataFrame:
    rows = _renamed(rows, "qa_id")
    _require(rows, ("qa_id", "question", "answer"), source)
    defaults = {
        "doc_id": pl.col("qa_id"),
        "domain": pl.lit("other"),
        "persona_index": pl.lit(0),
        "persona": pl.lit(""),
        "answer_type": pl.struct("question", "answer").map_elements(
            lambda row: guess(row["question"] or "", [row["answer"] or ""]), return_dtype=pl.String
        ),
        "verifier_options": pl.lit("{}"),
        "evidence": pl.col("answer"),
        "model": pl.lit(""),
        "prompt_version": pl.lit(""),
        "verified_by": pl.lit("rules"),
        "quote_score": pl.lit(1.0),
        "support": pl.lit(1.0),
        "text": pl.col("evidence") if "evidence" in rows.columns else pl.col("answer"),
    }
    missing = [value.alias(name) for name, value in defaults.items() if name not in rows.columns]
    return _complete(rows.with_columns(missing), table, keep=("text",))


def _texts_of(frame: pl.DataFrame, rows: pl.DataFrame, source: Path) -> pl.DataFrame:
    """The documents that pairs or personas were made from, from the same rows."""
    if "text" not in frame.columns and "text" not in rows.columns:
        raise click.ClickException(f"{source}: its rows carry no text; name --documents FILE")
    text = frame["text"] if "text" in frame.columns else rows["text"]
    documents = frame.select("doc_id").with_columns(text.alias("text"))
    return _complete(documents.unique("doc_id", keep="first", maintain_order=True), "filtered_docs")


def _renamed(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    if key not in rows.columns and "id" in rows.columns:
        rows = rows.rename({"id": key})
    return rows.with_columns(pl.col(key).cast(pl.String)) if key in rows.columns else rows


def _require(rows: pl.DataFrame, names: tuple[str, ...], source: Path) -> None:
    missing = [
        name.replace("doc_id", "id").replace("qa_id", "id")
        for name in names
        if name not in rows.columns
    ]
    if missing:
        raise click.ClickException(
            f"{source}: lacks {', '.join(missing)}; it has {', '.join(rows.columns)}"
        )


def _complete(rows: pl.DataFrame, table: str, keep: tuple[str, ...] = ()) -> pl.DataFrame:
    """All columns of the table, null where the file has none."""
    schema = TABLES[table].schema
    columns = [
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    ]
    extra = [name for name in keep if name in rows.columns and name not in schema]
    return rows.select(*columns, *extra).with_columns(shard=pl.lit("plain"))


COMMANDS = {"stage": stage}
