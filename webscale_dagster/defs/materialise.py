"""Turns one run of a stage into what the UI shows: rows, rejects, contract, preview.

Yields the asset's materialisation and its check. A broken contract makes the check red, with the
failing expectation and the offending rows, and the asset fail: the old version stays readable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl

from webscale_dagster.contracts import Audit
from webscale_dagster.defs.open_databases import keep_open
from webscale_dagster.defs.pass_rates import histogram
from webscale_dagster.defs.resources import Platform
from webscale_dagster.lake import AuditFailed
from webscale_dagster.llm.errors import RunEnds
from webscale_dagster.llm.tally import Tally
from webscale_dagster.progress import announce
from webscale_dagster.readers import SourceError
from webscale_dagster.tables import TABLES, Table
from webscale_dagster.walk import Made, Walk

CHECK = "contract"
ENDS_ALL = "ends_all_shards"  # metadata of a failure that other shards would meet too
Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]
_CELL = 160  # characters of a cell in a preview
_ROWS = 5
# What a person wants to read of a row, most of all first; a preview shows three of them.
_READABLE = (
    *("question", "answer", "evidence", "persona", "prompt", "ground_truth", "domain"),
    *("title", "text", "band", "closed_book_rate", "open_book_rate"),
    *("doc_id", "keep_doc_id", "jaccard"),
)
_INLINE = 900  # the UI shows Markdown of less than 1,000 characters at once, more on a click
_REASON = 36  # characters that a reason and its count take there, and the least for an example
_SECONDS_BETWEEN_LOGS = 10.0
_ONE_RUN_PER_SHARD = (
    "a run is for one shard, this one got a range; launch a backfill (one run per shard), "
    "or give --partition instead of --partition-range"
)


def materialise(context: dg.AssetExecutionContext, platform: Platform, name: str) -> Events:
    """Make stage ``name`` for the run's shard (or for all, where it has no partitions)."""
    if context.has_partition_key_range and not context.has_partition_key:
        raise dg.Failure(_ONE_RUN_PER_SHARD, allow_retries=False)
    keep_open(context.instance)
    shard = context.partition_key if context.has_partition_key else ""
    walk = platform.walk(_logger(context, name), context.log.info)
    try:
        made = walk.make(name, shard)
    except AuditFailed as failed:
        yield dg.AssetCheckResult(
            check_name=CHECK,
            asset_key=name,
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"quarantine": failed.quarantine, **_check_metadata(failed.audit)},
        )
        raise dg.Failure(str(failed), allow_retries=False) from None
    except SourceError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except RunEnds as error:
        told = {ENDS_ALL: True} if error.everywhere else {}
        raise dg.Failure(str(error), metadata=told, allow_retries=False) from None
    yield dg.MaterializeResult(
        asset_key=name,
        data_version=dg.DataVersion(made.publication.content),
        metadata=_metadata(walk, name, made),
    )
    yield dg.AssetCheckResult(
        check_name=CHECK,
        asset_key=name,
        passed=True,
        metadata=_check_metadata(made.publication.audit),
    )


def _logger(context: dg.AssetExecutionContext, name: str) -> Any:
    """Progress to the command line's bars, and every ten seconds to the run's log.

    What the model is doing is observed too: the asset's page then plots it while the run works.
    """
    last = time.monotonic()

    def progress(stage: str, done: int, total: int, tally: Tally | None = None) -> None:
        nonlocal last
        announce(stage, done, total, tally)
        if time.monotonic() - last < _SECONDS_BETWEEN_LOGS:
            return
        last = time.monotonic()
        rows = f"{stage}: {done:,} of {total:,} rows" if total else f"{done:,} rows"
        context.log.info(rows if tally is None else f"{rows}; {tally.line(done, total)}")
        if tally is not None:
            partition = context.partition_key if context.has_partition_key else None
            facts = {"rows_done": done, "rows": total, **tally.facts(done, total)}
            context.log_event(
                dg.AssetObservation(asset_key=name, partition=partition, metadata=facts)
            )

    return progress


