"""One address: whether it is up, what is wrong with it, how one try ends, where the key goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import pytest

from tests.llm.serving import Answer, Asked, Serving, completion, models
from webscale_dagster.llm import endpoint as module
from webscale_dagster.llm.endpoint import Endpoint, headers, raise_if_all_wrong
from webscale_dagster.llm.errors import Trouble, WrongConfiguration
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.pace import Pace
from webscale_dagster.models import ModelChoice

T = TypeVar("T")
KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSCALE_API_KEY", raising=False)
    monkeypatch.setattr(module, "_RETRY_PROBE", (0.01, 0.05))


def _choice(url: str) -> ModelChoice:
    return ModelChoice(backend="server", name="tiny", endpoints=(url,))


def _endpoint(url: str, key: str | None = None) -> Endpoint:
    return Endpoint(_choice(url), url, Pace(), key)


def _with_http(call: Callable[[aiohttp.ClientSession], Awaitable[T]]) -> T:
    async def run() -> T:
        async with aiohttp.ClientSession() as http:
            return await call(http)

    return asyncio.run(run())


def _look(endpoint: Endpoint, seconds: float = 5.0) -> None:
    async def look(http: aiohttp.ClientSession) -> None:
        await asyncio.wait_for(endpoint.look(http), seconds)

    _with_http(look)


def _tried(endpoint: Endpoint, tries: int = 1) -> Completion | Trouble:
    endpoint.up = True
    return _with_http(lambda http: endpoint.attempt(http, b"{}", tries))


# -- is it there ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        models("tiny"),
        models("other", "tiny"),
        models(),
        Answer({"detail": "Not Found"}, 404),
        Answer(b"<html>"),
        Answer([1, 2]),
        Answer({"data": None}),
    ],
)
def test_it_is_up_unless_it_says_that_it_serves_something_else(answer: Answer) -> None:
    with Serving(lambda asked: answer) as serving:
        endpoint = _endpoint(serving.url + "/")
        assert endpoint.room(time.monotonic()) == 0
        _look(endpoint)
        assert endpoint.up and endpoint.wrong is None
        assert endpoint.room(time.monotonic()) == endpoint.limit.value > 0
        assert [asked.path for asked in serving.asked] == ["/v1/models"]


def test_another_model_is_a_wrong_configuration() -> None:
    with Serving(lambda asked: models(*"abcdefg")) as serving:
        endpoint = _endpoint(serving.url)
        _look(endpoint)
    assert not endpoint.up
    assert endpoint.wrong == "it serves a, b, c, d, e; the recipe asks for tiny"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_wrong_configuration_that_does_not_show_it(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"error": {"message": "Incorrect API key"}}
    with Serving(lambda asked: Answer(said, status)) as serving:
        unset = _endpoint(serving.url)
        _look(unset)
        monkeypatch.setenv("WEBSCALE_API_KEY", KEY)
        refused = _endpoint(serving.url)
        _look(refused)
    assert unset.wrong == (
        f"HTTP {status}: Incorrect API key "
        "(keys come from the environment variable WEBSCALE_API_KEY: it is not set)"
    )
    assert "the key in it is refused" in str(refused.wrong)
    assert KEY not in str(refused.wrong) + refused.last


def test_it_looks_again_until_the_server_is_ready() -> None:
    left = [Answer({}, 503), Answer({}, 429), Answer(close=True), Answer({}, 503)]
    with Serving(lambda asked: left.pop() if left else models("tiny")) as serving:
        endpoint = _endpoint(serving.url)
        _look(endpoint)
        assert endpoint.up
        assert len(serving.asked) == 5


def test_nobody_there_is_waited_for() -> None:
    with Serving(lambda asked: models("tiny")) as serving:
        pass
    endpoint = _endpoint(serving.url)
    with pytest.raises(asyncio.TimeoutError):
        _look(endpoint, 0.3)
    assert not endpoint.up and endpoint.wrong is None
    assert "ClientConnectorError" in endpoint.last


# -- one try --------------------------------------------------------------------------------------


def test_a_try_that_succeeds() -> None:
    with Serving(lambda asked: completion("{}", 11, 5)) as serving:
        endpoint = _endpoint(serving.url)
        done = _tried(endpoint, 3)
        (asked,) = serving.asked
    assert isinstance(done, Completion)
    assert (done.text, done.tokens_in, done.tokens_out) == ("{}", 11, 5)
    assert (done.model, done.attempts) == ("tiny", 3)
    assert 0 < done.latency_ms < 5000
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["Content-Type"] == "application/json"
    assert endpoint.latency < 1.0  # it was quick


@pytest.mark.parametrize(
    ("answer", "kind", "blames"),
    [
        (Answer({"error": "x"}, 500), "server_error", True),
        (Answer({"error": "x"}, 429), "rate_limited", False),
        (Answer({"error": "x"}, 400), "bad_request", True),
        (Answer(b"<html>ok</html>"), "bad_response", True),
        (Answer({"choices": []}), "bad_response", True),
        (Answer(close=True), "connection", True),
    ],
)
def test_a_try_that_fails_is_sorted(answer: Answer, kind: str, blames: bool) -> None:
    with Serving(lambda asked: answer) as serving:
        endpoint = _endpoint(serving.url)
        trouble = _tried(endpoint)
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, trouble.blames_request) == (kind, blames)
    assert endpoint.up and endpoint.wrong is None
    assert trouble.kind == "bad_response" or endpoint.last == trouble.detail


def test_a_refused_connection_means_down_and_broken_ones_do_so_after_three() -> None:
    with Serving(lambda asked: Answer(close=True)) as serving:
        endpoint = _endpoint(serving.url)
        ups = []
        for _ in range(3):
            _tried(endpoint)
            ups.append(endpoint.up)
        assert ups == [True, True, False]
        serving.answer = lambda asked: completion()
        _tried(endpoint)  # one reply, and they are counted from the start
        serving.answer = lambda asked: Answer(close=True)
        _tried(endpoint)
        assert endpoint.up
    _tried(endpoint)
    assert not endpoint.up


def test_overload_pauses_the_whole_endpoint_for_as_long_as_it_asks() -> None:
    answer = Answer({}, 429, {"Retry-After": "7"})
    with Serving(lambda asked: answer) as serving:
        endpoint = _endpoint(serving.url)
        _tried(endpoint)
        now = time.monotonic()
        assert endpoint.room(now) == 0 < endpoint.room(now + 7.1)
        assert 5 < endpoint.paused_until - now <= 7
        serving.answer = lambda asked: Answer({}, 503, {"Retry-After": "1"})
        _tried(endpoint)
        assert endpoint.paused_until - now > 5  # the longer pause stays


def test_overload_without_a_time_pauses_nothing_and_brings_the_limit_down() -> None:
    with Serving(lambda asked: Answer({}, 429)) as serving:
        endpoint = _endpoint(serving.url)
        before = endpoint.limit.value
        for _ in range(10):
            _tried(endpoint)
        assert endpoint.room(time.monotonic()) == endpoint.limit.value < before


@pytest.mark.parametrize("status", [401, 404, 405])
def test_a_status_that_will_never_change_takes_it_out(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSCALE_API_KEY", KEY)
    with Serving(lambda asked: Answer({"error": "no"}, status)) as serving:
        endpoint = _endpoint(serving.url)
        _tried(endpoint)
    assert not endpoint.up
    assert f"HTTP {status}: no" in str(endpoint.wrong)
    assert ("WEBSCALE_API_KEY" in str(endpoint.wrong)) is (status == 401)
    assert KEY not in str(endpoint.wrong)


def test_room_is_what_the_limit_leaves() -> None:
    endpoint = _endpoint("http://127.0.0.1:1/v1")
    endpoint.up, endpoint.in_flight = True, 5
    assert endpoint.room(0.0) == endpoint.limit.value - 5
    fixed = Endpoint(_choice("http://h/v1"), "http://h/v1", Pace(concurrency=7, adapt=False))
    assert fixed.limit.value == 7


# -- the key --------------------------------------------------------------------------------------


def test_the_key_goes_into_one_header(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = ModelChoice(backend="vllm", name="m", api_key_env="MY_KEY")
    assert "Authorization" not in headers(choice)
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    assert headers(choice)["Authorization"] == f"Bearer {KEY}"
    assert [name for name, value in headers(choice).items() if KEY in value] == ["Authorization"]
    assert headers(choice, "other")["Authorization"] == "Bearer other"
    monkeypatch.setenv("MY_KEY", "  ")
    assert "Authorization" not in headers(choice)


def test_a_key_that_is_given_goes_before_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEBSCALE_API_KEY", KEY)

    def answer(asked: Asked) -> Answer:
        return (
            models("tiny") if asked.headers["Authorization"] == "Bearer given" else Answer({}, 401)
        )

    with Serving(answer) as serving:
        endpoint = _endpoint(serving.url, "given")
        _look(endpoint)
        assert endpoint.up


# -- all of them ----------------------------------------------------------------------------------


def test_only_when_no_endpoint_can_ever_serve_is_it_the_recipe() -> None:
    one, other = _endpoint("http://one/v1"), _endpoint("http://other/v1")
    raise_if_all_wrong([one, other])
    one.wrong = "it serves something else"
    raise_if_all_wrong([one, other])
    other.wrong = "HTTP 404"
    with pytest.raises(WrongConfiguration, match="Mend the recipe") as caught:
        raise_if_all_wrong([one, other])
    assert "http://one/v1: it serves something else; http://other/v1: HTTP 404" in str(caught.value)
