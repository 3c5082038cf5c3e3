"""Plain files of the commands: parquet or JSONL in, parquet out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import polars as pl

from webscale_dagster.text.normalise import normalise

_PLAIN = (str, int, float, bool)


def read_rows(path: Path) -> pl.DataFrame:
    """Rows of a parquet or JSONL(.zst, .gz) file; a broken one is one clear error.

    A field that is now a number, now a string becomes a string; now a list, now an object: JSON.
    """
    from webscale_dagster.readers import read_objects

    if path.suffix == ".parquet":
        try:
            rows = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise click.ClickException(f"{path}: cannot be read: {str(error)[:300]}") from None
    elif path.name.endswith((".jsonl", ".jsonl.zst", ".jsonl.gz", ".ndjson")):
        rows = _frame([row for _, row in read_objects(path)])
    else:
        raise click.ClickException(f"{path}: give a .parquet, .jsonl, .jsonl.zst or .jsonl.gz file")
    if rows.is_empty():
        raise click.ClickException(f"{path}: no rows in it")
    return rows


def text_column(rows: pl.DataFrame, path: Path, field: str) -> pl.Series:
    """A field that must be text in every row; the first row where it is not is named."""
    if field not in rows.columns:
        raise click.ClickException(f"{path}: no field {field!r}; it has {', '.join(rows.columns)}")
    column = rows[field]
    if column.null_count():
        row = column.is_null().arg_true()[0]
        raise click.ClickException(f"{path}, row {row}: no {field}; mend or remove the row")
    if column.dtype != pl.String:
        kind = f"{column.dtype}".lower()
        raise click.ClickException(
            f"{path}, row 0: {field} is of type {kind}, not text; name another field"
        )
    return column


def write_parquet(rows: pl.DataFrame, path: Path) -> None:
    """Write aside, then rename: nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    rows.write_parquet(aside)
    os.replace(aside, path)


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame([_column(name, [row.get(name) for row in rows]) for name in names])


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {str}:
        return pl.Series(name, [_valid(value) for value in values], pl.String)
    if str in kinds and kinds <= set(_PLAIN):
        values = [None if value is None else _valid(str(value)) for value in values]
        return pl.Series(name, values, pl.String)
    if len(kinds) < 2 or kinds <= set(_PLAIN):
        with suppress(pl.exceptions.PolarsError, TypeError, OverflowError, UnicodeEncodeError):
            return pl.Series(name, values)
    listed = [None if value is None else json.dumps(value) for value in values]
    return pl.Series(name, listed, pl.String)


def _valid(text: str | None) -> str | None:
    """JSON may hold halves of surrogate pairs, which no file of text can."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return normalise(text)
    return text
