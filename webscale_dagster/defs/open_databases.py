"""Keeps Dagster's SQLite databases open while a process executes runs.

Dagster opens its database anew for each of the 150 queries of a run and has SQLAlchemy compile the
query again; it makes a database for every run and migrates that. With connections that stay open,
and a run's database made with the tables of the one before, a run costs a third. What is written
is the same. Reads and writes the instance's databases; an instance on Postgres is left as it is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

import dagster as dg
import sqlalchemy

_ON_DISK = "SqliteEventLogStorage"  # the one that has a database for each run
_RUNS = 4  # databases of runs kept open; a process writes to one at a time
# What Dagster asks its databases over and over: about their tables, migrations and snapshots, and
# whether a partition exists.
_ASKED = (
    *("has_table", "has_asset_key_col", "has_secondary_index", "has_dynamic_partition"),
    *("has_built_index", "has_run_stats_index_cols", "has_backfill_id_column"),
    *("has_job_snapshot", "has_execution_plan_snapshot"),
)
_PATIENCE = 30.0  # seconds for a lock that another process holds, as Dagster waits


def keep_open(instance: dg.DagsterInstance) -> None:
    """Have the instance keep its databases open; nothing happens at the second call."""
    events: Any = instance.event_log_storage
    runs: Any = instance.run_storage
    if type(events).__name__ != _ON_DISK or hasattr(events, "_kept_open"):
        return
    databases = _Databases(events)
    events._kept_open = databases
    events.index_connection, events.run_connection = databases.index, databases.run
    address = getattr(runs, "_conn_string", None)
    if address:
        runs.connect = _connections(databases.open(address))
    for storage in (events, runs):
        for name in _ASKED:
            if hasattr(storage, name):
                setattr(storage, name, _remembered(getattr(storage, name)))
    weakref.finalize(events, databases.close)


class _Databases:
    """The event log's databases: the index of all runs, and one for each run."""

    def __init__(self, events: Any) -> None:
        self._path = events.path_for_shard
        self._make = type(events).run_connection.__get__(weakref.proxy(events))
        self._opened: list[sqlalchemy.Engine] = []
        self._runs: OrderedDict[str, sqlalchemy.Engine] = OrderedDict()
        self._tables = ""  # the statements that make a run's tables, once they are known
        self.index = _connections(self.open(_address(self._path("index"))))

    def open(self, address: str) -> sqlalchemy.Engine:
        """An engine that keeps its connection, closed with the instance."""
        engine = sqlalchemy.create_engine(address, connect_args={"timeout": _PATIENCE})
        sqlalchemy.event.listen(engine, "connect", _without_sync)
        self._opened.append(engine)
        return engine

    def run(self, run_id: str | None = None) -> AbstractContextManager[sqlalchemy.Connection]:
        """A connection to a run's database, which is made where there is none."""
        key = str(run_id)
        if key not in self._runs:
            path = self._path(run_id)
            if not os.path.exists(path) and self._tables:
                _make_like(path, self._tables)
            else:
                with self._make(run_id):  # Dagster makes it, or brings it up to date
                    pass
                self._tables = self._tables or _tables_of(path)
            self._runs[key] = self.open(_address(path))
        self._runs.move_to_end(key)
        while len(self._runs) > _RUNS:
            _, engine = self._runs.popitem(last=False)
            self._opened.remove(engine)
            engine.dispose()
        return _connections(self._runs[key])()

    def close(self) -> None:
        """Close all connections."""
        for engine in self._opened:
            engine.dispose()


def _without_sync(connection: Any, record: Any) -> None:
    """A killed process loses nothing; a power cut may cost the log its last events."""
    del record
    connection.execute("PRAGMA synchronous=NORMAL")


def _address(path: str) -> str:
    return sqlalchemy.URL.create("sqlite", database=path).render_as_string()


def _connections(
    engine: sqlalchemy.Engine,
) -> Callable[[], AbstractContextManager[sqlalchemy.Connection]]:
    @contextlib.contextmanager
    def connect() -> Iterator[sqlalchemy.Connection]:
        with engine.connect() as connection, connection.begin():
            yield connection

    return connect


def _tables_of(path: str) -> str:
    """Statements that make an empty database with the same tables, at the same revision."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        statements = [row[0] for row in made]
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return ";\n".join([*statements, f"INSERT INTO alembic_version VALUES ('{revision}')"]) + ";"


def _make_like(path: str, statements: str) -> None:
    """Make a run's database aside and put it in its place whole."""
    aside = f"{path}.new"
    with closing(sqlite3.connect(aside)) as connection:
        connection.executescript(f"BEGIN;\n{statements}\nCOMMIT;")
        connection.execute("PRAGMA journal_mode=WAL")
    os.replace(aside, path)


def _remembered(has: Callable[..., bool]) -> Callable[..., bool]:
    """What is there stays there; what is not may come."""
    there: set[tuple[Any, ...]] = set()

    def remembered(*which: Any) -> bool:
        if which not in there and has(*which):
            there.add(which)
        return which in there

    return remembered
