"""The SQL models of ``dbt_like_sql/``: one asset per model, schema tests as asset checks.

All run in one step on DuckDB: starting one per model would cost more than the SQL. With the ``dbt``
extra, ``dbt build`` on the same project gives equal tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from webscale_dagster.content import content_of
from webscale_dagster.defs.materialise import table_md
from webscale_dagster.defs.resources import Platform
from webscale_dagster.defs.walk_asset import OWNERS
from webscale_dagster.lake_marts import build_marts, project_folder, store_mart
from webscale_dagster.marts import Model, SchemaTest, model_graph
from webscale_dagster.progress import announce
from webscale_dagster.recipe import content_hash

# Tables that are written beside an asset's own are its children's business too.
_WRITTEN_BY = {"shards": None, "rejects": None, "llm_calls": None, "relatives": "near_duplicates"}
_GRAPH = model_graph(project_folder())
_PREVIEW = 12


def _deps(model: Model) -> list[str]:
    sources = (_WRITTEN_BY.get(table, table) for table in model.depends_on_sources)
    return [*model.depends_on_models, *(name for name in sources if name)]


def _check(model: str, test: SchemaTest) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(f"{test.name}_{test.column}", asset=model)


@dg.multi_asset(
    name="marts",
    specs=[
        dg.AssetSpec(
            model.name,
            description=model.description,
            deps=_deps(model),
            group_name="marts" if model.materialized == "table" else "staging",
            kinds={"duckdb", "sql"},
            owners=list(OWNERS),
            code_version=content_hash(model.sql)[:12],
        )
        for model in _GRAPH.values()
    ],
    check_specs=[_check(model.name, test) for model in _GRAPH.values() for test in model.tests],
)
def marts(platform: Platform) -> Iterator[Any]:
    """Run every model over the lake, test it, and store the marts."""
    lake = platform.walk(announce).lake
    built = build_marts(lake)
    for name, model in _GRAPH.items():
        rows = built.models.get(name)
        if rows is None:
            yield dg.MaterializeResult(asset_key=name, metadata={"sql": _sql(model)})
            continue
        yield dg.MaterializeResult(
            asset_key=name,
            data_version=dg.DataVersion(content_of(rows)),
            metadata={
                "dagster/row_count": rows.height,
                "dagster/uri": store_mart(lake, name, rows),
                "preview": dg.MetadataValue.md(table_md(rows.head(_PREVIEW))),
                "sql": _sql(model),
            },
        )
    for test in built.tests:
        yield dg.AssetCheckResult(
            asset_key=test.model,
            check_name=f"{test.name}_{test.column}",
            passed=test.failures == 0,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "failures": test.failures,
                "sql": dg.MetadataValue.md(f"```\n{test.sql}\n```"),
            },
        )


def _sql(model: Model) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"```sql\n{model.sql.strip()}\n```")
