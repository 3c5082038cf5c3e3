r"""The lake: Delta tables that are audited before they are committed.

Reads and writes the tables of ``tables.py`` under one root (a folder or ``s3://…``), one Delta
partition per shard (or experiment); ``quarantine/`` for frames that failed their contract;
``verdicts/`` for every shard's last verdict.

    publish:  cast -> audit -> commit tables beside -> commit rejects -> commit kept rows
                        \-> quarantine/, verdict red, AuditFailed; readers see the old version

The commit of the kept rows names the versions of what was committed before it (as Delta
application transactions, which survive checkpoints and time travel), so a crash between two
commits leaves rows that nobody reads. Equal content makes no commit at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from webscale_dagster.content import NOT_CONTENT, cast, content_of, number_of, parquet
from webscale_dagster.contracts import Audit, audit
from webscale_dagster.delta import Opened, Tables
from webscale_dagster.objects import open_objects
from webscale_dagster.recipe import Recipe
from webscale_dagster.tables import TABLES

UNSHARDED = "-"  # a Delta partition cannot be an empty string
SIDE_TABLES = ("rejects", "llm_calls")  # partitioned by stage, then shard
# Side tables of one stage or asset each.
SIDE_OF = {
    "pair_verdicts": "verified_qa",
    "policy_samples": "difficulty",
    "evaluation_samples": "evaluation",
    "checkpoints": "evaluation",
}


class AuditFailed(Exception):
    """A frame broke its table's contract; ``audit`` tells how, ``quarantine`` where it lies."""

    def __init__(self, table: str, shard: str, result: Audit, quarantine: str) -> None:
        """Name the table, the shard and every failed check in one message."""
        where = f"{table}, shard {shard}" if shard else table
        super().__init__(
            f"{where}: not committed, the last good version stays. "
            f"{'; '.join(result.failures)}. The rows are in {quarantine}"
        )
        self.table, self.shard, self.audit, self.quarantine = table, shard, result, quarantine


@dataclass(frozen=True)
class Publication:
    """What ``publish`` did: the version readers see, and whether it is a new one."""

    table: str
    shard: str
    version: int
    content: str
    committed: bool
    audit: Audit


