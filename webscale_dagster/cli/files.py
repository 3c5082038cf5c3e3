"""Plain files of the commands: parquet or JSONL in, parquet out, whole or part by part."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import click
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from webscale_dagster.text.normalise import normalise

_PLAIN = (str, int, float, bool)
_BATCH = 10_000  # rows of a parquet file read at once


class Part(NamedTuple):
    """When a part is full: what it holds, about."""

    rows: int
    bytes: int


def read_rows(path: Path) -> pl.DataFrame:
    """Rows of a parquet or JSONL(.zst, .gz) file; a broken one is one clear error.

    A field that is now a number, now a string becomes a string; now a list, now an object: JSON.
    """
    (rows,) = Rows(path).parts(None)
    return rows


class Rows:
    """A file's rows, part by part, as often as wanted.

    Once all parts were read, those read again have the same types of columns.
    """

    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self._path = path
        self._fields: dict[str, _Field] = {}
        self._known = False

    def parts(self, size: Part | None) -> Iterator[pl.DataFrame]:
        """At least one part, none of them empty; all rows in one without a size."""
        path = self._path
        if path.suffix == ".parquet":
            made = _of_parquet(path, size)
        elif path.name.endswith((".jsonl", ".jsonl.zst", ".jsonl.gz", ".ndjson")):
            made = map(self._frame, _of_lines(path, size))
        else:
            said = "give a .parquet, .jsonl, .jsonl.zst or .jsonl.gz file"
            raise click.ClickException(f"{path}: {said}")
        empty = True
        for part in made:
            empty = False
            yield part
        if empty:
            raise click.ClickException(f"{path}: no rows in it")
        self._known = True

    def _frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        if self._known:
            columns = [
                _column(name, [row.get(name) for row in rows], field)
                for name, field in self._fields.items()
            ]
            return pl.DataFrame(columns)
        columns = []
        for name in dict.fromkeys(name for row in rows for name in row):
            values = [row.get(name) for row in rows]
            columns.append(_column(name, values))
            self._fields.setdefault(name, _Field()).note(values, columns[-1].dtype)
        return pl.DataFrame(columns)


class ParquetFile:
    """A parquet file that is written part by part: aside, then renamed, so nobody sees half."""

    def __init__(self, path: Path) -> None:
        """Writes nothing yet."""
        self._path, self._aside = path, path.with_name(f".{path.name}.part")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        """Nothing is open before the first part."""
        return self

    def write(self, rows: pl.DataFrame) -> None:
        """Append rows; all parts have the columns of the first."""
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._aside, table.schema, compression="zstd")
        self._writer.write_table(table)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Put the file in its place, or away if it did not get whole."""
        if self._writer is not None:
            self._writer.close()
            if kind is None:
                os.replace(self._aside, self._path)
            else:
                self._aside.unlink()


def text_column(rows: pl.DataFrame, path: Path, field: str, first: int = 0) -> pl.Series:
    """A field that must be text in every row; the first row where it is not is named.

    ``first`` is the number of the first of these rows in the file.
    """
    if field not in rows.columns:
        raise click.ClickException(f"{path}: no field {field!r}; it has {', '.join(rows.columns)}")
    column = rows[field]
    if column.null_count():
        row = first + column.is_null().arg_true()[0]
        raise click.ClickException(f"{path}, row {row}: no {field}; mend or remove the row")
    if column.dtype != pl.String:
        kind = f"{column.dtype}".lower()
        raise click.ClickException(
            f"{path}, row {first}: {field} is of type {kind}, not text; name another field"
        )
    return column


def identified(
    rows: pl.DataFrame,
    source: Path,
    id_field: str,
    text_field: str,
    *,
    first: int = 0,
    rename: bool = True,
) -> pl.DataFrame:
    """Rows with unique ids and a text; a row without one is named.

    They become the columns ``id`` and ``text`` if renamed; ``first`` is as for ``text_column``.
    """
    text_column(rows, source, text_field, first)
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
        raise repeated_id(source, first + int(bad.arg_true()[0]))
    return rows


def repeated_id(source: Path, row: int) -> click.ClickException:
    """What is said of a row without an id of its own."""
    return click.ClickException(
        f"{source}, row {row}: an id that is missing or repeated; mend or remove the row"
    )


def write_parquet(rows: pl.DataFrame, path: Path) -> None:
    """Write aside, then rename: nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    rows.write_parquet(aside)
    os.replace(aside, path)


@dataclass
class _Field:
    """What a field's values are, in all parts of a file."""

    kinds: set[type] = field(default_factory=set)
    dtypes: set[pl.DataType] = field(default_factory=set)

    def note(self, values: Sequence[Any], dtype: pl.DataType) -> None:
        """Add those of a part."""
        self.kinds |= _kinds(values)
        if dtype != pl.Null:
            self.dtypes.add(dtype)

    @property
    def dtype(self) -> pl.DataType | None:
        """The one type that all parts fit into."""
        if len(self.dtypes) < 2:
            return next(iter(self.dtypes), pl.Null())
        return pl.Float64() if self.dtypes == {pl.Int64(), pl.Float64()} else None


def _kinds(values: Sequence[Any]) -> set[type]:
    return {type(value) for value in values if value is not None}


def _column(name: str, values: list[Any], known: _Field | None = None) -> pl.Series:
    kinds = _kinds(values) if known is None else known.kinds
    if kinds == {str}:
        return pl.Series(name, [_valid(value) for value in values], pl.String)
    if str in kinds and kinds <= set(_PLAIN):
        values = [None if value is None else _valid(str(value)) for value in values]
        return pl.Series(name, values, pl.String)
    if (len(kinds) < 2 or kinds <= set(_PLAIN)) and (known is None or known.dtype is not None):
        with suppress(pl.exceptions.PolarsError, TypeError, OverflowError, UnicodeEncodeError):
            if kinds == {int, float}:
                values = [None if value is None else float(value) for value in values]
            made = pl.Series(name, values)
            return made if known is None or known.dtype is None else made.cast(known.dtype)
    listed = [None if value is None else json.dumps(value) for value in values]
    return pl.Series(name, listed, pl.String)


def _of_lines(path: Path, size: Part | None) -> Iterator[list[Mapping[str, Any]]]:
    from webscale_dagster.readers import read_objects

    rows: list[Mapping[str, Any]] = []
    characters = 0
    for _, row in read_objects(path):
        rows.append(row)
        if size is not None:
            characters += sum(len(value) for value in row.values() if type(value) is str)
            if len(rows) >= size.rows or characters >= size.bytes:
                yield rows
                rows, characters = [], 0
    if rows:
        yield rows


def _of_parquet(path: Path, size: Part | None) -> Iterator[pl.DataFrame]:
    """Row groups, as many at a time as a part holds; all at once without a size."""
    try:
        if size is None:
            whole = pl.read_parquet(path)
            yield from [whole] if whole.height else []
            return
        yield from _gathered(_batches(path), size)
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        raise click.ClickException(f"{path}: cannot be read: {str(error)[:300]}") from None


def _batches(path: Path) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            yield pl.DataFrame(pl.from_arrow(batch))


def _gathered(batches: Iterable[pl.DataFrame], size: Part) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    for batch in batches:
        held.append(batch)
        n_bytes = sum(part.estimated_size() for part in held)
        if sum(part.height for part in held) >= size.rows or n_bytes >= size.bytes:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _valid(text: str | None) -> str | None:
    """JSON may hold halves of surrogate pairs, which no file of text can."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return normalise(text)
    return text
