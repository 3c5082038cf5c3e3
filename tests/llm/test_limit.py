"""The limit finds what serves a server best, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.llm.simulated import Bucket, Moody, Refusing, Server, Slots, Thrashing, drive
from webscale_dagster.llm.limit import Limit


@pytest.mark.parametrize(
    ("slots", "service", "seconds"),
    [(4, 0.1, 300), (4, 2.0, 6000), (48, 0.5, 200), (48, 20.0, 8000), (300, 0.5, 40)],
)
def test_a_server_with_slots_is_kept_full_and_its_queue_short(
    slots: int, service: float, seconds: float
) -> None:
    for seed in (1, 2):
        limit = Limit(1024, 0.0)
        trace = drive(limit, Slots(slots, service, seed), seconds)
        assert 0.8 * slots <= trace.mean() <= 2 * slots
        assert 0.6 * slots <= limit.value <= 2.5 * slots + 2
        assert trace.per_second() >= 0.9 * slots / service


@pytest.mark.parametrize("slots", [4, 48, 300])
def test_it_is_near_after_a_few_round_trips(slots: int) -> None:
    trace = drive(Limit(1024, 0.0), Slots(slots, 1.0), 30.0)
    assert trace.per_second(0.5) >= 0.85 * slots


@pytest.mark.parametrize("best", [16, 64, 200])
def test_a_server_that_slows_down_is_not_driven_over_its_knee(best: int) -> None:
    trace = drive(Limit(1024, 0.0), Thrashing(best, 1.0), 300.0)
    assert 0.7 * best <= trace.mean() <= 1.4 * best
    at_best = drive(Limit(best, 0.0, adapt=False), Thrashing(best, 1.0), 300.0)
    assert trace.per_second() >= 0.65 * at_best.per_second()
    driven_over = drive(Limit(4 * best, 0.0, adapt=False), Thrashing(best, 1.0), 300.0)
    assert trace.per_second() >= 2 * driven_over.per_second()


@pytest.mark.parametrize("service", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("most", [8, 40, 150])
def test_a_server_that_refuses_above_a_number_is_kept_near_it(most: int, service: float) -> None:
    trace = drive(Limit(1024, 0.0), Refusing(most, service), 200 * max(service, 0.5))
    assert 0.6 * most <= trace.mean() <= 1.2 * most
    assert max(trace.values()) <= 1.4 * most
    assert trace.per_second() >= 0.7 * most / service


def test_a_quota_per_second_is_used_and_rarely_overstepped() -> None:
    trace = drive(Limit(1024, 0.0), Bucket(20.0, 1.0), 100.0)
    assert trace.per_second() >= 0.7 * 20
    assert max(trace.values()) <= 60
    unlimited = drive(Limit(64, 0.0, adapt=False), Bucket(20.0, 1.0), 10.0)
    assert trace.refused / 100 < unlimited.refused / 10 / 4


@pytest.mark.parametrize("service", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_refusals_that_have_nothing_to_do_with_load_do_not_starve_it(
    service: float, seed: int
) -> None:
    trace = drive(Limit(128, 0.0), Moody(0.05, service, seed), 200 * max(service, 0.2))
    assert trace.refused > 100
    assert min(trace.values()) >= 16
    assert trace.mean() >= 40


def test_it_comes_back_after_an_overload_has_passed() -> None:
    limit = Limit(256, 0.0)
    drive(limit, Slots(100, 0.5), 30.0)
    before = limit.value
    for step in range(2000):
        limit.overloaded(60.0 + step / 100, 0.5)
    assert limit.value < before / 4
    trace = drive(limit, Slots(100, 0.5), 150.0)
    assert trace.per_second(0.2) >= 0.9 * 200


def test_overload_cuts_at_most_once_a_round_trip() -> None:
    limit = Limit(1024, 0.0, start=100)
    for place in range(300):
        limit.overloaded(10.0 + place / 1000, 2.0)  # 0.3 s, a seventh of a round trip
    assert limit.value == 70
    limit.overloaded(12.5, 2.0)
    assert limit.value == 49


def test_a_single_refusal_among_many_replies_changes_nothing() -> None:
    limit = Limit(1024, 0.0, start=64)
    limit.overloaded(0.1, 1.0)
    assert limit.value == 64


def test_a_pace_that_something_else_holds_down_teaches_nothing() -> None:
    limit = Limit(1024, 0.0)
    for place in range(5000):
        limit.done(place / 10, bound=False)
    assert limit.value == 32


def test_without_adapting_it_stays_where_it_is() -> None:
    limit = Limit(77, 0.0, adapt=False)
    drive(limit, Refusing(8, 0.5), 5.0)
    assert limit.value == 77
    drive(limit, Slots(4, 0.1), 60.0)
    assert limit.value == 77


@pytest.mark.parametrize("most", [1, 2, 5, 31, 32, 33, 100])
@pytest.mark.parametrize(
    "server", [lambda: Slots(4, 0.1), lambda: Slots(300, 0.1), lambda: Refusing(3, 0.1)]
)
def test_it_never_leaves_its_bounds(most: int, server: Callable[[], Server]) -> None:
    trace = drive(Limit(most, 0.0), server(), 30.0)
    assert len(trace.replies) > 200
    assert min(trace.values(1.0)) >= 1 and max(trace.values(1.0)) <= most


@given(
    st.integers(-3, 3000),
    st.lists(
        st.tuples(st.sampled_from(["done", "overloaded"]), st.floats(0, 2), st.booleans()),
        max_size=400,
    ),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_it_stays_between_one_and_most(
    most: int, events: list[tuple[str, float, bool]], seed: int
) -> None:
    limit, now, drawn = Limit(most, 0.0), 0.0, random.Random(seed)
    for name, wait, bound in events:
        for _ in range(drawn.choice((1, 1, 40))):
            now += wait / 40
            if name == "done":
                limit.done(now, bound=bound)
            else:
                limit.overloaded(now, wait)
            assert 1 <= limit.value <= max(most, 1)


def test_one_slot_and_one_allowed_still_works() -> None:
    trace = drive(Limit(1, 0.0), Slots(1, 0.1), 30.0)
    assert trace.per_second() >= 9
    assert set(trace.values(1.0)) == {1}
