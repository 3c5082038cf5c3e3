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
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

from webscale_dagster.lake import Lake
from webscale_dagster.tables import TABLES

pytestmark = pytest.mark.service
WEBSCALE = str(Path(sys.executable).with_name("webscale"))
KILLS = int(os.environ.get("WEBSCALE_KILLS", "5"))
SEED = int(os.environ.get("WEBSCALE_SEED", "1"))


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    return kept | {"WEBSCALE_HOME": str(home)}


def _prepare(home: Path, corpus: Path) -> dict[str, str]:
    environment = _environment(home)
    subprocess.run(
        [WEBSCALE, "ingest", str(corpus), "--name", "samples"], env=environment, check=True
    )
    return environment


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


def _kill_once(environment: Mapping[str, str], after: float) -> bool:
    """Start a run and kill it, with all its children, after so many seconds."""
    run = subprocess.Popen(
        [WEBSCALE, "run"],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        run.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False


def _finish(environment: Mapping[str, str]) -> float:
    started = time.monotonic()
    done = subprocess.run([WEBSCALE, "run"], env=dict(environment), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - started


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
    quiet = _prepare(tmp_path / "undisturbed", corpus)
    took = _finish(quiet)
    killed = _prepare(tmp_path / "killed", corpus)
    drawn = random.Random(SEED)
    moments = [round(drawn.uniform(1.0, took), 1) for _ in range(KILLS)]
    landed = sum(_kill_once(killed, moment) for moment in moments)
    print(f"{landed} of {KILLS} kills landed, at {moments} s of {took:.0f} s")
    _finish(killed)
    assert _tables(tmp_path / "killed") == _tables(tmp_path / "undisturbed")
    asked = _journal_keys(tmp_path / "killed")
    assert len(asked) == len(set(asked)), "an answered request was asked again"

    versions = {table: Lake(str(tmp_path / "killed" / "lake")).version(table) for table in TABLES}
    _finish(killed)
    again = {table: Lake(str(tmp_path / "killed" / "lake")).version(table) for table in TABLES}
    assert again == versions, "a run with nothing to do made a table version"
