"""``webscale dedup``: exact and near duplicates of a plain file, whole or part by part."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import click
import polars as pl

from webscale_dagster.cli.console import console, errors
from webscale_dagster.cli.files import (
    ParquetFile,
    Part,
    Rows,
    identified,
    repeated_id,
)
from webscale_dagster.home import chosen_recipe
from webscale_dagster.recipe import NearDuplicates

PART = Part(rows=100_000, bytes=200_000_000)


@click.command("dedup")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--text-field", default="text", show_default=True)
@click.option("--id-field", default="id", show_default=True)
@click.option("--recipe", help="A recipe's name or TOML file.")
def dedup(source: Path, out: Path, text_field: str, id_field: str, recipe: str | None) -> None:
    """Find exact and near duplicates; writes duplicates.parquet and kept.parquet to OUT.

    A file of more than 100,000 documents or 200 MB of text is read part by part, twice; memory
    stays at that of two parts, and OUT holds the texts meanwhile.

    Example: webscale dedup documents.jsonl.zst out/
    """
    settings = chosen_recipe(recipe).near_duplicates
    file = _File(source, (id_field, text_field))
    parts = file.parts()
    start = [part for part in (next(parts), next(parts, None)) if part is not None]
    if len(start) == 1:
        found = [_whole(start[0], settings)]
        again: Iterable[pl.DataFrame] = start
    else:
        with _scratch(out) as folder:
            found = _part_by_part(chain(start, parts), source, folder, settings)
        again = file.parts()
    counts = _write(again, found, out)
    console.print(f"{counts[1]:,} of {counts[0]:,} documents are duplicates: {out}")


class _File:
    """Parts of a file with the columns ``id`` and ``text``."""

    def __init__(self, source: Path, fields: tuple[str, str]) -> None:
        self._source, self._fields, self._rows = source, fields, Rows(source)

    def parts(self) -> Iterator[pl.DataFrame]:
        first = 0
        for part in self._rows.parts(PART):
            yield identified(part, self._source, *self._fields, first=first)
            first += part.height


def _whole(rows: pl.DataFrame, settings: NearDuplicates) -> pl.DataFrame:
    from webscale_dagster.text.near_duplicates import find_near_duplicates

    with errors.status(f"comparing {rows.height:,} documents"):
        return find_near_duplicates(rows.select("id", "text"), settings=settings)


def _part_by_part(
    parts: Iterable[pl.DataFrame], source: Path, folder: Path, settings: NearDuplicates
) -> list[pl.DataFrame]:
    """The duplicates of each part."""
    from webscale_dagster.deduplication import Deduplication

    deduplication = Deduplication(folder, settings)
    found: list[pl.DataFrame] = []
    n_rows = 0
    with errors.status("comparing documents") as status:
        for part in parts:
            row = deduplication.repeated(part["id"])
            if row is not None:
                raise repeated_id(source, n_rows + row)
            found.append(deduplication.add(part.select("id", "text")))
            n_rows += part.height
            status.update(f"{n_rows:,} documents, {sum(map(len, found)):,} duplicates")
    return found


def _write(
    parts: Iterable[pl.DataFrame], found: Sequence[pl.DataFrame], out: Path
) -> tuple[int, int]:
    """Write both files; the number of documents and of duplicates."""
    n_rows = 0
    with (
        ParquetFile(out / "duplicates.parquet") as duplicates,
        ParquetFile(out / "kept.parquet") as kept,
    ):
        for rows, duplicate in zip(parts, found, strict=True):
            duplicates.write(duplicate)
            unlike = rows.join(duplicate, on="id", how="anti", maintain_order="left")
            if rows.height - unlike.height != duplicate.height:
                raise click.ClickException(
                    f"{out}: the file was read twice and its ids were not the same; leave it alone "
                    "meanwhile, and make ids text if some are fractions"
                )
            kept.write(unlike)
            n_rows += rows.height
    return n_rows, sum(map(len, found))


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder in OUT, empty, that goes away; and OUT with it if nothing else is there."""
    folder = out / ".parts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        with suppress(OSError):
            out.rmdir()


COMMANDS = {"dedup": dedup}
