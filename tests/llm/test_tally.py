"""What is shown of a model at work."""

from __future__ import annotations

import pytest

from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.tally import Tally
from webscale_dagster.models import Price

PRICE = Price(tokens_in=1.0, tokens_out=10.0, cached_tokens=0.1)


def _tally(replies: int = 8, replays: int = 2, seconds: float = 4.0) -> Tally:
    tally = Tally(PRICE, 100.0, 100.0 + seconds)
    for _ in range(replies):
        tally.answered(Completion("x", 1000, 500, 200))
    for _ in range(replays):
        tally.replay()
    return tally


def test_counts_and_cost_of_what_was_paid_for() -> None:
    tally = _tally()
    assert (tally.requests, tally.replayed) == (10, 2)
    assert (tally.tokens_in, tally.tokens_out, tally.cached_tokens) == (8000, 4000, 1600)
    assert tally.cost == pytest.approx(8 * (800 * 1.0 + 200 * 0.1 + 500 * 10.0) / 1e6)


def test_rates_are_of_what_the_model_answered() -> None:
    assert _tally().rates() == (2.0, 3000.0)
    assert _tally(replies=0, replays=50).rates() == (0.0, 0.0)


def test_no_time_has_passed_yet() -> None:
    tally = Tally(PRICE, 100.0)
    assert tally.seconds > 0
    assert tally.rates() == (0.0, 0.0)
    assert tally.line() == "0.0 req/s, 0 tok/s"


@pytest.mark.parametrize(
    ("done", "total", "left"),
    [(10, 40, 12.0), (1, 2, 4.0), (0, 40, None), (40, 40, None), (0, 0, None), (50, 40, None)],
)
def test_time_left(done: int, total: int, left: float | None) -> None:
    assert _tally().eta(done, total) == left


def test_the_line_says_everything_that_is_worth_saying() -> None:
    tally = _tally()
    tally.errors.update(rate_limited=3, timeout=1)
    tally.problems.update(reply_cut_off=2)
    tally.in_flight, tally.limit = 12, 64
    assert tally.line(10, 40) == (
        "2.0 req/s, 3,000 tok/s, 20% replayed, cost 0.04656, 3 rate_limited, 2 reply_cut_off, "
        "1 timeout, 12 in flight, 64 at most, 12 s left"
    )


def test_the_line_says_nothing_of_what_is_not() -> None:
    tally = Tally(Price(), 0.0, 2.0)
    tally.answered(Completion("x", 10, 10))
    assert tally.line() == "0.5 req/s, 10 tok/s"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(89, "89 s"), (91, "2 min"), (5300, "88 min"), (5500, "1.5 h"), (200_000, "55.6 h")],
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert _tally(seconds=seconds).line(1, 2).endswith(f", {said} left")


def test_facts_for_the_ui() -> None:
    tally = _tally()
    tally.repaired = 1
    tally.errors.update(timeout=1)
    tally.problems.update(reply_empty=2)
    assert tally.facts() == {
        "requests": 10,
        "requests_per_second": 2.0,
        "tokens_per_second": 3000.0,
        "replayed_share": 0.2,
        "repaired": 1,
        "tokens_in": 8000,
        "cached_tokens": 1600,
        "tokens_out": 4000,
        "cost": 0.04656,
        "errors": {"timeout": 1},
        "unusable_replies": {"reply_empty": 2},
        "seconds": 4.0,
    }
    assert tally.facts(10, 40) == tally.facts() | {"seconds_left": 12}
    assert Tally(PRICE, 0.0, 1.0).facts()["replayed_share"] == 0.0
