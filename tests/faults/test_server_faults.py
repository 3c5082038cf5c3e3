"""What a server does wrong, one fault at a time: nothing is lost, paid for twice or let through."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.faults.asking import (
    Asked,
    ask,
    hit,
    journal_key,
    journaled,
    make_requests,
    served,
    server_key,
    write_pairs,
)
from tests.faults.openai_server import OpenAIServer
from webscale_dagster.llm.errors import ServerUnavailable, WrongConfiguration
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.llm.pace import Pace
from webscale_dagster.stages.protocol import Request

pytestmark = pytest.mark.service

COUNT = 200
PACE = Pace(concurrency=32, give_up_seconds=60)


def figures(name: str, asked: Asked) -> None:
    """A line of the report (pytest -s)."""
    kept, repaired = asked.kept, asked.model.tally.repaired
    print(f"| {name} | {kept} | {repaired} | {dict(asked.problems)} |")


# Faults that pass: everything is kept, and nothing is asked again that was answered

PASSING: dict[str, tuple[dict[str, Any], str]] = {
    "429-seconds": ({"fault": "429", "retry_after": "0.1", "share": 0.1}, "rate_limited"),
    "429-date": ({"fault": "429", "retry_after": "http-date", "share": 0.04}, "rate_limited"),
    "429": ({"fault": "429", "share": 0.1}, "rate_limited"),
    "500": ({"fault": "500", "share": 0.1}, "server_error"),
    "502": ({"fault": "502", "share": 0.1}, "server_error"),
    "503-seconds": ({"fault": "503", "retry_after": "0.1", "share": 0.1}, "unavailable"),
    "503": ({"fault": "503", "share": 0.1}, "unavailable"),
    "reset": ({"fault": "reset", "share": 0.1}, "connection"),
    "close": ({"fault": "close", "share": 0.1}, "connection"),
    "trickle": ({"fault": "trickle", "share": 0.05}, "timeout"),
    "hang": ({"fault": "hang", "share": 0.05}, "timeout"),
    "truncated_json": ({"fault": "truncated_json", "share": 0.1}, "bad_response"),
    "invalid_utf8": ({"fault": "invalid_utf8", "share": 0.1}, "bad_response"),
    "empty_choices": ({"fault": "empty_choices", "share": 0.1}, "bad_response"),
    "html_200": ({"fault": "html_200", "share": 0.1}, "bad_response"),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_nothing(server: OpenAIServer, tmp_path: Path, name: str) -> None:
    fault, kind = PASSING[name]
    server.script({"faults": [fault]})
    pace = replace(PACE, request_seconds=3) if kind == "timeout" else PACE
    requests = make_requests(COUNT)
    asked = ask(tmp_path, served(server.url), requests, pace)
    counts, tally = server.counts(), asked.model.tally
    figures(name, asked)
    hits = len(hit(served(server.url), requests, fault["fault"], fault["share"]))
    assert hits > 0 and counts["by_fault"] == {fault["fault"]: hits}
    assert asked.kept == COUNT and tally.repaired == 0
    assert dict(tally.errors) == {kind: hits}
    assert (counts["asked"], counts["answered"]) == (COUNT + hits, COUNT)
    assert counts["asked_after_answered"] == 0
    attempts = asked.model.calls()["attempts"]
    assert Counter(attempts.to_list()) == {1: COUNT - hits, 2: hits}


# Faults that stay with a request: it is rejected, the others are kept

BLAMED = ("500", "502", "truncated_json", "invalid_utf8", "empty_choices", "html_200", "hang",
          "trickle", "reset", "close")  # fmt: skip
SICK = "Document 0000"  # ten requests, the first ones


@pytest.mark.parametrize("name", BLAMED)
def test_a_lasting_fault_costs_its_request(server: OpenAIServer, tmp_path: Path, name: str) -> None:
    """Late replies of the healthy ones show that the server is not to blame."""
    fault = {"fault": name, "match": SICK, "times": -1}
    server.script({"faults": [fault], "latency_ms": 150})
    slow = name in ("hang", "trickle")
    pace = Pace(16, False, request_seconds=2 if slow else 600, give_up_seconds=15, max_tries=2)
    asked = ask(tmp_path, served(server.url), make_requests(COUNT), pace)
    counts = server.counts()
    figures(f"{name}, lasting", asked)
    assert asked.problems == {"no_answer": 10} and asked.kept == COUNT - 10
    assert [reply.problem for reply in asked.replies[:10]] == ["no_answer"] * 10
    assert "tries)" in asked.replies[0].error
    assert counts["asked_after_answered"] == 0 and counts["answered"] == COUNT - 10


@pytest.mark.parametrize("name", ["429", "503"])
def test_lasting_overload_ends_the_run(server: OpenAIServer, tmp_path: Path, name: str) -> None:
    server.script({"faults": [{"fault": name, "match": SICK, "times": -1}]})
    pace = Pace(32, give_up_seconds=1.5)
    began = time.monotonic()
    with pytest.raises(ServerUnavailable, match=f"{server.url}: HTTP {name}.* kept; .*run again"):
        ask(tmp_path, served(server.url), make_requests(COUNT), pace)
    assert time.monotonic() - began < 8
    assert server.counts()["answered"] == COUNT - 10
    server.script({})
    asked = ask(tmp_path, served(server.url), make_requests(COUNT), pace)
    assert asked.kept == COUNT and server.counts()["asked_after_answered"] == 0


# Faults of the reply: paid for, so they are read as well as can be, or asked for once more

UNUSABLE = {
    "wrong_schema": "reply_off_schema",
    "not_json": "reply_not_json",
    "length": "reply_cut_off",
    "empty_text": "reply_empty",
    "refusal": "reply_refused",
}


@pytest.mark.parametrize("times", [1, -1])
@pytest.mark.parametrize("name", ["fenced", "think", "control_characters"])
def test_a_readable_reply_is_read(
    server: OpenAIServer, tmp_path: Path, name: str, times: int
) -> None:
    server.script({"faults": [{"fault": name, "share": 0.2, "times": times}]})
    requests = make_requests(COUNT)
    asked = ask(tmp_path, served(server.url), requests, PACE)
    counts = server.counts()
    figures(f"{name}, times {times}", asked)
    hits = len(hit(served(server.url), requests, name, 0.2))
    assert counts["by_fault"] == {name: hits} and hits > 0
    assert (asked.kept, asked.model.tally.repaired) == (COUNT, 0)
    assert counts["asked"] == COUNT and counts["asked_after_answered"] == 0


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_reply_is_asked_for_once_more(
    server: OpenAIServer, tmp_path: Path, name: str
) -> None:
    """A repair is a request of its own, which the fault may hit too: then the row is rejected."""
    server.script({"faults": [{"fault": name, "share": 0.2}]})
    requests, choice = make_requests(COUNT), served(server.url)
    asked = ask(tmp_path, choice, requests, PACE)
    counts, tally = server.counts(), asked.model.tally
    figures(name, asked)
    spoiled = hit(choice, requests, name, 0.2)
    repairs = counts["asked"] - COUNT
    rejected = counts["by_fault"][name] - repairs
    assert repairs == len(spoiled) > 0 and counts["keys"] == COUNT + repairs
    assert tally.repaired == repairs - rejected
    assert asked.problems == ({UNUSABLE[name]: rejected} if rejected else {})
    assert asked.kept == COUNT - rejected
    assert counts["asked_after_answered"] == 0
    calls = Counter(asked.model.calls()["row_id"].to_list())
    assert {row for row, count in calls.items() if count == 2} == spoiled


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_model_that_cannot_do_better_is_asked_twice(
    server: OpenAIServer, tmp_path: Path, name: str
) -> None:
    """The repair names the document too, so the fault hits it again."""
    server.script({"faults": [{"fault": name, "match": SICK, "times": -1}]})
    choice, requests = served(server.url), make_requests(COUNT)
    asked = ask(tmp_path, choice, requests, PACE)
    figures(f"{name}, lasting", asked)
    assert asked.problems == {UNUSABLE[name]: 10} and asked.kept == COUNT - 10
    assert asked.model.tally.repaired == 0
    counts = server.counts()
    assert counts["asked"] == COUNT + 10 and counts["asked_after_answered"] == 0
    again = ask(tmp_path, choice, requests, PACE)
    assert again.replies == asked.replies and server.counts()["asked"] == COUNT + 10


def test_refused_requests_are_rejected_at_once(server: OpenAIServer, tmp_path: Path) -> None:
    server.script({"faults": [{"fault": "400", "share": 0.2, "times": -1}], "latency_ms": 5})
    requests, choice = make_requests(COUNT), served(server.url)
    asked = ask(tmp_path, choice, requests, PACE)
    hits = len(hit(choice, requests, "400", 0.2))
    figures("400", asked)
    assert asked.problems == {"bad_request": hits} and asked.kept == COUNT - hits
    assert asked.model.tally.repaired == 0
    counts = server.counts()
    assert counts["asked"] == COUNT and counts["asked_after_answered"] == 0


@pytest.mark.parametrize("share", [0.5, 1])
def test_refusals_come_before_answers(server: OpenAIServer, tmp_path: Path, share: float) -> None:
    """A server refuses in a millisecond and answers in seconds: refusals are no proof yet."""
    script = {"faults": [{"fault": "400", "share": share, "times": -1}], "latency_ms": 300}
    server.script(script)
    requests, choice = make_requests(COUNT), served(server.url)
    if share == 1:
        with pytest.raises(
            WrongConfiguration, match=f"{server.url}: every request is refused: HTTP 400: The req"
        ):
            ask(tmp_path, choice, requests, PACE)
        assert server.counts()["asked"] < 60
        return
    asked = ask(tmp_path, choice, requests, PACE)
    hits = len(hit(choice, requests, "400", share))
    assert asked.problems == {"bad_request": hits} and asked.kept == COUNT - hits


# What is left at the end, or after a kill, may be nothing but requests that fail


@pytest.mark.parametrize("fault", ["500", "truncated_json"])
def test_a_run_ends_that_has_only_failing_requests_left(
    server: OpenAIServer, tmp_path: Path, fault: str
) -> None:
    requests, choice = make_requests(30), served(server.url)
    ask(tmp_path, choice, requests[10:], PACE)
    server.script({"faults": [{"fault": fault, "match": SICK, "times": -1}]})
    asked = ask(tmp_path, choice, requests, Pace(32, give_up_seconds=3, max_tries=2))
    assert asked.kept == 20 and asked.problems == {"no_answer": 10}


def test_a_run_ends_that_has_only_refused_requests_left(
    server: OpenAIServer, tmp_path: Path
) -> None:
    """The first run ended between its last reply and the table: the refused are asked again."""
    server.script({"faults": [{"fault": "400", "share": 0.3, "times": -1}], "latency_ms": 5})
    requests, choice = make_requests(COUNT), served(server.url)
    first = ask(tmp_path, choice, requests, PACE)
    assert first.problems["bad_request"] > 20
    again = ask(tmp_path, choice, requests, PACE)
    assert again.problems == first.problems and again.kept == first.kept


# Wrong configurations: the run ends at once and says what to mend; the key stays a secret

CANARY = "sk-canary-6f1d2c9b7e"
WRONG = {
    "model": ({"models": ["other", "third"]}, "it serves other, third; the recipe asks for tiny"),
    "key": ({"api_key": "sk-right"}, "HTTP 401.*WEBSCALE_API_KEY: the key in it is refused"),
    "path": ({}, "HTTP 404: .*Not Found"),
}


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WEBSCALE_API_KEY", CANARY)
    return CANARY


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_ends_the_run(
    server: OpenAIServer,
    tmp_path: Path,
    secret: str,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    script, message = WRONG[name]
    server.script(script)
    url = server.url.removesuffix("/v1") if name == "path" else server.url
    began = time.monotonic()
    with caplog.at_level(0), pytest.raises(WrongConfiguration) as failed:
        ask(tmp_path, served(url), make_requests(COUNT), PACE)
    said = str(failed.value)
    assert re.search(message, said) and url in said and "recipe's [model] table" in said
    assert time.monotonic() - began < 10
    captured = capfd.readouterr()
    everywhere = said + caplog.text + captured.out + captured.err
    assert secret not in everywhere and secret.encode() not in _bytes_of(tmp_path)


def test_no_key_at_all(server: OpenAIServer, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("WEBSCALE_API_KEY", raising=False)
    server.script({"api_key": "sk-right"})
    with pytest.raises(WrongConfiguration, match=r"variable WEBSCALE_API_KEY: it is not set"):
        ask(tmp_path, served(server.url), make_requests(3), PACE)


def test_the_key_is_sent_and_kept_nowhere(
    server: OpenAIServer,
    tmp_path: Path,
    secret: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.script({"api_key": secret, "faults": [{"fault": "500", "share": 0.1}]})
    said: list[str] = []
    with caplog.at_level(0):
        asked = ask(tmp_path, served(server.url), make_requests(50), PACE, say=said.append)
    assert asked.kept == 50 and server.counts()["authorization"] == [f"Bearer {secret}"]
    written = asked.model.calls().write_json() + asked.model.tally.line() + repr(asked.replies)
    captured = capfd.readouterr()
    everywhere = written + caplog.text + captured.out + captured.err + "".join(said)
    assert secret not in everywhere and secret.encode() not in _bytes_of(tmp_path)
    assert secret not in repr(asked.model.__dict__) and secret not in repr(served(server.url))


def test_a_key_that_no_header_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSCALE_API_KEY", f"{CANARY}\n{CANARY}")
    with pytest.raises(WrongConfiguration, match="the key in WEBSCALE_API_KEY has line br") as said:
        ask(tmp_path, served("http://127.0.0.1:9/v1"), make_requests(3), PACE)
    assert CANARY not in str(said.value)


@pytest.mark.parametrize("where", ["parse", "_names"])
def test_a_defect_of_ours_ends_the_run(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*given: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(f"webscale_dagster.llm.endpoint.{where}", fail)
    with pytest.raises(ZeroDivisionError, match="ours"):
        ask(tmp_path, served(server.url), make_requests(30), PACE)


# A server that goes away


def _journaled(folder: Path) -> set[str]:
    return journaled(folder / "journal")


def test_a_killed_server_ends_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    limit = 16
    pace = Pace(limit, adapt=False, give_up_seconds=2)
    requests = make_requests(COUNT)
    with OpenAIServer({"latency_ms": 20}, log=tmp_path / "log") as server:
        choice, died = served(server.url), [0.0]

        def kill(done: int) -> None:
            if done == COUNT // 3:
                server.kill()
                died[0] = time.monotonic()

        with pytest.raises(ServerUnavailable) as failed:
            ask(tmp_path, choice, requests, pace, each=kill)
        assert 1.5 < time.monotonic() - died[0] < 8
        said = str(failed.value)
        assert server.url in said and "start the server and run again" in said and "\n" not in said
        durable = _journaled(tmp_path)
        assert COUNT // 3 <= len(durable) < COUNT
        server.restart()
        asked = ask(tmp_path, choice, requests, pace)
        logged = server.logged()
    assert asked.kept == COUNT and asked.model.tally.replayed == len(durable)
    assert logged["asked_after_answered"] <= limit
    names = {server_key(choice, r): journal_key(choice, r) for r in requests}
    assert not durable & {names[key] for key, _ in logged["again"]}
    lost = logged["asked"].total() - COUNT
    assert 0 <= lost <= limit, "more than what was in flight was asked twice"


def test_one_of_two_endpoints_is_dead_from_the_start(server: OpenAIServer, tmp_path: Path) -> None:
    with OpenAIServer() as dead:
        gone = dead.url
    asked = ask(tmp_path, served(gone, server.url), make_requests(COUNT), PACE)
    assert asked.kept == COUNT and server.counts()["asked"] == COUNT
    assert not asked.model.tally.errors


def test_one_of_two_endpoints_dies(server: OpenAIServer, tmp_path: Path) -> None:
    script = {"latency_ms": 20}
    server.script(script)
    with OpenAIServer(script, log=tmp_path / "log") as other:

        def kill(done: int) -> None:
            if done == 60:
                other.kill()

        pace = Pace(8, adapt=False, give_up_seconds=60)
        choice = served(other.url, server.url)
        asked = ask(tmp_path, choice, make_requests(COUNT), pace, each=kill)
        seen, here = other.logged(), server.counts()
    assert asked.kept == COUNT and here["asked_after_answered"] == 0
    assert 0 < seen["asked"].total() < 60 + 2 * 8
    assert 0 <= seen["asked"].total() + here["asked"] - COUNT <= 8
    assert sum(asked.model.tally.errors.values()) <= 2 * 8


def test_an_endpoint_that_comes_back_is_asked_again(server: OpenAIServer, tmp_path: Path) -> None:
    script = {"latency_ms": 20}
    server.script(script)
    with OpenAIServer(script) as other, ThreadPoolExecutor(1) as aside:
        starts: list[Future[None]] = []

        def restart(done: int) -> None:
            if done == 50:
                starts.append(aside.submit(other.restart))

        def requests() -> Iterator[Request]:
            """As many as it takes until the restarted one has had some."""
            for number, request in enumerate(make_requests(20_000)):
                yield request
                back = bool(starts) and starts[0].done() and number % 20 == 0
                if back and other.counts()["answered"] > 20:
                    return

        pace = Pace(4, adapt=False, give_up_seconds=60)
        asked = ask(tmp_path, served(other.url, server.url), requests(), pace, each=restart)
        assert other.counts()["answered"] > 20 and other.counts()["asked_after_answered"] == 0
    assert asked.kept == len(asked.replies)
    assert server.counts()["asked_after_answered"] == 0


@pytest.mark.parametrize("fault", ["500", "html_200", "close", "reset", "503", "429"])
def test_one_of_two_endpoints_is_broken(server: OpenAIServer, tmp_path: Path, fault: str) -> None:
    """It fails at once, so it always has most room; no request may be lost to it."""
    server.script({"latency_ms": 50})
    with OpenAIServer({"faults": [{"fault": fault, "times": -1}]}) as broken:
        choice = served(broken.url, server.url)
        asked = ask(tmp_path, choice, make_requests(COUNT), Pace(8, give_up_seconds=30))
        wasted = broken.counts()["asked"]
    print(f"{fault}: {wasted} tries at the broken endpoint")
    assert wasted < COUNT / 2
    assert asked.kept == COUNT and server.counts()["asked"] == COUNT


@pytest.mark.parametrize("script", [{"models": ["other"]}, {"api_key": "sk-right"}], ids=str)
def test_one_of_two_endpoints_is_wrong(
    server: OpenAIServer, tmp_path: Path, script: dict[str, Any]
) -> None:
    with OpenAIServer(script) as wrong:
        choice = served(wrong.url, server.url)
        asked = ask(tmp_path, choice, make_requests(COUNT), PACE)
        assert asked.kept == COUNT and wrong.counts()["asked"] == 0


# Pace


def test_a_limit_of_one_is_one_at_a_time(server: OpenAIServer, tmp_path: Path) -> None:
    server.script({"latency_ms": 2})
    asked = ask(tmp_path, served(server.url), make_requests(40), Pace(concurrency=1))
    assert asked.kept == 40 and server.counts()["max_in_flight"] == 1


class SlowJournal(Journal):
    """A disk that takes its time; notes how many replies are in flight or not yet durable."""

    server: OpenAIServer
    seen: list[int]

    def add(self, entries: Iterable[tuple[str, Completion]]) -> None:
        entries = list(entries)
        time.sleep(0.05)
        self.seen.append(self.server.counts()["asked"] - len(self))
        super().add(entries)


@pytest.mark.parametrize("adapt", [True, False])
def test_a_place_is_free_once_its_reply_is_durable(
    server: OpenAIServer, tmp_path: Path, adapt: bool
) -> None:
    SlowJournal.server, SlowJournal.seen = server, []
    pace = Pace(12, adapt=adapt)
    asked = ask(tmp_path, served(server.url), make_requests(COUNT), pace, journal=SlowJournal)
    assert asked.kept == COUNT and server.counts()["max_in_flight"] <= 12
    assert 6 <= max(SlowJournal.seen) <= 12


def test_total_seconds_end_a_run(server: OpenAIServer, tmp_path: Path) -> None:
    server.script({"latency_ms": 50})
    pace = Pace(2, total_seconds=1)
    began = time.monotonic()
    with pytest.raises(ServerUnavailable, match="the 1 s for this stage and shard are over"):
        ask(tmp_path, served(server.url), make_requests(COUNT), pace)
    assert 0.9 < time.monotonic() - began < 6
    durable, counts = len(_journaled(tmp_path)), server.counts()
    assert 0 < durable < COUNT and counts["answered"] - durable <= 2
    server.script({})
    asked = ask(tmp_path, served(server.url), make_requests(COUNT))
    assert asked.kept == COUNT and asked.model.tally.replayed == durable


def test_overload_brings_the_limit_down(server: OpenAIServer, tmp_path: Path) -> None:
    most, seen = 16, {}
    overload = {"in_flight": most, "status": 429, "retry_after": "0.1"}
    server.script({"latency_ms": 20, "overload": overload})

    def halfway(done: int) -> None:
        if done == 300:
            seen.update(server.counts())
            server.reset_counts()

    asked = ask(tmp_path, served(server.url), make_requests(600), PACE, each=halfway)
    counts = server.counts()
    refused = seen["by_fault"]["overload"], counts["by_fault"].get("overload", 0)
    print(f"in flight at most {seen['max_in_flight']}, then {counts['max_in_flight']}; {refused=}")
    assert asked.kept == 600 and seen["asked_after_answered"] == 0
    assert seen["max_in_flight"] > most, "it never asked for too much"
    assert most // 2 <= counts["max_in_flight"] <= most + 4
    assert counts["by_fault"].get("overload", 0) <= 30


@pytest.mark.service
def test_the_limit_finds_the_servers_pace(server: OpenAIServer, tmp_path: Path) -> None:
    """Compared with a run that has the best limit from the start, on the same machine."""
    server.script({"capacity": {"slots": 64, "service_ms": 150}})
    count = 6000

    def seconds(pace: Pace, folder: str) -> tuple[float, int]:
        """Of the second half, and the limit at the end."""
        half = [0.0]

        def each(done: int) -> None:
            if done == count // 2:
                half[0] = time.monotonic()

        asked = ask(tmp_path / folder, served(server.url), make_requests(count), pace, each=each)
        assert asked.kept == count
        return time.monotonic() - half[0], asked.model.tally.limit

    best, _ = seconds(Pace(128, adapt=False), "best")
    found, limit = seconds(Pace(), "found")
    print(f"second half: {best:.1f} s at the best limit, {found:.1f} s at the one found, {limit}")
    assert found <= best / 0.8


# The command line

# A user waits five minutes for a server that may yet come; a test does not.
COMMAND = """
from functools import partial
from webscale_dagster.cli import main, stage
from webscale_dagster.llm.pace import Pace
stage.Pace = partial(Pace, give_up_seconds=1)
main()
"""


def command(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """``webscale stage verified_qa`` on the folder's pairs, with a key in the environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    given = ["stage", "verified_qa", "pairs.jsonl", "out", "--model", f"{url}#tiny"]
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *given],
        cwd=folder,
        env=kept | {"WEBSCALE_HOME": str(folder / "home"), "WEBSCALE_API_KEY": CANARY},
        capture_output=True,
        text=True,
        timeout=120,
    )


