"""``webscale try``: walks one document and prints prompts, replies and verdicts."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import polars as pl

from webscale_dagster.cli.console import console
from webscale_dagster.cli.estimate import MODEL_HELP
from webscale_dagster.home import chosen_recipe
from webscale_dagster.llm.backends import open_model
from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.journal import Journal
from webscale_dagster.readers import read_benchmarks
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages import STAGES, Context, Reply, Request
from webscale_dagster.tables import TABLES
from webscale_dagster.walk import BAD_RECORDS, GENERATE, RECORDS, benchmark_files

_LIMIT = 10_000_000  # bytes of a page


class _Talkative:
    """A model that prints what it is asked and what it answers."""

    def __init__(self, model: JournaledModel, prompts: bool) -> None:
        self.name, self.verifies = model.name, model.verifies
        self._model, self._prompts = model, prompts

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        asked = list(requests)
        for request, reply in zip(asked, self._model.ask(asked), strict=True):
            if self._prompts:
                for message in request.messages:
                    console.print(f"[dim]{message['role']}:[/dim]")
                    console.print(message["content"], style="dim", markup=False)
            console.print(f"[bold]{self.name}[/bold] ", end="")
            said = reply.text if reply.problem is None else ": ".join(reply.reject)
            console.print(said, markup=False)
            yield reply


@click.command("try")
@click.argument("source", metavar="FILE|URL|-")
@click.option("--recipe", help="A recipe's name or TOML file.")
@click.option("--model", metavar="URL#NAME", help=MODEL_HELP)
@click.option("--prompts/--no-prompts", default=False, help="Print the whole prompts too.")
def try_document(source: str, recipe: str | None, model: str | None, prompts: bool) -> None:
    """Walk one document through all stages and print what each makes of it.

    Example: webscale try page.html

    Example: curl -s https://example.org | webscale try -
    """
    chosen = chosen_recipe(recipe)
    chosen = chosen.with_model(model) if model else chosen
    text = _text(source)
    records = pl.DataFrame(
        {
            "row": [0],
            "record_id": [source],
            "url": [None],
            "title": [None],
            "text": [text],
            "license": [None],
            "group": [None],
            "source": ["try"],
            "uri": [source],
        },
        schema_overrides=RECORDS,
    )
    bad = BAD_RECORDS.to_frame()
    context = Context(chosen, "try-00000")
    raw = STAGES["raw_corpus"].run({"records": records, "bad_records": bad}, context)
    console.rule("raw_corpus")
    _print_rejects(raw.rejects)
    for row in raw.kept.select("title", "lang", "n_words", "text_hash").to_dicts():
        console.print(row, markup=False)
    if raw.kept.height:
        _generate(chosen, raw.kept, context, prompts)


def _generate(recipe: Recipe, documents: pl.DataFrame, context: Context, prompts: bool) -> None:
    index = STAGES["benchmarks"].run(
        {"benchmark_files": read_benchmarks(benchmark_files(recipe))}, context
    )
    tables = {name: table.empty() for name, table in TABLES.items()}
    tables |= {"raw_corpus": documents, "benchmarks": index.kept, **index.beside}
    with tempfile.TemporaryDirectory() as folder:
        for name in GENERATE:
            console.rule(name)
            stage = STAGES[name]
            with Journal(Path(folder), name, context.shard) as journal:
                model = open_model(recipe, journal)
                asked = replace(context, model=_Talkative(model, prompts))
                result = stage.run({table: tables[table] for table in stage.reads}, asked)
            tables[name] = result.kept
            console.print(f"{result.kept.height} kept, {result.rejects.height} rejects")
            _print_rejects(result.rejects)
            if result.kept.is_empty():
                return
    for row in tables["decontaminated_set"].to_dicts():
        console.print(f"\n[bold]{row['domain']}[/bold] {row['answer_type']}")
        console.print(f"Q {row['question']}\nA {row['answer']}", markup=False)
        console.print(f"“{row['evidence']}”", style="dim", markup=False)


def _print_rejects(rejects: pl.DataFrame) -> None:
    for row in rejects.to_dicts():
        console.print(f"reject: {row['reason']}: {row['detail']}", markup=False)


def _text(source: str) -> str:
    """The document's text: of a file, a page on the web, or standard input."""
    from webscale_dagster.readers.html import decode, extract
    from webscale_dagster.recipe import RawCorpus

    if source == "-":
        data = sys.stdin.buffer.read(_LIMIT)
    elif source.startswith(("http://", "https://")):
        import urllib.request

        with urllib.request.urlopen(source, timeout=30) as reply:
            data = reply.read(_LIMIT)
    else:
        path = Path(source)
        if not path.is_file():
            raise click.ClickException(f"{source}: no such file")
        data = path.read_bytes()[:_LIMIT]
    text = decode(data)
    if "<html" not in text[:5000].lower() and "<!doctype html" not in text[:5000].lower():
        return text
    page = extract(text, RawCorpus())
    if isinstance(page, tuple):
        raise click.ClickException(f"{source}: {page[0]}: {page[1]}")
    return page.text


COMMANDS = {"try": try_document}
