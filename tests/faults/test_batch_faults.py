"""Batches that go wrong: no finished line is paid for twice, and no job is forgotten."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.faults.asking import (
    STAGE,
    Asked,
    ask,
    journal_key,
    journaled,
    make_requests,
    write_pairs,
)
from tests.faults.openai_replies import drawn
from tests.faults.openai_server import OpenAIServer
from webscale_dagster.llm.batch import BatchSession
from webscale_dagster.llm.batch_by_hand import OutputsAwaited
from webscale_dagster.llm.errors import ServerUnavailable, WrongConfiguration
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.llm.pace import Pace
from webscale_dagster.models import ModelChoice, model_from
from webscale_dagster.stages.protocol import Request

pytestmark = pytest.mark.service

COUNT = 120
PACE = Pace(poll_seconds=0.05, give_up_seconds=20)


@pytest.fixture
def server(running: OpenAIServer) -> OpenAIServer:
    """The module's server: healthy, quick with batches, all counts at zero."""
    batches(running)
    running.reset_counts()
    return running


def batches(server: OpenAIServer, **options: Any) -> None:
    """Have batches go this way."""
    server.script({"batch": {"seconds": 0.1, **options}})


def through(server: OpenAIServer, **fields: Any) -> ModelChoice:
    """The server's batch API."""
    chosen = model_from(f"batch+{server.url}#tiny")
    return chosen.model_copy(update=fields)


def folder_of(tmp_path: Path) -> Path:
    """Where batches keep their files."""
    return tmp_path / "batches" / STAGE / "s-00000"


def once(server: OpenAIServer, asked: Asked, count: int = COUNT) -> dict[str, Any]:
    """The server's counts, after a look that nothing was paid for twice."""
    counts: dict[str, Any] = server.counts()["batch"]
    assert asked.kept == count == len(asked.replies)
    assert counts["asked_after_answered"] == 0
    assert max(counts["answered"].values()) == 1 and len(counts["answered"]) == count
    return counts


# Faults that pass

LINES = ("failed", "expired", "missing", "duplicate", "bad_line")


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_fails_is_asked_again(server: OpenAIServer, tmp_path: Path, name: str) -> None:
    batches(server, **{name: 0.2})
    choice, requests = through(server), make_requests(COUNT)
    counts = once(server, ask(tmp_path, choice, requests, PACE))
    hits = {k for k in (journal_key(choice, r) for r in requests) if drawn(0.2, name, k)}
    assert counts["by_fault"] == {name: len(hits)} and hits
    lost = hits if name in ("failed", "expired", "missing") else set()
    assert {key for key, times in counts["submitted"].items() if times == 2} == lost
    assert counts["created"] == (2 if lost else 1)
    assert not folder_of(tmp_path).exists(), "files of finished batches were left behind"


@pytest.mark.parametrize("options", [{"shuffle": True}, {"poll_500": 2}], ids=str)
def test_a_batch_that_is_odd_is_read(
    server: OpenAIServer, tmp_path: Path, options: dict[str, Any]
) -> None:
    batches(server, **options)
    counts = once(server, ask(tmp_path, through(server), make_requests(COUNT), PACE))
    assert counts["created"] == 1


def test_an_expired_batch_keeps_what_it_did(server: OpenAIServer, tmp_path: Path) -> None:
    batches(server, end_status="expired")
    counts = once(server, ask(tmp_path, through(server), make_requests(COUNT), PACE))
    assert counts["created"] == 2 and COUNT < counts["lines_submitted"] < 2 * COUNT
    assert counts["lines_submitted"] == COUNT + counts["by_fault"]["expired"]


def test_everything_at_once(server: OpenAIServer, tmp_path: Path) -> None:
    shares = dict.fromkeys(LINES, 0.15)
    batches(server, shuffle=True, times=2, poll_500=2, submit_lost=1, **shares)
    asked = ask(tmp_path, through(server, batch_requests=50), make_requests(COUNT), PACE)
    counts = once(server, asked)
    assert set(counts["by_fault"]) >= set(LINES)


def test_lines_that_expire_are_not_to_blame(server: OpenAIServer, tmp_path: Path) -> None:
    """A window that was too short says nothing of the request, however often."""
    batches(server, expired=0.3, times=4)
    pace = Pace(poll_seconds=0.05, max_tries=2)
    once(server, ask(tmp_path, through(server), make_requests(COUNT), pace))


