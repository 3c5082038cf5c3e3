"""Plain files of the commands: parquet or JSONL in, parquet out."""

from __future__ import annotations

import os
from pathlib import Path

import click
import polars as pl


def read_rows(path: Path) -> pl.DataFrame:
    """Rows of a parquet or JSONL(.zst, .gz) file; a broken one is one clear error."""
    from webscale_dagster.readers import read_objects

    if path.suffix == ".parquet":
        try:
            return pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise click.ClickException(f"{path}: cannot be read: {str(error)[:300]}") from None
    if path.name.endswith((".jsonl", ".jsonl.zst", ".jsonl.gz", ".ndjson")):
        return pl.DataFrame([row for _, row in read_objects(path)], infer_schema_length=None)
    raise click.ClickException(f"{path}: give a .parquet, .jsonl, .jsonl.zst or .jsonl.gz file")


def write_parquet(rows: pl.DataFrame, path: Path) -> None:
    """Write aside, then rename: nobody sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    rows.write_parquet(aside)
    os.replace(aside, path)
