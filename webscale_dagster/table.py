"""How a table is described: its columns with their meaning, its key, what it is partitioned by.

Makes ``Table`` values; reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

Text, Int, Float, Bool = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean()


@dataclass(frozen=True)
class Column:
    """One column: its name, polars type and what a reader should know about it."""

    name: str
    dtype: pl.DataType
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    ``key`` identifies a row within its shard; ``parent`` names the columns that identify the row
    it was made from (their values, joined by ``/``, are a reject's ``parent_id``). ``sharded``
    tables hold one Delta partition per value of the column ``by``: a shard, or an experiment.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    parent: tuple[str, ...] = ()
    sharded: bool = True
    by: str = "shard"

    @property
    def schema(self) -> pl.Schema:
        """Column names and types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """A frame of this table without rows."""
        return pl.DataFrame(schema=self.schema)


def columns_of(*columns: tuple[str, pl.DataType, str]) -> tuple[Column, ...]:
    """Columns of their names, types and meanings."""
    return tuple(Column(*column) for column in columns)
