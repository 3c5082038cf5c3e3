"""Builds the marts of ``dbt_like_sql/`` from the lake's tables.

Reads the columns the SQL models need (never the texts); writes table ``marts/<model>.parquet``
objects only when asked to. Used by the assets of group marts and by ``webscale status``.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from webscale_dagster import shards
from webscale_dagster.content import parquet
from webscale_dagster.lake import Lake
from webscale_dagster.marts import Built, build, source_columns
from webscale_dagster.stages import STAGES
from webscale_dagster.tables import TABLES


def project_folder() -> Path:
    """The SQL project: inside an installed package, or at the top level of the repository."""
    inside = Path(__file__).parent / "dbt_like_sql"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "dbt_like_sql"


def source_frames(lake: Lake) -> dict[str, pl.DataFrame]:
    """The lake's tables as the models read them; side tables hold only rows a commit names."""
    names = [*shards.names(lake), ""]
    frames = {}
    for table, columns in source_columns(project_folder()).items():
        if table == "rejects":
            rows = lake.rejects(list(STAGES), names)
        elif table == "llm_calls":
            rows = lake.llm_calls([s.name for s in STAGES.values() if s.asks_model], names)
        else:
            rows = lake.read(table)
        known = [name for name in TABLES[table].schema if name in columns]
        frames[table] = rows.select(known).collect()
    return frames


def build_marts(lake: Lake) -> Built:
    """Every model's rows, and the outcome of its schema tests."""
    return build(project_folder(), source_frames(lake))


def store_mart(lake: Lake, model: str, rows: pl.DataFrame) -> str:
    """Write a mart for people's notebooks and dashboards; returns where."""
    lake.objects.put(f"marts/{model}.parquet", parquet(rows))
    return f"{lake.root}/marts/{model}.parquet"