def _metadata(walk: Walk, name: str, made: Made) -> dict[str, Any]:
    """In the order people ask: how many, what left and why, what it looks like, where it lies."""
    published = made.publication
    rows: dict[str, Any] = {
        "dagster/row_count": made.kept.height,
        "funnel": dg.MetadataValue.md(_funnel(name, made, published.audit)),
    }
    if name == "difficulty":
        rows["pass_rates"] = dg.MetadataValue.md(histogram(made.kept))
    if made.rejects.height:
        rows["reject_reasons"] = dg.MetadataValue.md(_reasons(made))
    return rows | {
        "rejects": made.rejects.height,
        "preview": dg.MetadataValue.md(_preview(made.kept)),
        "rows": dg.MetadataValue.md(table_md(made.kept.head(_ROWS))),
        **({} if made.tally is None else made.tally.facts()),
        "lake_version": f"{published.version}, {'new' if published.committed else 'unchanged'}",
        "dagster/uri": walk.lake.uri(name),
        "dagster/column_schema": _column_schema(TABLES[name]),
    }


def _funnel(name: str, made: Made, audit: Audit) -> str:
    parents = f"{audit.n_parents:,}" if audit.n_parents is not None else "—"
    return (
        "| in | kept rows | rejects |\n|---|---|---|\n"
        f"| {parents} | {made.kept.height:,} `{name}` | {made.rejects.height:,} |"
    )


def _reasons(made: Made) -> str:
    """Reasons with an example each, cut so that the page shows the table without a click."""
    examples = dict(
        made.rejects.group_by("reason", maintain_order=True)
        .first()
        .select("reason", "detail")
        .rows()
    )
    room = min(_INLINE // len(made.reasons) - _REASON, _CELL)
    if room < _REASON:  # so many reasons that the counts alone fill the place
        examples, room = dict.fromkeys(examples, ""), 0
    lines = [
        f"| {reason} | {count:,} | {cell(examples[reason], room)} |"
        for reason, count in made.reasons.items()
    ]
    return "\n".join(["| reason | rows | an example |", "|---|---|---|", *lines])


def _preview(rows: pl.DataFrame) -> str:
    """Three rows, three columns, cut so that the page shows them without a click."""
    filled = [name for name in rows.columns if rows[name].null_count() < rows.height]
    columns = [name for name in _READABLE if name in filled][:3]
    shown = rows.head(3).select(columns)
    return table_md(shown, _INLINE // max(shown.height * shown.width, 1) - len(" | …"))


def table_md(rows: pl.DataFrame, room: int = _CELL) -> str:
    """A frame as a Markdown table, long cells cut."""
    head = f"| {' | '.join(rows.columns)} |\n|{'---|' * len(rows.columns)}"
    lines = [f"| {' | '.join(cell(value, room) for value in row)} |" for row in rows.iter_rows()]
    return "\n".join([head, *lines])


def cell(value: object, room: int = _CELL) -> str:
    """One cell of a Markdown table: document text is data, so markup in it is made harmless."""
    text = str(value).replace("\n", " ").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return text if len(text) <= room else text[:room].rstrip("\\") + "…"


def _column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(column.name, str(column.dtype), description=column.meaning)
            for column in table.columns
        ]
    )


def _check_metadata(audit: Audit) -> Mapping[str, Any]:
    """The page of a check shows text and numbers at once, Markdown on a click."""
    lines = [
        f"| {v.name} | {'yes' if v.passed else '**no**'} | {v.offending} | {v.observed:g} | "
        f"{v.limit:g} | {v.expectation} | {cell(v.meaning)} |"
        for v in audit.verdicts
    ]
    head = "| check | holds | offending | seen | at most | expectation | meaning |\n|" + "---|" * 7
    metadata: dict[str, Any] = {}
    if audit.failures:
        metadata["failed"] = "; ".join(audit.failures)
    metadata["hold"] = ", ".join(v.name for v in audit.verdicts if v.passed)
    metadata["offending_rows"] = sum(v.offending for v in audit.verdicts)
    metadata["checks"] = dg.MetadataValue.md("\n".join([head, *lines]))
    for name, rows in audit.offending.items():
        metadata[f"offending: {name}"] = dg.MetadataValue.json(rows)
    return metadata
