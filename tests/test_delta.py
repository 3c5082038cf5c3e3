"""Delta tables that stay open: never an old version, never another lake's, never a changed scan."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from webscale_dagster import delta
from webscale_dagster.lake import Lake
from webscale_dagster.tables import TABLES


def rejects(shard: str, *rows: str) -> pl.DataFrame:
    columns = {name: [""] * len(rows) for name in TABLES["rejects"].schema}
    columns |= {"stage": ["raw_corpus"] * len(rows), "shard": [shard] * len(rows)}
    return pl.DataFrame(columns | {"row_id": list(rows)}, schema=TABLES["rejects"].schema)


def commit(lake: Lake, shard: str, *rows: str) -> tuple[int, int]:
    return lake.commit("rejects", rejects(shard, *rows), f"raw_corpus/{shard}")


def read(lake: Lake, shard: str | None = None) -> list[str]:
    return lake.read("rejects", shard).collect()["row_id"].sort().to_list()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_another_process_commits_and_is_seen_at_once(lake: Lake) -> None:
    commit(lake, "a", "1")
    program = (
        "import sys; from tests.test_delta import commit; from webscale_dagster.lake import Lake; "
        "print(commit(Lake(sys.argv[1]), 'b', '2'))"
    )
    subprocess.run(
        [sys.executable, "-c", program, lake.root], check=True, cwd=Path(__file__).parents[1]
    )
    assert (read(lake), lake.version("rejects")) == (["1", "2"], 1)
    number = lake.content("rejects", "raw_corpus/b")
    assert number == Lake(lake.root).content("rejects", "raw_corpus/b") is not None
    assert commit(lake, "a", "3")[0] == 2
    assert read(lake) == ["2", "3"]


def test_a_lake_that_was_made_anew_is_not_taken_for_the_old_one(lake: Lake) -> None:
    commit(lake, "a", "old")
    assert read(lake) == ["old"]
    shutil.rmtree(lake.root)
    assert lake.version("rejects") is None
    commit(lake, "a", "new")
    assert read(lake) == ["new"]


def test_a_scan_keeps_the_version_it_was_made_of(lake: Lake) -> None:
    commit(lake, "a", "1")
    scans = lake.read("rejects"), lake.read("rejects", "a")
    commit(lake, "a", "2")
    assert [scan.collect()["row_id"].to_list() for scan in scans] == [["1"], ["1"]]
    assert read(lake) == ["2"]


def test_a_shard_reads_as_the_filtered_table(lake: Lake) -> None:
    names = ("a", "a-1", "b.c_d", "b=c", "")
    for name in names:
        commit(lake, name, f"{name}/1", f"{name}/2")
    for name in names:
        one = lake.read("rejects", name).collect()
        assert one.schema == TABLES["rejects"].schema
        assert one.equals(lake.read("rejects").filter(pl.col("shard") == name).collect())
    assert lake.read("rejects", "none").collect().equals(TABLES["rejects"].empty())


def test_a_column_that_a_file_lacks_is_null(lake: Lake) -> None:
    """A file of before the column was thought of."""
    younger = rejects("a", "1").drop("detail").to_arrow()
    write_deltalake(lake.uri("rejects"), younger, partition_by=["stage", "shard"])
    assert lake.read("rejects", "a").collect()["detail"].to_list() == [None]
    commit(lake, "b", "2")
    assert lake.read("rejects").collect().sort("shard")["detail"].to_list() == [None, ""]


def test_numbers_read_from_the_log_are_deltas_own(lake: Lake) -> None:
    for place in range(2 * delta.CHECKPOINT + 3):
        commit(lake, f"s{place % 7}", f"{place}")
    log = Path(lake.uri("rejects")) / "_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) == 2
    newest = DeltaTable(lake.uri("rejects"))
    tables = delta.Tables(lake.objects)
    for version in (newest.version(), newest.version() - 2, 3):
        opened, old = tables.at("rejects", version), DeltaTable(lake.uri("rejects"), version)
        for name in ("content/raw_corpus/s0", "content/raw_corpus/s6", "content/none"):
            assert opened.number(name) == old.transaction_version(name)
    assert delta._numbers(lake.objects, "rejects", 3) is None  # before the checkpoint
    (log / f"{newest.version():020d}.json").unlink()
    assert delta._numbers(lake.objects, "rejects", newest.version()) is None


def test_a_small_table_is_read_once_a_version(lake: Lake) -> None:
    commit(lake, "a", "1")
    first = lake.rows("rejects")
    assert lake.rows("rejects") is first
    commit(lake, "a", "2")
    assert lake.rows("rejects")["row_id"].to_list() == ["2"]
    assert lake.rows("qa_pairs").equals(TABLES["qa_pairs"].empty())