def _rows(folder: Path) -> dict[str, pl.DataFrame]:
    names = ("kept", "rejects", "calls")
    return {name: pl.read_parquet(folder / "out" / f"{name}.parquet") for name in names}


MIXED = [
    {"fault": "429", "share": 0.15, "retry_after": "0.05"},
    {"fault": "500", "share": 0.15},
    {"fault": "reset", "share": 0.15},
    {"fault": "invalid_utf8", "share": 0.15},
    {"fault": "not_json", "share": 0.15},
    {"fault": "fenced", "share": 0.15},
    {"fault": "length", "share": 0.15},
]


def test_a_stage_with_everything_going_wrong(server: OpenAIServer, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", 40)
    server.script({"faults": MIXED})
    done = command(tmp_path, server.url)
    assert done.returncode == 0 and not done.stderr, done.stderr
    rows = _rows(tmp_path)
    assert rows["kept"].height + rows["rejects"].height == 40
    assert set(rows["kept"]["qa_id"]) | set(rows["rejects"]["row_id"]) == {
        f"p{n:05}" for n in range(40)
    }
    counts = server.counts()
    assert counts["asked_after_answered"] == 0 and len(counts["by_fault"]) >= 6
    assert rows["calls"].height == counts["answered"] == rows["calls"]["key"].n_unique()
    assert CANARY not in done.stdout and CANARY.encode() not in _bytes_of(tmp_path)
    server.script({"faults": [{"fault": "hang", "times": -1}]})
    again = command(tmp_path, server.url)
    assert again.returncode == 0 and server.counts()["asked"] == counts["asked"]
    assert _rows(tmp_path)["kept"].equals(rows["kept"])


@pytest.mark.service
def test_a_stage_whose_server_dies_goes_on_when_it_is_back(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", 40)
    sick = [{"fault": "close", "match": f"pier {n}", "times": -1} for n in (3, 4)]
    with OpenAIServer({"faults": sick}) as server:
        first = command(tmp_path, server.url)  # most are answered, then silence
        server.kill()
        dead = command(tmp_path, server.url)
    durable = len(journaled(tmp_path / "out" / ".journal", "plain"))
    with OpenAIServer() as moved:
        last = command(tmp_path, moved.url)
        counts = moved.counts()
    for failed in (first, dead):
        assert failed.returncode == 1 and not failed.stdout
        [line] = failed.stderr.splitlines()
        assert line.startswith("error: no reply for 1 s from http://127.0.0.1:")
        assert "Every reply that came is kept; start the server and run again" in line
    assert last.returncode == 0, last.stderr
    rows = _rows(tmp_path)
    assert rows["kept"].height + rows["rejects"].height == 40
    assert 0 < durable < 40 and rows["calls"]["replayed"].sum() == durable
    assert counts["asked"] == counts["answered"] == 40 - durable
