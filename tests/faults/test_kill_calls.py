"""``webscale stage`` killed while it asks, again and again, ends like an undisturbed one.

Every kill is a SIGKILL to the whole process group, so many seconds after the attempt wrote its
first reply. The server's log, which outlives all of it, says what was asked after it was answered.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import polars as pl
import pytest

from tests.faults.asking import journal_key, journaled, served, server_key, write_pairs
from tests.faults.openai_server import OpenAIServer
from webscale_dagster.cli.stage import _frames
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.replies import read_reply, repair
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import load_recipe
from webscale_dagster.stages import STAGES
from webscale_dagster.stages.protocol import Request
from webscale_dagster.stages.verified_qa import requester

pytestmark = pytest.mark.service
WEBSCALE = str(Path(sys.executable).with_name("webscale"))
KILLS = int(os.environ.get("WEBSCALE_KILLS", "3"))
SEED = int(os.environ.get("WEBSCALE_SEED", "1"))
PAIRS, LIMIT = 2_000, 32
SCRIPT = {
    "latency_ms": 20,
    "faults": [
        {"fault": "500", "share": 0.03},
        {"fault": "429", "share": 0.02, "retry_after": "0.05"},
        {"fault": "not_json", "share": 0.03, "times": -1},
    ],
}
TIMING = ["cost", "latency_ms", "attempts", "replayed", "cached_tokens"]


def _start(folder: Path, url: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    given = ["stage", "verified_qa", "pairs.jsonl", "out", "--model", f"{url}#tiny"]
    return subprocess.Popen(
        [WEBSCALE, *given, "--concurrency", str(LIMIT)],
        cwd=folder,
        env=kept | {"WEBSCALE_HOME": str(folder / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _journal(folder: Path) -> Path:
    return folder / "out" / ".journal" / "verified_qa" / "plain.jsonl"


def _asking(folder: Path, run: subprocess.Popen[str]) -> float:
    """Wait until the run writes a reply; what comes before is imports and replay. The moment."""
    path = _journal(folder)
    before = path.stat().st_size if path.exists() else 0
    while run.poll() is None and (not path.exists() or path.stat().st_size <= before):
        time.sleep(0.001)
    return time.monotonic()


def _kill_once(folder: Path, url: str, after: float) -> bool:
    run = _start(folder, url)
    _asking(folder, run)
    try:
        run.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        return True
    return False


def _finish(folder: Path, url: str) -> float:
    """A run to its end; the seconds in which it asked."""
    run = _start(folder, url)
    began = _asking(folder, run)
    said = run.communicate(timeout=300)[1]
    assert run.returncode == 0, said
    return time.monotonic() - began


def _tables(folder: Path) -> dict[str, pl.DataFrame]:
    names = ("kept", "rejects", "calls")
    found = {name: pl.read_parquet(folder / "out" / f"{name}.parquet") for name in names}
    return found | {"calls": found["calls"].drop(TIMING)}


@dataclass
class Names:
    """What the journal and the server call each request of the pairs, and each repair."""

    choice: ModelChoice
    requests: list[Request]
    by_server: dict[str, str] = field(default_factory=dict)  # server's key -> journal's key

    def learn(self, journal: Path) -> None:
        """Name every request, and the repairs of the replies that are in the journal."""
        lines = [orjson.loads(line) for line in journal.read_bytes().splitlines()]
        replies = {line.pop("key"): Completion(**line) for line in lines}
        for request in self.requests:
            for asked in self._calls(request, replies):
                key = server_key(self.choice, asked)
                self.by_server[key] = journal_key(self.choice, asked)

    def _calls(self, request: Request, replies: dict[str, Completion]) -> Iterator[Request]:
        yield request
        done = replies.get(journal_key(self.choice, request))
        reply = read_reply(request, done) if done else None
        if reply and reply.problem is not None:
            yield repair(request, reply)


def _names(folder: Path, url: str) -> Names:
    recipe = load_recipe("default")
    frames = _frames(STAGES["verified_qa"], folder / "pairs.jsonl", recipe, None)
    texts = frames["filtered_docs"].select("doc_id", "text", "title")
    rows = frames["qa_pairs"].join(texts, on="doc_id", maintain_order="left")
    ask = requester(recipe)
    return Names(served(url), [ask((row,)) for row in rows.iter_rows(named=True)])


@pytest.mark.timeout(1800)
def test_killed_while_asking(tmp_path: Path) -> None:
    folders = quiet, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in folders:
        folder.mkdir()
        write_pairs(folder / "pairs.jsonl", PAIRS)
    with OpenAIServer(SCRIPT) as server:
        worked = _finish(quiet, server.url)
        undisturbed = server.counts()
    assert undisturbed["asked_after_answered"] == 0
    drawn = random.Random(SEED)
    moments = [drawn.uniform(0, 1.5 * worked / (KILLS + 1)) for _ in range(KILLS)]
    durable: list[tuple[float, set[str]]] = []  # when, and what was in the journal then
    with OpenAIServer(SCRIPT, log=tmp_path / "log") as server:
        for moment in moments:
            if _kill_once(killed, server.url, moment):
                durable.append((time.time(), journaled(killed / "out" / ".journal", "plain")))
        _finish(killed, server.url)
        logged, counts = server.logged(), server.counts()
        names = _names(killed, server.url)
    names.learn(_journal(killed))
    _report(worked, [len(keys) for _, keys in durable], logged)

    assert durable, "no kill landed"
    assert logged["asked_after_answered"] <= len(durable) * LIMIT
    assert counts["max_in_flight"] <= 2 * LIMIT  # a killed run's, until the server sees it gone
    for key, at in logged["again"]:
        known = [keys for when, keys in durable if when < at]
        assert not known or names.by_server[key] not in known[-1], "asked again though journaled"
    found, wanted = _tables(killed), _tables(quiet)
    for table, frame in wanted.items():
        assert found[table].equals(frame), f"{table} differs"
    assert found["kept"].height + found["rejects"].height == PAIRS
    assert set(found["calls"]["key"]) == journaled(killed / "out" / ".journal", "plain")
    assert set(logged["answered"]) == set(names.by_server)
    assert "reply_not_json" in found["rejects"]["reason"].to_list(), "no repair failed"


def _report(worked: float, durable: list[int], logged: dict[str, object]) -> None:
    again = logged["asked_after_answered"]
    print(f"{len(durable)} of {KILLS} kills landed in the {worked:.1f} s of asking {PAIRS:,} pairs")
    print(f"replies in the journal at each: {durable}")
    print(f"{again} asked again after an answer, none of them journaled")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_asking(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C says in one line that nothing is lost; both end promptly, and the next run goes on."""
    write_pairs(tmp_path / "pairs.jsonl", 400)
    # All would be answered in 8 s: time enough on a machine that does other things, too.
    with OpenAIServer({"latency_ms": 600}, log=tmp_path / "log") as server:
        run = _start(tmp_path, server.url)
        _asking(tmp_path, run)
        time.sleep(0.8)
        run.send_signal(number)
        began = time.monotonic()
        said = run.communicate(timeout=60)[1]
        print(f"{number.name}: ended after {time.monotonic() - began:.2f} s with {said!r}")
        assert time.monotonic() - began < 10 and run.returncode != 0
        if number == signal.SIGINT:
            assert run.returncode == 1
            assert said.split("\n") == [
                "",
                "stopped; what was finished is kept, run it again to go on",
                "",
            ]
        assert "Traceback" not in said and not (tmp_path / "out" / "kept.parquet").exists()
        durable = len(journaled(tmp_path / "out" / ".journal", "plain"))
        assert 0 < durable < 400
        _finish(tmp_path, server.url)
        assert server.logged()["asked_after_answered"] <= LIMIT
    calls = pl.read_parquet(tmp_path / "out" / "calls.parquet")
    assert calls["replayed"].sum() == durable and calls.height == 400
