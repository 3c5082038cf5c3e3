"""The demo corpus through a real vLLM: kept by us, as somebody's server, and as batches.

The model is tiny and random, so what it says is nonsense; every reply must have its shape all the
same. One server serves the whole module.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.services.homes import BIN, environment, wait_for, write_shards
from tests.services.vllm import FLAGS, make_model, vllm_environment
from webscale_dagster.lake import Lake
from webscale_dagster.llm.process_group import members
from webscale_dagster.llm.vllm_server import Attachment
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import ASKING
from webscale_dagster.stages.protocol import UNUSABLE

pytestmark = [pytest.mark.service, pytest.mark.timeout(1500)]
IDLE = 20.0  # seconds


class Vllm:
    """The module's server, and how a run is told to use it."""

    def __init__(self, folder: Path) -> None:
        self.model = str(make_model(folder / "tiny"))
        self.environment = vllm_environment(folder / "servers")
        os.environ |= self.environment
        self.choice = ModelChoice(backend="vllm", name=self.model, flags=FLAGS, idle_seconds=IDLE)
        began = time.monotonic()
        self.attached = Attachment(self.choice, lambda line: None)
        self.facts = self.attached.wait()
        print(f"vllm serve answers after {time.monotonic() - began:.0f} s")

    @property
    def pid(self) -> int:
        return int(json.loads((self.attached.folder / "server.json").read_bytes())["pid"])

    def recipe(self, home: Path, *, ask_filter: bool = True, **model: Any) -> None:
        """A home whose recipe asks this model, with short replies."""
        table = {"name": self.model, "flags": list(FLAGS), "idle_seconds": IDLE, **model}
        home.mkdir(parents=True, exist_ok=True)
        lines = ['name = "tiny"', f'annotate = "{"merged" if ask_filter else "separate"}"']
        lines += ["[model]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        lines += [f"[{stage}]\nmax_tokens = 1500\ntemperature = 1.0" for stage in ASKING]
        text = "\n".join(lines)
        if not ask_filter:
            text = text.replace("[filtered_docs]", "[filtered_docs]\nask_model = false")
        (home / "recipe.toml").write_text(text, encoding="utf-8")

    def run(self, home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(BIN / "webscale"), *arguments],
            env=environment(home) | self.environment | more,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    before = dict(os.environ)
    opened = Vllm(tmp_path_factory.mktemp("vllm"))
    yield opened
    opened.attached.detach()
    os.environ.clear()
    os.environ.update(before)


def _samples(folder: Path) -> Path:
    """The demo's corpus as one file, so one shard."""
    path = folder / "samples.jsonl"
    packaged = resources.files("webscale_dagster") / "samples"
    texts = [(packaged / f"{name}.jsonl").read_text() for name in ("articles", "handbook", "web")]
    path.write_text("".join(texts), encoding="utf-8")
    return path


def _few(folder: Path, count: int) -> Path:
    """Its first documents."""
    path = folder / f"few-{count}.jsonl"
    lines = _samples(folder).read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:count]), encoding="utf-8")
    return path


def _walked(vllm: Vllm, home: Path, corpus: Path, **more: str) -> pl.DataFrame:
    """The corpus to clean pairs; returns the calls after checking that every reply was valid."""
    vllm.run(home, "ingest", str(corpus), "--name", "s")
    vllm.run(home, "run", "--to", "decontaminated_set", "--concurrency", "8", **more)
    lake = Lake(str(home / "lake"))
    names = lake.read("shards").collect()["shard"].to_list()
    rejects = lake.rejects(list(ASKING), names).collect()
    assert rejects.filter(pl.col("reason").is_in(list(UNUSABLE))).rows() == []
    calls = lake.llm_calls(list(ASKING), names).collect()
    assert calls["finish_reason"].unique().to_list() == ["stop"], "a reply was cut off"
    assert set(calls["model"]) == {vllm.model}
    print(calls.group_by("stage").agg(pl.len(), pl.sum("tokens_in", "tokens_out", "cached_tokens")))
    return calls


def _both(
    vllm: Vllm, folder: Path, model: dict[str, Any], count: int = 16, **more: str
) -> dict[str, int]:
    """So many documents of the demo through the filter, and some through all later stages.

    What a random model thinks of a document is always the same, so none or all would pass.
    """
    vllm.recipe(folder / "a", **model)
    calls = _walked(vllm, folder / "a", _few(folder, count), **more)
    vllm.recipe(folder / "b", ask_filter=False, **model)
    calls = pl.concat([calls, _walked(vllm, folder / "b", _few(folder, 8), **more)])
    found = dict(calls.group_by("stage").len().rows())
    assert (
        found["filtered_docs"] >= 0.75 * count and found["personas"] >= 5 and found["qa_pairs"] >= 5
    )
    return found