@pytest.mark.parametrize("name", ["failed", "missing"])
def test_lines_that_always_fail_are_rejected(
    server: OpenAIServer, tmp_path: Path, name: str
) -> None:
    batches(server, **{name: 0.1}, times=-1)
    choice, requests = through(server), make_requests(COUNT)
    asked = ask(tmp_path, choice, requests, Pace(poll_seconds=0.05, max_tries=3))
    hits = sum(drawn(0.1, name, journal_key(choice, r)) for r in requests)
    assert asked.problems == {"no_answer": hits} and asked.kept == COUNT - hits
    assert "(3 batches)" in next(r.error for r in asked.replies if r.problem)
    counts = server.counts()["batch"]
    assert counts["created"] == 3 and counts["asked_after_answered"] == 0


def test_unusable_replies_are_repaired_in_another_batch(
    server: OpenAIServer, tmp_path: Path
) -> None:
    batches(server, not_json=0.2)
    asked = ask(tmp_path, through(server), make_requests(COUNT), PACE)
    counts = server.counts()["batch"]
    repairs = counts["lines_submitted"] - COUNT
    rejected = counts["by_fault"]["not_json"] - repairs
    assert counts["created"] == 2 and repairs > 0
    assert asked.model.tally.repaired == repairs - rejected
    assert asked.problems == ({"reply_not_json": rejected} if rejected else {})
    assert counts["asked_after_answered"] == 0


# Sizes


def files(server: OpenAIServer) -> list[bytes]:
    """Contents of the request files that were uploaded, as far as they are there."""
    found = []
    for number in range(1, 400):
        status, raw = get(server, f"/v1/files/file-{number:08}")
        if status == 200 and json.loads(raw)["purpose"] == "batch":
            found.append(get(server, f"/v1/files/file-{number:08}/content")[1])
    return found


