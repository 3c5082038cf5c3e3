"""Dagster's databases stay open: the same events, the same tables, read by anyone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from webscale_dagster.defs.open_databases import keep_open

pytestmark = pytest.mark.filterwarnings("ignore:::(dagster|pydantic)")


@dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="made")])
def made() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    yield dg.MaterializeResult(metadata={"rows": 1})
    yield dg.AssetCheckResult(check_name="good", passed=True)


def kinds(instance: dg.DagsterInstance, run_id: str) -> Counter[str]:
    logs = [log for log in instance.all_logs(run_id) if log.is_dagster_event]
    return Counter(str(log.get_dagster_event().event_type_value) for log in logs)


def tables(path: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        mode = connection.execute("PRAGMA journal_mode").fetchall()
    return [*found, *revision, *mode]


def test_runs_are_recorded_as_ever(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as plain:
        first = dg.materialize([made], instance=plain)
        wanted = kinds(plain, first.run_id)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as kept:
        keep_open(kept)
        keep_open(kept)  # the second time nothing happens
        runs = [dg.materialize([made], instance=kept).run_id for _ in range(6)]
    with dg.DagsterInstance.local_temp(str(tmp_path)) as plain:
        assert [kinds(plain, run_id) for run_id in runs] == [wanted] * 6
        assert {run.status for run in plain.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
        assert plain.get_latest_materialization_event(dg.AssetKey("made")) is not None
        paths = [plain.event_log_storage.path_for_shard(key) for key in (first.run_id, *runs)]  # type: ignore[attr-defined]
    assert [tables(path) for path in paths] == [tables(paths[0])] * 7  # made like Dagster's own


def test_databases_are_opened_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster opens one for each of some 50 queries; this sees that they are still reached."""
    opened = 0
    connect = sqlite3.dbapi2.connect

    def counted(*arguments: object, **named: object) -> object:
        nonlocal opened
        opened += 1
        return connect(*arguments, **named)  # type: ignore[call-overload]

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        keep_open(instance)
        dg.materialize([made], instance=instance)
        monkeypatch.setattr(sqlite3.dbapi2, "connect", counted)
        dg.materialize([made], instance=instance)
    assert 1 <= opened <= 5


def test_an_instance_without_sqlite_is_left_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        before = dict(vars(instance.event_log_storage))
        keep_open(instance)
        assert vars(instance.event_log_storage).keys() == before.keys()