def test_the_walk_through_a_server_that_we_keep(vllm: Vllm, tmp_path: Path) -> None:
    pid = vllm.pid
    _both(vllm, tmp_path, {"backend": "vllm"}, count=40)
    assert vllm.pid == pid, "the run started a server of its own"
    calls = Lake(str(tmp_path / "a" / "lake")).read("llm_calls").collect()
    shared = calls["cached_tokens"].sum() / calls["tokens_in"].sum()
    print(f"{shared:.0%} of the prompt tokens came from the prefix cache")
    assert shared > 0.3, "the shared instructions were computed every time"


def test_the_walk_through_a_server_of_somebody_elses(vllm: Vllm, tmp_path: Path) -> None:
    key = {"WEBSCALE_API_KEY": vllm.facts["key"]}
    where = {"endpoints": [vllm.facts["address"]], "bounded_strings": True}
    _both(vllm, tmp_path, {"backend": "server", **where}, **key)
    files = (path for path in tmp_path.rglob("*") if path.is_file())
    assert all(vllm.facts["key"].encode() not in path.read_bytes() for path in files)
    estimate = vllm.run(tmp_path / "b", "run", "--estimate", "--json", **key)
    assert '"exact": true' in estimate.stdout and "/tokenize" not in estimate.stderr


def test_the_walk_through_batches(vllm: Vllm, tmp_path: Path) -> None:
    _both(vllm, tmp_path, {"backend": "batch"}, count=8)
    assert not (tmp_path / "a" / "batches" / "filtered_docs" / "s-00000").exists()


def test_a_judge_gives_verdicts_on_the_rules_pairs(vllm: Vllm, tmp_path: Path) -> None:
    """Pairs of the rule-based writer reach the model's checks, one call each."""
    home = tmp_path / "home"
    vllm.recipe(home, backend="vllm")
    corpus = _samples(tmp_path)
    rules = (home / "rules.toml", 'name = "rules"')
    rules[0].write_text(rules[1], encoding="utf-8")
    made = tmp_path / "out"
    vllm.run(home, "stage", "raw_corpus", str(corpus), str(made / "raw"))
    steps = ("filtered_docs", "personas", "qa_pairs")
    source = made / "raw" / "kept.parquet"
    for name in steps:
        texts = (
            ()
            if name != "qa_pairs"
            else ("--documents", str(made / "filtered_docs" / "kept.parquet"))
        )
        command = ("stage", name, str(source), str(made / name), "--recipe", str(rules[0]), *texts)
        vllm.run(home, *command)
        source = made / name / "kept.parquet"
    documents = str(made / "filtered_docs" / "kept.parquet")
    vllm.run(home, "stage", "verified_qa", str(source), str(made / "v"), "--documents", documents)
    kept, rejects = (pl.read_parquet(made / "v" / f"{n}.parquet") for n in ("kept", "rejects"))
    assert kept.height + rejects.height == pl.read_parquet(source).height >= 50
    assert set(rejects["reason"]) <= {
        *("not_correct", "not_self_contained", "leaks", "not_unique", "no_verdict_in_reply")
    }
    assert pl.read_parquet(made / "v" / "calls.parquet").height >= 30


def test_three_shard_runs_need_one_start(vllm: Vllm, tmp_path: Path) -> None:
    home = tmp_path / "home"
    vllm.recipe(home, backend="vllm")
    write_shards(tmp_path / "corpus", 3)
    vllm.run(home, "ingest", str(tmp_path / "corpus"), "--name", "s")
    pid = vllm.pid
    for shard in range(3):
        vllm.run(home, "run", "--shards", f"s-{shard:05d}", "--to", "filtered_docs")
    assert vllm.pid == pid
    started = [path for path in vllm.attached.folder.parent.iterdir() if path.is_dir()]
    assert started == [vllm.attached.folder]
    assert Lake(str(home / "lake")).read("filtered_docs").collect().height >= 0


def test_a_killed_run_leaves_no_server_longer_than_the_idle_time(
    vllm: Vllm, tmp_path: Path
) -> None:
    """The last one of this module: the server is gone after it."""
    home = tmp_path / "home"
    vllm.recipe(home, backend="vllm")
    vllm.run(home, "ingest", str(_samples(tmp_path)), "--name", "s")
    run = subprocess.Popen(
        [str(BIN / "webscale"), "run"],
        env=environment(home) | vllm.environment,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    pid = vllm.pid
    journal = home / "journal" / "filtered_docs" / "s-00000.jsonl"
    try:
        wait_for(lambda: journal.exists() and journal.stat().st_size > 0, 300, "replies come")
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    vllm.attached.detach()
    assert members(pid), "the server goes on until it was idle for long enough"
    took = wait_for(lambda: not members(pid), IDLE + 60, "the server is gone")
    print(f"gone {took:.0f} s after the kill, of which {IDLE:.0f} s idle")