def get(server: OpenAIServer, path: str, body: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        raw = None if body is None else json.dumps(body).encode()
        connection.request("GET" if raw is None else "POST", path, raw)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("limits", [{"batch_requests": 50}, {"batch_bytes": 40_000}], ids=str)
def test_files_keep_to_the_limits(tmp_path: Path, limits: dict[str, int]) -> None:
    with OpenAIServer({"batch": {"seconds": 0.1}}) as server:
        asked = ask(tmp_path, through(server, **limits), make_requests(COUNT), PACE)
        counts = once(server, asked)
        sent = files(server)
    sizes = [(len(raw.splitlines()), len(raw)) for raw in sent]
    print(f"{limits}: files of (lines, bytes) {sizes}")
    assert len(sent) == counts["created"] >= 3 and sum(lines for lines, _ in sizes) == COUNT
    assert all(lines <= limits.get("batch_requests", COUNT) for lines, _ in sizes)
    assert all(size <= limits.get("batch_bytes", 1 << 30) for _, size in sizes)
    assert counts["lines_submitted"] == COUNT


# Submissions and restarts


def test_a_submission_whose_reply_was_lost_is_found(server: OpenAIServer, tmp_path: Path) -> None:
    batches(server, submit_lost=1)
    said: list[str] = []
    asked = ask(tmp_path, through(server), make_requests(COUNT), PACE, say=said.append)
    counts = once(server, asked)
    assert counts["created"] == 1 and counts["lines_submitted"] == COUNT
    assert any("ClientPayloadError" in line for line in said)


class Killed(BaseException):
    """Ends a run as a kill would: nobody gets to tidy up."""


def _killed_at(monkeypatch: pytest.MonkeyPatch, save: int, *, before: bool) -> None:
    """Have a run die right before or after it writes its jobs down for the nth time."""
    real, seen = BatchSession._save, [0]

    def dying(session: BatchSession) -> None:
        seen[0] += 1
        if seen[0] == save and before:
            raise Killed
        real(session)
        if seen[0] == save:
            raise Killed

    monkeypatch.setattr(BatchSession, "_save", dying)
    monkeypatch.setattr(BatchSession, "close", lambda session: None)


SAVES = {1: "written", 2: "uploaded", 3: "submitted", 4: "downloaded"}


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("save", SAVES, ids=SAVES.get)
def test_a_run_killed_at_any_step_is_taken_up(
    server: OpenAIServer, tmp_path: Path, save: int, before: bool
) -> None:
    """Requests of its own: a batch of these very lines would be found again."""
    choice, requests = through(server), make_requests(COUNT, f"{save}, {before}")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        _killed_at(patch, save, before=before)
        ask(tmp_path, choice, requests, PACE)
    counts = once(server, ask(tmp_path, choice, requests, PACE))
    assert counts["created"] == 1 and counts["lines_submitted"] == COUNT
    assert len(journaled(tmp_path / "journal")) == COUNT
    assert not folder_of(tmp_path).exists()


def test_a_restart_asks_for_more_than_is_under_way(server: OpenAIServer, tmp_path: Path) -> None:
    """What the earlier batch holds is not submitted again."""
    choice, requests = through(server), make_requests(COUNT, "more")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        _killed_at(patch, 3, before=False)
        ask(tmp_path, choice, requests[:80], PACE)
    asked = ask(tmp_path, choice, requests[40:], PACE)
    assert asked.kept == 80
    counts = server.counts()["batch"]
    assert counts["created"] == 2 and set(counts["submitted"].values()) == {1}


def _start(folder: Path, server: OpenAIServer) -> subprocess.Popen[bytes]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    command = str(Path(sys.executable).with_name("webscale"))
    given = ["stage", STAGE, "pairs.jsonl", "out", "--model", f"batch+{server.url}#tiny"]
    return subprocess.Popen(
        [command, *given],
        cwd=folder,
        env=kept | {"WEBSCALE_HOME": str(folder / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.service
def test_a_killed_process_finds_its_batch_again(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", 50)
    with OpenAIServer({"batch": {"seconds": 6}}) as server:
        run = _start(tmp_path, server)
        deadline = time.monotonic() + 60
        while server.counts()["batch"]["created"] == 0:
            assert time.monotonic() < deadline and run.poll() is None
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        last = _start(tmp_path, server)
        assert last.communicate(timeout=120)[1] is not None and last.returncode == 0
        counts = server.counts()["batch"]
    assert counts["created"] == 1 and counts["lines_submitted"] == 50
    assert counts["asked_after_answered"] == 0


def test_a_run_killed_between_reply_and_journal_is_taken_up(
    server: OpenAIServer, tmp_path: Path
) -> None:
    class Dying(Journal):
        def add(self, entries: Iterable[tuple[str, Completion]]) -> None:
            raise Killed

    choice, requests = through(server), make_requests(COUNT, "durable")
    with pytest.raises(Killed):
        ask(tmp_path, choice, requests, PACE, journal=Dying)
    assert not journaled(tmp_path / "journal")
    counts = once(server, ask(tmp_path, choice, requests, PACE))
    assert counts["created"] == 1 and not folder_of(tmp_path).exists()


# Providers that refuse, or are gone


def test_a_batch_that_fails_as_a_whole_ends_the_run(server: OpenAIServer, tmp_path: Path) -> None:
    batches(server, end_status="failed")
    choice, requests = through(server), make_requests(COUNT)
    with pytest.raises(WrongConfiguration, match=r"refused as a whole: .*token_limit_exceeded"):
        ask(tmp_path, choice, requests, PACE)
    batches(server)
    counts = once(server, ask(tmp_path, choice, requests, PACE))
    assert counts["created"] == 2


def test_a_wrong_key_ends_the_run_and_is_not_shown(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSCALE_API_KEY", "sk-canary-6f1d2c9b7e")
    server.script({"api_key": "sk-right"})
    said: list[str] = []
    with pytest.raises(WrongConfiguration, match="HTTP 401") as failed:
        ask(tmp_path, through(server), make_requests(5), PACE, say=said.append)
    assert server.url in str(failed.value) and "canary" not in str(failed.value) + "".join(said)
    left = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"canary" not in left
    monkeypatch.setenv("WEBSCALE_API_KEY", "sk-right")
    assert ask(tmp_path, through(server), make_requests(5), PACE).kept == 5


@pytest.mark.parametrize("poll", [0.05, 1.0])
def test_a_provider_that_is_gone_ends_the_run(tmp_path: Path, poll: float) -> None:
    """A poll that is not due yet is no sign of life."""
    said: list[str] = []
    pace = Pace(poll_seconds=poll, give_up_seconds=2.5)
    with OpenAIServer({"batch": {"seconds": 600}}) as server:

        def say(message: str) -> None:
            said.append(message)
            if "submitted" in message:
                server.kill()

        began = time.monotonic()
        with pytest.raises(ServerUnavailable) as failed:
            ask(tmp_path, through(server), make_requests(5), pace, say=say)
        assert 2 < time.monotonic() - began < 12
    assert through(server).endpoints[0] in str(failed.value) and "ClientConnector" in said[-1]


def test_a_provider_that_forgot_the_batch_is_named(tmp_path: Path) -> None:
    with OpenAIServer({"batch": {"seconds": 600}}) as server:

        def say(message: str) -> None:
            if "submitted" in message:
                server.restart()

        with pytest.raises(WrongConfiguration, match=r"batch_\d+: HTTP 404: No batch found"):
            ask(tmp_path, through(server), make_requests(5), PACE, say=say)


# By hand


def by_hand(**fields: Any) -> ModelChoice:
    return ModelChoice(backend="batch", name="tiny", by_hand=True, **fields)


def handed_out(folder: Path, choice: ModelChoice, requests: list[Request]) -> Path:
    """The one request file with which a first run stops."""
    with pytest.raises(OutputsAwaited):
        ask(folder, choice, requests, PACE)
    [first] = folder_of(folder).glob("*.requests.jsonl")
    return first


def work_off(server: OpenAIServer, path: Path, *, failing: int = 0, status: int = 500) -> None:
    """What ``vllm run-batch`` makes of a request file; the first lines may fail."""
    out = path.with_name(path.name.replace(".requests.", ".output."))
    lines = []
    for number, raw in enumerate(path.read_bytes().splitlines()):
        line = orjson.loads(raw)
        found, said = get(server, "/v1/chat/completions", line["body"])
        if number < failing:
            found, said = status, b'{"error": {"message": "engine died"}}'
        response = {"status_code": found, "request_id": "r", "body": orjson.loads(said)}
        entry = {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}
        lines.append(orjson.dumps(entry))
    out.write_bytes(b"\n".join(lines) + b"\n")


def test_by_hand_waits_for_outputs_and_takes_them(server: OpenAIServer, tmp_path: Path) -> None:
    choice, requests = by_hand(batch_requests=50), make_requests(COUNT)
    folder = folder_of(tmp_path)
    with pytest.raises(OutputsAwaited) as failed:
        ask(tmp_path, choice, requests, PACE)
    said = str(failed.value)
    assert said.startswith(f"3 request files wait in {folder}")
    assert "vllm run-batch -i NAME.requests.jsonl" in said and "run again" in said
    names = sorted(folder.glob("*.requests.jsonl"))
    assert len(names) == 3
    with pytest.raises(OutputsAwaited, match="3 request files"):
        ask(tmp_path, choice, requests, PACE)
    assert sorted(folder.glob("*.requests.jsonl")) == names, "asked for twice"
    work_off(server, names[0])
    with pytest.raises(OutputsAwaited, match="2 request files"):
        ask(tmp_path, choice, requests, PACE)
    durable = len(journaled(tmp_path / "journal"))
    assert durable == len(names[0].read_bytes().splitlines())
    for name in names[1:]:
        work_off(server, name)
    asked = ask(tmp_path, choice, requests, PACE)
    assert asked.kept == COUNT and asked.model.tally.replayed == durable
    assert server.counts()["asked_after_answered"] == 0 and server.counts()["asked"] == COUNT
    assert not folder.exists()


def test_by_hand_lines_that_failed_come_in_another_file(
    server: OpenAIServer, tmp_path: Path
) -> None:
    choice, requests = by_hand(), make_requests(30)
    with pytest.raises(OutputsAwaited, match="1 request files"):
        ask(tmp_path, choice, requests, PACE)
    [first] = folder_of(tmp_path).glob("*.requests.jsonl")
    work_off(server, first, failing=4)
    with pytest.raises(OutputsAwaited, match="1 request files"):
        ask(tmp_path, choice, requests, PACE)
    [second] = set(folder_of(tmp_path).glob("*.requests.jsonl")) - {first}
    assert len(second.read_bytes().splitlines()) == 4
    work_off(server, second)
    assert ask(tmp_path, choice, requests, PACE).kept == 30


def test_by_hand_a_torn_output_is_taken_as_far_as_it_goes(
    server: OpenAIServer, tmp_path: Path
) -> None:
    choice, requests = by_hand(), make_requests(30)
    first = handed_out(tmp_path, choice, requests)
    work_off(server, first)
    output = first.with_name(first.name.replace(".requests.", ".output."))
    output.write_bytes(output.read_bytes()[:-700])
    with pytest.raises(OutputsAwaited, match="1 request files"):
        ask(tmp_path, choice, requests, PACE)
    assert 27 < len(journaled(tmp_path / "journal")) < 30


def test_by_hand_a_wrong_model_ends_the_run_and_can_be_mended(
    server: OpenAIServer, tmp_path: Path
) -> None:
    """What came beside the refusals is kept; the refused lines come in another file."""
    choice, requests = by_hand(), make_requests(30)
    first = handed_out(tmp_path, choice, requests)
    work_off(server, first, failing=4, status=404)
    with pytest.raises(WrongConfiguration, match=r"HTTP 404: engine died; mend the recipe"):
        ask(tmp_path, choice, requests, PACE)
    assert len(journaled(tmp_path / "journal")) == 26
    with pytest.raises(OutputsAwaited, match="1 request files"):
        ask(tmp_path, choice, requests, PACE)
    [second] = set(folder_of(tmp_path).glob("*.requests.jsonl")) - {first}
    work_off(server, second)
    assert ask(tmp_path, choice, requests, PACE).kept == 30
