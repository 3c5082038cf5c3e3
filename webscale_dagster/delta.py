"""Delta tables that stay open: opening one reads its log again, a dozen milliseconds each time.

Reads the tables' logs; a table of the newest version is opened once a process and used until its
log shows another commit. What a transaction's number is, which Delta finds by reading the log, is
asked once a version.
"""

from __future__ import annotations

import functools
import io
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote

import orjson
import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from webscale_dagster.objects import Objects, storage_options

# A release pins versions for years: Delta's default forgets a version after 30 days.
RETENTION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}
# Commits between two checkpoints. Opening a table and committing to it read every commit since the
# last one: with 50, a commit costs twice as much as with 10; with 5, checkpoints cost more than
# they save.
CHECKPOINT = 10
_TABLES = 64  # kept open, those used last; a lake has some 25


@dataclass
class Opened:
    """A table at one version. ``at`` is that version's commit as it lies in the log."""

    delta: DeltaTable
    log: Callable[[int], dict[str, int] | None]  # all transactions' numbers at a version
    at: bytes | None = None
    lent: bool = False  # a scan holds it: a commit through it would show in that scan
    rows: pl.DataFrame | None = None  # the whole table, once somebody wanted it kept
    _numbers: dict[str, int | None] = field(default_factory=dict)
    _knows: str = "nothing"  # of the numbers: nothing, all, or some where the log is a strange one

    @property
    def version(self) -> int:
        """The version's number."""
        return int(self.delta.version())

    def files(self, partition: str) -> list[str]:
        """Addresses of the files of one partition, ``column=value``."""
        found = self.delta.file_uris()
        return [uri for uri in found if partition in unquote(uri).split("/")[-3:-1]]

    def number(self, transaction: str) -> int | None:
        """The number that the newest commit of this transaction gave it."""
        if self._knows == "nothing":
            found = self.log(self.version)
            self._knows = "some" if found is None else "all"
            self._numbers.update(found or {})
        if self._knows == "some" and transaction not in self._numbers:
            self._numbers[transaction] = self.delta.transaction_version(transaction)
        return self._numbers.get(transaction)

    def holds(self, numbers: Mapping[str, int]) -> bool:
        """True if every transaction has its number."""
        return all(self.number(name) == value for name, value in numbers.items())

    def committed(self, before: int, numbers: Mapping[str, int]) -> None:
        """Note what a commit through it has changed; who else committed meanwhile is read again."""
        self.rows = None
        if self.version != before + 1:
            self._numbers.clear()
            self._knows = "nothing"
        self._numbers.update(numbers)

    def instead_of(self, other: Opened) -> Opened:
        """Take over what another knows, if it is at the same version."""
        if other.version == self.version:
            self._numbers, self._knows, self.at = other._numbers, other._knows, other.at
        return self


class Tables:
    """The tables under one root; those of one root are shared by the whole process."""

    _kept: ClassVar[OrderedDict[str, Opened]] = OrderedDict()

    def __init__(self, objects: Objects) -> None:
        """Opens nothing."""
        self._objects = objects
        self.options = storage_options(objects.root)

    def uri(self, table: str) -> str:
        """Where a table lies."""
        return f"{self._objects.root}/{table}"

    def at(self, table: str, version: int | None = None) -> Opened:
        """A version, opened anew; the newest one if none is given. Raises where there is none."""
        uri, options = self.uri(table), self.options
        delta = DeltaTable(uri, version=version, storage_options=options)
        return Opened(delta, functools.partial(_numbers, self._objects, table))

    def newest(self, table: str) -> Opened | None:
        """The newest version, or None before the first commit."""
        kept = self._kept.pop(self._place(table), None)
        if kept is None or not self._is_newest(table, kept):
            try:
                kept = self.at(table)
            except TableNotFoundError:
                return None
            kept.at = self._objects.get(_commit(table, kept.version))
        self._keep(table, kept)
        return kept

    def commit(
        self,
        table: str,
        rows: pa.Table,
        scope: tuple[str | None, list[str]],
        numbers: Mapping[str, int],
        metadata: Mapping[str, str],
    ) -> int:
        """Replace the rows of a scope (a predicate, and what to partition by); the new version."""
        where, by = scope
        opened = self.newest(table)
        if opened is not None and opened.lent:
            opened = self.at(table).instead_of(opened)
        self._kept.pop(self._place(table), None)
        before = None if opened is None else opened.version
        write_deltalake(
            self.uri(table) if opened is None else opened.delta,
            rows,
            mode="overwrite",
            predicate=None if opened is None else where,
            schema_mode="merge",  # a lake of before may lack a column
            partition_by=by or None,
            configuration=RETENTION | {"delta.checkpointInterval": str(CHECKPOINT)},
            storage_options=self.options,
            commit_properties=CommitProperties(
                custom_metadata=dict(metadata),
                app_transactions=[Transaction(name, value) for name, value in numbers.items()],
            ),
        )
        if opened is None or before is None:
            opened = self.at(table)
        else:
            opened.committed(before, numbers)
        if (opened.version + 1) % CHECKPOINT == 0:  # from the checkpoint its log is short again
            opened = self.at(table).instead_of(opened)
        opened.at = self._objects.get(_commit(table, opened.version))
        self._keep(table, opened)
        return opened.version

    def _place(self, table: str) -> str:
        uri = self.uri(table)
        return uri if "://" in uri else os.path.abspath(uri)

    def _keep(self, table: str, opened: Opened) -> None:
        self._kept[self._place(table)] = opened
        while len(self._kept) > _TABLES:
            self._kept.popitem(last=False)

    def _is_newest(self, table: str, kept: Opened) -> bool:
        """Whether its commit is the log's last; a lake that was made anew has another one there."""
        return (
            kept.at is not None
            and self._objects.get(_commit(table, kept.version + 1)) is None
            and self._objects.get(_commit(table, kept.version)) == kept.at
        )


def _commit(table: str, version: int) -> str:
    return f"{table}/_delta_log/{version:020d}.json"


def _numbers(objects: Objects, table: str, version: int) -> dict[str, int] | None:
    """All transactions' numbers, from the last checkpoint and the commits since it.

    Delta tells one at a time and reads the log for each. None where the log has another form.
    """
    numbers: dict[str, int] = {}
    last = orjson.loads(objects.get(f"{table}/_delta_log/_last_checkpoint") or b"{}")
    start = last.get("version", -1)
    if start > version or last.keys() & {"parts", "v2Checkpoint"}:
        return None
    if last:
        data = objects.get(f"{table}/_delta_log/{start:020d}.checkpoint.parquet")
        if data is None or "txn" not in pl.read_parquet_schema(io.BytesIO(data)):
            return None
        found = pl.read_parquet(data, columns=["txn"])["txn"].struct.unnest().drop_nulls("appId")
        numbers.update(found.select("appId", "version").iter_rows())
    for each in range(start + 1, version + 1):
        commit = objects.get(_commit(table, each))
        if commit is None:
            return None
        for line in commit.splitlines():
            if line.startswith(b'{"txn"'):
                action = orjson.loads(line)["txn"]
                numbers[action["appId"]] = action["version"]
    return numbers
