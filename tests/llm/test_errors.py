"""What goes wrong with a server, sorted by what to do about it."""

from __future__ import annotations

import random
from email.utils import formatdate

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.llm.errors import LONGEST, RunEnds, Trouble, delay, from_status

NOW = 1_800_000_000.0
OPENAI = b'{"error": {"message": "This model is\\n  overloaded.", "type": "server_error"}}'


def _kind(status: int) -> tuple[str, bool, bool, bool, bool]:
    found = from_status(status, OPENAI, None, NOW)
    return found.kind, found.blames_request, found.final, found.overload, found.wrong


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 402, 403, 404, 405])
def test_a_wrong_configuration_will_never_be_right(status: int) -> None:
    assert _kind(status) == (f"http_{status}", False, True, False, True)


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (503, "unavailable")])
def test_overload_blames_nobody_and_passes(status: int, kind: str) -> None:
    assert _kind(status) == (kind, False, False, True, False)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, "timeout"),
        (504, "timeout"),
        (409, "server_error"),
        (425, "server_error"),
        (500, "server_error"),
        (501, "server_error"),
        (502, "server_error"),
        (520, "server_error"),
        (599, "server_error"),
    ],
)
def test_a_failure_is_tried_again_but_may_be_the_requests_fault(status: int, kind: str) -> None:
    assert _kind(status) == (kind, True, False, False, False)


@pytest.mark.parametrize("status", [201, 204, 400, 406, 410, 413, 415, 422, 451])
def test_a_refused_request_is_not_tried_again(status: int) -> None:
    assert _kind(status) == ("bad_request", True, True, False, False)


@given(st.integers(100, 999).filter(lambda status: status != 200), st.binary(max_size=300))
def test_every_status_is_something_and_says_which(status: int, body: bytes) -> None:
    found = from_status(status, body, None, NOW)
    assert found.detail.startswith(f"HTTP {status}: ")
    assert len(found.detail) <= 520
    assert "\n" not in found.detail
    assert not (found.wrong and found.overload)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (OPENAI, "This model is overloaded."),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"error": {"code": 7}}', "{'code': 7}"),
        (b'{"message": "too long", "object": "error"}', "too long"),
        (b'{"detail": "Not Found"}', "{'detail': 'Not Found'}"),
        (b'{"error": null}', "None"),
        (b"[1, 2]", "[1,2]"),
        (b'"words"', '"words"'),
        (b"<html>Bad  Gateway</html>", "<html>Bad Gateway</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_the_servers_own_words(body: bytes, said: str) -> None:
    shown = from_status(500, body, None, NOW).detail.removeprefix("HTTP 500: ")
    assert shown.replace(" ", "") == said.replace(" ", "")


def test_long_words_are_cut() -> None:
    body = orjson.dumps({"error": {"message": "x" * 9000}})
    assert from_status(400, body, None, NOW).detail == "HTTP 400: " + "x" * 500


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("1", 1.0),
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("-5", 0.0),
        ("999999999", LONGEST),
        ("1e400", LONGEST),
        ("inf", LONGEST),
        ("nan", None),
        ("soon", None),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        (formatdate(NOW + 10**7, usegmt=True), LONGEST),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 99 Jan 2026 00:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int, header: str | None, seconds: float | None) -> None:
    assert from_status(status, OPENAI, header, NOW).retry_after == seconds


@given(st.one_of(st.text(), st.from_regex(r"\w{3}, \d+ Jan \d+ \d+:\d+:\d+ (GMT|[-+]\d+)")))
def test_no_retry_after_breaks_anything(header: str) -> None:
    found = from_status(429, b"", header, NOW).retry_after
    assert found is None or 0 <= found <= LONGEST


@pytest.mark.parametrize("status", [400, 401, 500])
def test_only_overload_is_waited_out_as_long_as_it_says(status: int) -> None:
    assert from_status(status, OPENAI, "30", NOW).retry_after is None


def test_delays_double_up_to_half_a_minute_and_are_spread() -> None:
    drawn = random.Random(1)
    for tries in range(60):
        most = min(0.5 * 2 ** min(tries, 10), 30.0)
        waits = [delay(tries, drawn) for _ in range(300)]
        assert 0.05 <= min(waits) < 0.1 * most + 0.05
        assert 0.9 * most < max(waits) <= most


def test_what_ends_a_run_is_one_kind_of_error_and_trouble_is_none() -> None:
    from webscale_dagster.llm import errors

    names = ("ServerUnavailable", "WrongConfiguration", "BudgetReached", "LeaseLost")
    assert all(issubclass(getattr(errors, name), RunEnds) for name in names)
    assert not isinstance(Trouble("x", "y"), BaseException)
