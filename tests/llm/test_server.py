"""The session over endpoints: what is sent when, what comes of it, how it ends.

Whole runs against a server with faults are in ``tests/faults``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.llm.fakes import request
from tests.llm.serving import Answer, Asked, Serving, completion, models
from webscale_dagster.llm.client import Arrival, Unanswered
from webscale_dagster.llm.errors import RunEnds, ServerUnavailable, WrongConfiguration
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.server import Server, ServerSession
from webscale_dagster.llm.tally import Tally
from webscale_dagster.models import ModelChoice, Price

pytestmark = pytest.mark.service


def _always(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda asked: models("tiny") if asked.path == "/v1/models" else answer


def _pace(concurrency: int = 8, **more: float) -> Pace:
    return Pace(concurrency=concurrency, adapt=False, **more)  # type: ignore[arg-type]


def _choice(*urls: str) -> ModelChoice:
    return ModelChoice(backend="server", name="tiny", endpoints=urls)


@contextmanager
def _session(pace: Pace, *urls: str, **more: object) -> Iterator[ServerSession]:
    session = ServerSession(_choice(*urls), pace, urls, **more)  # type: ignore[arg-type]
    try:
        yield session
    finally:
        session.close()


def _submit(session: ServerSession, *texts: str) -> None:
    for ticket, text in enumerate(texts):
        session.submit(ticket, "", request(text))


def _collect(session: ServerSession, count: int, seconds: float = 20.0) -> dict[int, object]:
    """So many arrivals."""
    found: dict[int, object] = {}
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, found
        found.update(session.results(0.1))
    assert len(found) == count
    return found


def _until_it_ends(session: ServerSession) -> tuple[list[Arrival], RunEnds]:
    arrived: list[Arrival] = []
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            arrived += session.results(0.1)
        except RunEnds as error:
            return arrived, error
    raise AssertionError("it did not end")


def test_every_request_is_sent_once_and_its_ticket_comes_back() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/models":
            return models("tiny")
        return completion(asked.body["messages"][0]["content"])

    with Serving(answer) as serving, _session(_pace(), serving.url) as session:
        texts = [f"text {n}" for n in range(50)]
        _submit(session, *texts)
        found = _collect(session, 50)
        sent = [a.body["messages"][0]["content"] for a in serving.of("/v1/chat/completions")]
    came = [found[n] for n in range(50)]
    assert [each.text for each in came if isinstance(each, Completion)] == texts
    assert sorted(sent) == sorted(texts)


def test_a_place_is_free_only_when_what_it_gave_is_durable() -> None:
    with (
        Serving(_always(completion())) as serving,
        _session(_pace(3), serving.url) as session,
    ):
        _submit(session, *"abcdefgh")
        first = list(session.results(0.0))
        deadline = time.monotonic() + 10
        while len(session._arrived) < 3 - len(first) and time.monotonic() < deadline:
            time.sleep(0.01)
        first += session.results(0.0)
        assert len(first) == 3
        time.sleep(0.4)  # the journal is slow: until the next call nobody else is sent
        assert len(serving.of("/v1/chat/completions")) == 3
        assert len(_collect(session, 5)) == 5
        assert len(serving.of("/v1/chat/completions")) == 8


def test_never_more_are_in_flight_than_the_pace_allows() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def answer(asked: Asked) -> Answer:
        nonlocal now, most
        if asked.path == "/v1/models":
            return models("tiny")
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return completion()

    with Serving(answer) as serving, _session(_pace(4), serving.url) as session:
        _submit(session, *(f"{n}" for n in range(60)))
        _collect(session, 60)
    assert 2 <= most <= 4


def test_two_endpoints_share_the_work() -> None:
    with Serving(_always(completion())) as one, Serving(_always(completion())) as other:
        with _session(_pace(4), one.url, other.url) as session:
            _submit(session, *(f"{n}" for n in range(100)))
            _collect(session, 100)
        counts = [len(each.of("/v1/chat/completions")) for each in (one, other)]
    assert sum(counts) == 100 and min(counts) >= 20


def test_a_failure_is_tried_again_and_counted() -> None:
    left = [Answer({"error": "x"}, 500), Answer(close=True), Answer({"error": "x"}, 429)]

    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/models":
            return models("tiny")
        return left.pop() if left else completion()

    with Serving(answer) as serving, _session(_pace(1), serving.url) as session:
        _submit(session, "a")
        (done,) = _collect(session, 1).values()
        tally = Tally(Price(), 0.0)
        session.watch(tally)
    assert isinstance(done, Completion) and done.attempts == 4
    assert tally.errors == {"server_error": 1, "connection": 1, "rate_limited": 1}
    assert tally.limit == 1


def _poison(asked: Asked) -> Answer:
    if asked.path == "/v1/models":
        return models("tiny")
    poison = asked.body["messages"][0]["content"] == "poison"
    time.sleep(0.0 if poison else 0.01)
    return Answer({"error": "boom"}, 500) if poison else completion()


def test_a_request_at_which_the_server_fails_is_given_up_while_others_are_answered() -> None:
    with Serving(_poison) as serving, _session(_pace(2, max_tries=2), serving.url) as session:
        _submit(session, "poison", *(f"{n}" for n in range(200)))
        found = _collect(session, 201)
    came = found.pop(0)
    assert isinstance(came, Unanswered)
    assert (came.problem, "HTTP 500: boom" in came.detail) == ("no_answer", True)
    assert all(isinstance(each, Completion) for each in found.values())


def test_a_request_that_is_refused_is_not_tried_again() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/models":
            return models("tiny")
        long = len(asked.body["messages"][0]["content"]) > 5
        return Answer({"message": "too long"}, 400) if long else completion()

    with Serving(answer) as serving, _session(_pace(), serving.url) as session:
        _submit(session, "a", "b", "much longer")
        found = _collect(session, 3)
        assert len(serving.of("/v1/chat/completions")) == 3
    assert found[2] == Unanswered("bad_request", "HTTP 400: too long (1 tries)")


def test_a_reply_that_takes_too_long_is_a_failure() -> None:
    slow = [True]

    def answer(asked: Asked) -> Answer:
        if asked.path != "/v1/models" and slow:
            slow.pop()
            time.sleep(1.5)
        return models("tiny") if asked.path == "/v1/models" else completion()

    pace = _pace(1, request_seconds=0.3)
    with Serving(answer) as serving, _session(pace, serving.url) as session:
        _submit(session, "a")
        (done,) = _collect(session, 1).values()
        tally = Tally(Price(), 0.0)
        session.watch(tally)
    assert isinstance(done, Completion) and done.attempts == 2
    assert tally.errors == {"timeout": 1}


# -- how it ends ----------------------------------------------------------------------------------


def test_nobody_answers_for_too_long() -> None:
    with Serving(_always(completion())) as serving:
        pass
    with _session(_pace(give_up_seconds=0.5), serving.url) as session:
        _submit(session, "a")
        arrived, error = _until_it_ends(session)
    assert arrived == []
    assert isinstance(error, ServerUnavailable)
    assert serving.url in str(error) and "start the server and run again" in str(error)


def test_nothing_to_do_is_no_reason_to_give_up() -> None:
    with (
        Serving(_always(completion())) as serving,
        _session(_pace(give_up_seconds=0.3), serving.url) as session,
    ):
        for _ in range(10):
            assert session.results(0.1) == []
        _submit(session, "a")
        assert len(_collect(session, 1)) == 1


def test_the_time_for_a_stage_and_shard_is_over() -> None:
    with (
        Serving(_always(Answer({"error": "x"}, 503))) as serving,
        _session(_pace(total_seconds=0.5), serving.url) as session,
    ):
        _submit(session, "a")
        _, error = _until_it_ends(session)
    assert isinstance(error, ServerUnavailable) and "0.5 s" in str(error)


def test_the_server_we_started_is_gone() -> None:
    gone: list[str] = []
    with (
        Serving(_always(completion())) as serving,
        _session(_pace(), serving.url, alive=lambda: gone[0] if gone else None) as session,
    ):
        _submit(session, "a")
        assert len(_collect(session, 1)) == 1
        gone.append("vllm serve ended with code 1")
        _, error = _until_it_ends(session)
    assert str(error) == "vllm serve ended with code 1"


@pytest.mark.parametrize("status", [401, 402, 404])
def test_a_wrong_configuration_ends_it_at_once(status: int) -> None:
    with (
        Serving(_always(Answer({"error": "no"}, status))) as serving,
        _session(_pace(), serving.url) as session,
    ):
        _submit(session, *"abcdefgh")
        arrived, error = _until_it_ends(session)
        assert len(serving.of("/v1/chat/completions")) <= 16
    assert isinstance(error, WrongConfiguration)
    assert f"HTTP {status}" in str(error) and arrived == []


def test_when_every_request_is_refused_it_is_the_configuration() -> None:
    with (
        Serving(_always(Answer({"message": "no response_format"}, 400))) as serving,
        _session(_pace(), serving.url) as session,
    ):
        _submit(session, *(f"{n}" for n in range(100)))
        _, error = _until_it_ends(session)
    assert isinstance(error, WrongConfiguration)
    assert "no response_format" in str(error)


def test_what_had_come_is_handed_out_before_the_error() -> None:
    left = [5]

    def answer(asked: Asked) -> Answer:
        left[0] -= asked.path != "/v1/models"
        if asked.path == "/v1/models":
            return models("tiny")
        return completion() if left[0] >= 0 else Answer({"error": "no credit"}, 402)

    with Serving(answer) as serving, _session(_pace(1), serving.url) as session:
        _submit(session, *"abcdefgh")
        arrived, error = _until_it_ends(session)
    assert len(arrived) == 5 and "no credit" in str(error)


def test_close_stops_the_thread_and_what_is_in_flight_and_tells_its_owner() -> None:
    told: list[bool] = []
    before = threading.active_count()
    with Serving(lambda asked: _slow(asked)) as serving:
        session = ServerSession(
            _choice(serving.url), _pace(), [serving.url], on_close=lambda: told.append(True)
        )
        _submit(session, *"abc")
        session.results(0.5)
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 1.5
        assert not session._thread.is_alive()
    assert told == [True]
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() == before


def _slow(asked: Asked) -> Answer:
    if asked.path == "/v1/models":
        return models("tiny")
    time.sleep(2.0)
    return completion()


@pytest.mark.parametrize(
    ("concurrency", "endpoints", "window"),
    [(1, 1, 256), (100, 1, 400), (100, 3, 1200), (9999, 1, 4096)],
)
def test_the_window_is_some_round_trips_and_bounded(
    concurrency: int, endpoints: int, window: int
) -> None:
    urls = [f"http://127.0.0.1:{n}/v1" for n in range(1, endpoints + 1)]
    with _session(_pace(concurrency), *urls) as session:
        assert session.window == window


def test_the_backend_opens_all_addresses_of_the_recipe() -> None:
    with Serving(_always(completion())) as one, Serving(_always(completion())) as other:
        session = Server(_choice(one.url, other.url), _pace(1)).open()
        try:
            deadline = time.monotonic() + 10
            while not (one.asked and other.asked) and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            session.close()
        assert [each.asked[0].path for each in (one, other)] == ["/v1/models"] * 2
