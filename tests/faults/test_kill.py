"""``webscale run`` killed at random moments and run again ends like an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

from webscale_dagster.lake import Lake
from webscale_dagster.tables import TABLES

pytestmark = pytest.mark.service
WEBSCALE = str(Path(sys.executable).with_name("webscale"))
KILLS = int(os.environ.get("WEBSCALE_KILLS", "3"))
SEED = int(os.environ.get("WEBSCALE_SEED", "1"))


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    return kept | {"WEBSCALE_HOME": str(home)}


def _prepare(home: Path, corpus: Path) -> None:
    command = [WEBSCALE, "ingest", str(corpus), "--name", "samples"]
    subprocess.run(command, env=_environment(home), check=True)


def _tables(home: Path) -> dict[str, object]:
    """What the lake holds: content of every shard and table, and the calls with their replies."""
    lake = Lake(str(home / "lake"))
    names = lake.read("shards").collect()["shard"].sort().to_list()
    contents: dict[str, object] = {
        table.name: lake.contents(table.name, names if table.sharded else [""])
        for table in TABLES.values()
        if table.name not in ("shards", "rejects", "llm_calls")
    }
    columns = ["stage", "shard", "row_id", "key", "reply_hash"]
    stages = ["filtered_docs", "personas", "qa_pairs", "verified_qa"]
    calls = lake.llm_calls(stages, names).select(columns).sort(columns).collect()
    rejects = lake.rejects([*stages, "raw_corpus", "decontaminated_set"], names)
    contents["llm_calls"] = calls.rows()
    contents["rejects"] = rejects.sort("stage", "row_id").collect().rows()
    contents["admitted"] = lake.read("shards").sort("shard").collect()["admitted"].to_list()
    return contents


def _newest(home: Path) -> float:
    """When the home was last written to."""
    times = [path.stat().st_mtime for path in home.rglob("*") if path.is_file()]
    return max(times, default=0.0)


def _start(home: Path) -> tuple[subprocess.Popen[bytes], float]:
    """A run, and when it wrote for the first time: what comes before is imports."""
    before = _newest(home / "lake")
    run = subprocess.Popen(
        [WEBSCALE, "run"],
        env=_environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while run.poll() is None and _newest(home / "lake") <= before:
        time.sleep(0.05)
    return run, time.monotonic()


def _kill_once(home: Path, after: float) -> bool:
    """Start a run and kill it, with all its children, so many seconds after its first write."""
    run, _ = _start(home)
    try:
        run.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False


def _finish(home: Path) -> float:
    """A run to its end; the seconds it worked."""
    run, began = _start(home)
    assert run.wait(600) == 0
    return time.monotonic() - began


def _journal_keys(home: Path) -> list[str]:
    return [
        json.loads(line)["key"]
        for path in sorted((home / "journal").rglob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.timeout(1800)
def test_killed_runs_end_like_an_undisturbed_one(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name in ("articles", "handbook", "web"):
        packaged = resources.files("webscale_dagster") / "samples" / f"{name}.jsonl"
        shutil.copyfile(str(packaged), corpus / f"{name}.jsonl")
    quiet, killed = tmp_path / "undisturbed", tmp_path / "killed"
    _prepare(quiet, corpus)
    worked = _finish(quiet)
    _prepare(killed, corpus)
    drawn = random.Random(SEED)
    moments = [round(drawn.uniform(0, 1.5 * worked / (KILLS + 1)), 2) for _ in range(KILLS)]
    landed = sum(_kill_once(killed, moment) for moment in moments)
    print(f"{landed} of {KILLS} kills landed, {moments} s into work that takes {worked:.0f} s")
    assert landed > 0
    _finish(killed)
    assert _tables(killed) == _tables(quiet)
    asked = _journal_keys(killed)
    assert len(asked) == len(set(asked)), "an answered request was asked again"

    versions = {table: Lake(str(killed / "lake")).version(table) for table in TABLES}
    _finish(killed)
    again = {table: Lake(str(killed / "lake")).version(table) for table in TABLES}
    assert again == versions, "a run with nothing to do made a table version"