class Lake:
    """Tables under one root: ``Lake(root).read(table, shard=None, version=None)``."""

    def __init__(self, root: str) -> None:
        """Root is a folder or an ``s3://bucket/prefix``."""
        self.root = root.rstrip("/")
        self.objects = open_objects(self.root)
        self._tables = Tables(self.objects)

    def uri(self, table: str) -> str:
        """Where a table lies."""
        return self._tables.uri(table)

    def read(
        self, table: str, shard: str | None = None, version: int | None = None
    ) -> pl.LazyFrame:
        """Rows of a table; all shards, or one; the newest version, or the one given."""
        opened = self._opened(table, version)
        if opened is None:
            return TABLES[table].empty().lazy()
        _, partitioned = _partition(table, "")
        if shard is not None and partitioned:
            rows = self._of_shard(opened, table, shard or UNSHARDED)
        else:
            opened.lent = True
            rows = _completed(pl.scan_delta(opened.delta), table)
            if shard is not None:
                rows = rows.filter(pl.col(TABLES[table].by) == (shard or UNSHARDED))
        if table in SIDE_TABLES:
            rows = rows.with_columns(pl.col("shard").replace(UNSHARDED, ""))
        return rows

    def _of_shard(self, opened: Opened, table: str, shard: str) -> pl.LazyFrame:
        """Reads the shard's files alone: to plan a scan of all costs more than to read these."""
        known = TABLES[table]
        files = opened.files(f"{known.by}={shard}")
        if not files:
            return known.empty().lazy()
        inside = set(_partition(table, "")[1])
        found = pl.scan_parquet(
            files,
            schema={name: dtype for name, dtype in known.schema.items() if name not in inside},
            hive_schema=dict.fromkeys(inside, pl.String()),
            missing_columns="insert",
            extra_columns="ignore",
            storage_options=self._tables.options or None,
        )
        return found.select(list(known.schema))

    def rows(self, table: str) -> pl.DataFrame:
        """A small table, read once a version."""
        opened = self._opened(table)
        if opened is None:
            return TABLES[table].empty()
        if opened.rows is None:
            opened.rows = self.read(table).collect()
        return opened.rows

    def content(self, table: str, shard: str = "", version: int | None = None) -> str | None:
        """A number (as text) that changes iff the shard's rows do; None before the first commit."""
        opened = self._opened(table, version)
        found = None if opened is None else opened.number(f"content/{shard}")
        return None if found is None else str(found)

    def contents(self, table: str, shards: Sequence[str]) -> dict[str, str | None]:
        """``content`` of many shards, opening the table once."""
        opened = self._opened(table)
        if opened is None:
            return dict.fromkeys(shards)
        found = {shard: opened.number(f"content/{shard}") for shard in shards}
        return {shard: None if v is None else str(v) for shard, v in found.items()}

    def version(self, table: str) -> int | None:
        """The newest version's number; None before the first commit."""
        opened = self._opened(table)
        return None if opened is None else opened.version

    def _opened(self, table: str, version: int | None = None) -> Opened | None:
        """A table; of the newest version None before its first commit."""
        return self._tables.newest(table) if version is None else self._tables.at(table, version)

    def publish(
        self,
        table: str,
        frame: pl.DataFrame,
        rejects: pl.DataFrame | None = None,
        shard: str | None = None,
        *,
        recipe: Recipe,
        parents: pl.Series | None = None,
        beside: Mapping[str, pl.DataFrame] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Publication:
        """Audit a shard's rows and commit them with their rejects, or quarantine them and raise."""
        key = shard or ""
        frame = cast(table, frame)
        rejects = cast("rejects", TABLES["rejects"].empty() if rejects is None else rejects)
        result = audit(table, frame, rejects, parents, recipe)
        content = content_of(frame)
        facts = dict(provenance or {}) | {"n_rows": frame.height, "n_rejects": rejects.height}
        if not result.passed:
            place = self._quarantine(table, key, frame, rejects, content)
            self._keep_verdict(table, key, result, facts | {"content": str(number_of(content))})
            raise AuditFailed(table, key, result, place)
        marks = {f"content/{key}": number_of(content)}
        versions: dict[str, int] = {}
        for side, rows in {**(beside or {}), "rejects": rejects}.items():
            scope = f"{table}/{key}" if side in SIDE_TABLES else key
            version, number = self.commit(side, rows, scope)
            marks[f"{side}-content/{key}"], versions[f"{side}/{key}"] = number, version
        version, committed = self._commit_kept(table, frame, key, marks, versions, facts)
        self._keep_verdict(
            table,
            key,
            result,
            facts | {"content": str(number_of(content)), "version": version},
        )
        return Publication(table, key, version, content, committed, result)

    def _commit_kept(
        self,
        table: str,
        frame: pl.DataFrame,
        key: str,
        marks: Mapping[str, int],
        versions: Mapping[str, int],
        facts: Mapping[str, Any],
    ) -> tuple[int, bool]:
        """Commit the kept rows, unless they and all that belongs to them are there already."""
        opened = self._opened(table)
        if opened is not None and opened.holds(marks):
            return opened.version, False
        metadata = {"shard": key} | {name: str(value) for name, value in versions.items()}
        metadata |= {name: str(value) for name, value in facts.items()}
        return self._write(table, frame, key, {**marks, **versions}, metadata), True

    def commit(self, table: str, frame: pl.DataFrame, scope: str = "") -> tuple[int, int]:
        """Replace one scope (``shard``, or ``stage/shard``) of a table without a contract.

        Returns a version that holds the rows, and their content. Equal content is left alone.
        """
        frame = cast(table, frame)
        content = number_of(content_of(frame, NOT_CONTENT.get(table, ())))
        opened = self._opened(table)
        marks = {f"content/{scope}": content}
        if opened is not None and opened.holds(marks):
            return opened.version, content
        return self._write(table, frame, scope, marks, {"scope": scope}), content

    def _write(
        self,
        table: str,
        frame: pl.DataFrame,
        scope: str,
        transactions: Mapping[str, int],
        metadata: Mapping[str, str],
    ) -> int:
        if table in SIDE_TABLES:
            frame = frame.with_columns(pl.col("shard").replace("", UNSHARDED))
        scope_of = _partition(table, scope)
        return self._tables.commit(table, frame.to_arrow(), scope_of, transactions, metadata)

    def _quarantine(
        self, table: str, key: str, frame: pl.DataFrame, rejects: pl.DataFrame, content: str
    ) -> str:
        place = f"quarantine/{table}/{key or UNSHARDED}/{content}"
        for name, rows in (("rows", frame), ("rejects", rejects)):
            self.objects.put(f"{place}/{name}.parquet", parquet(rows))
        return f"{self.root}/{place}"

    def _keep_verdict(self, table: str, key: str, result: Audit, facts: Mapping[str, Any]) -> None:
        verdict = {
            "table": table,
            "shard": key,
            "passed": result.passed,
            "n_parents": result.n_parents,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **facts,
            **result.as_dict(),
        }
        old = self.verdict(table, key) or {}
        if {**old, "at": ""} == json.loads(json.dumps({**verdict, "at": ""})):
            return  # the same verdict on the same content: nothing happened
        self.objects.put(_verdict_key(table, key), json.dumps(verdict, ensure_ascii=False).encode())

    def verdict(self, table: str, shard: str = "") -> dict[str, Any] | None:
        """The shard's last verdict, or None where the table was never published for it."""
        data = self.objects.get(_verdict_key(table, shard))
        return None if data is None else dict(json.loads(data))

    def verdicts(self) -> list[dict[str, Any]]:
        """Every shard's last verdict, by table and shard."""
        found = (self.objects.get(key) for key in self.objects.keys("verdicts/"))
        return [json.loads(data) for data in found if data is not None]

    def rejects(self, stages: Sequence[str], shards: Sequence[str]) -> pl.LazyFrame:
        """Rejects that a commit of kept rows names; those of an unfinished publish are not read."""
        return self._named("rejects", stages, shards)

    def llm_calls(self, stages: Sequence[str], shards: Sequence[str]) -> pl.LazyFrame:
        """Calls that a commit of kept rows names."""
        return self._named("llm_calls", stages, shards)

    def beside(
        self, side: str, shards: Sequence[str], pins: Mapping[str, int] | None = None
    ) -> pl.LazyFrame:
        """Rows of one stage's side table its commits name; with tables at versions ``pins``."""
        return self._named(side, [SIDE_OF[side]], shards, pins)

    def _named(
        self,
        side: str,
        stages: Sequence[str],
        shards: Sequence[str],
        pins: Mapping[str, int] | None = None,
    ) -> pl.LazyFrame:
        at = pins or {}
        newest = self._opened(side, at.get(side))
        if newest is None:
            return TABLES[side].empty().lazy()
        current: list[str] = []
        older: list[pl.LazyFrame] = []
        by = ("stage", "shard") if side in SIDE_TABLES else (TABLES[side].by,)
        for stage in stages:
            kept = self._opened(stage, at.get(stage))
            for shard in shards if kept is not None else ():
                assert kept is not None
                content = kept.number(f"{side}-content/{shard}")
                if content is None:
                    continue
                scope = f"{stage}/{shard}" if side in SIDE_TABLES else shard
                if newest.number(f"content/{scope}") == content:
                    current.append(scope)
                else:  # a publish was cut off between its commits: read what the last one named
                    version = kept.number(f"{side}/{shard}")
                    rows = self.read(side, shard, version)
                    older.append(rows.filter(pl.col("stage") == stage) if "stage" in by else rows)
        named = pl.concat_str(*by, separator="/").is_in(current)
        return pl.concat([self.read(side, version=at.get(side)).filter(named), *older])

    def pinned(self) -> dict[str, set[int]]:
        """Table versions that a release pins."""
        pins: dict[str, set[int]] = {}
        for key in self.objects.keys("releases/"):
            if key.endswith("/manifest.json"):
                manifest = json.loads(self.objects.get(key) or b"{}")
                for table, version in manifest.get("tables", {}).items():
                    pins.setdefault(table, set()).add(int(version))
        return pins

    def _named_versions(self, side: str) -> set[int]:
        """Versions of a side table that the newest commits of kept rows name."""
        known = self.partitions("shards") + self.partitions("evaluation")
        opened = (self._opened(name) for name, table in TABLES.items() if table.key)
        tables = [table for table in opened if table is not None]
        found = (table.number(f"{side}/{key}") for table in tables for key in [*known, ""])
        return {int(version) for version in found if version is not None}

    def partitions(self, table: str) -> list[str]:
        """The shards, or experiments, that a table has rows of; of ``shards`` those registered."""
        names = self.read(table).select(TABLES[table].by).unique().collect().to_series()
        return [str(name) for name in names.sort()]

    def vacuum(self, hours: int = 168, *, dry_run: bool = True) -> dict[str, list[str]]:
        """Delete files older than ``hours`` that neither the newest version nor a release needs."""
        pins = self.pinned()
        for side in (*SIDE_TABLES, *SIDE_OF):
            pins.setdefault(side, set()).update(self._named_versions(side))
        freed = {}
        for table in TABLES:
            opened = self._opened(table)
            if opened is not None:
                freed[table] = opened.delta.vacuum(
                    retention_hours=hours,
                    dry_run=dry_run,
                    enforce_retention_duration=False,
                    full=True,
                    keep_versions=sorted(pins.get(table, set()) | {opened.version}),
                )
        return freed


def _completed(rows: pl.LazyFrame, table: str) -> pl.LazyFrame:
    """The table's columns; one that is younger than the version read is null."""
    there = rows.collect_schema()
    return rows.select(
        (pl.col(name) if name in there else pl.lit(None, dtype).alias(name))
        for name, dtype in TABLES[table].schema.items()
    )


def _verdict_key(table: str, shard: str) -> str:
    return f"verdicts/{table}/{shard or UNSHARDED}.json"


def _partition(table: str, scope: str) -> tuple[str | None, list[str]]:
    """The predicate of a scope and the columns the table is partitioned by."""
    if table in SIDE_TABLES:
        stage, _, shard = scope.partition("/")
        return f"stage = '{stage}' AND shard = '{shard or UNSHARDED}'", ["stage", "shard"]
    if TABLES[table].sharded:
        return f"{TABLES[table].by} = '{scope}'", [TABLES[table].by]
    return None, []
