"""The model that a stage sees: order, replay, one repair, budget, lease, flat memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.llm.fakes import (
    CHOICE,
    SHARD,
    STAGE,
    Fake,
    FakeSession,
    ask,
    length,
    model,
    request,
    values,
)
from webscale_dagster.llm import client, spending
from webscale_dagster.llm.client import Arrival, Unanswered
from webscale_dagster.llm.errors import BudgetReached, LeaseLost, ServerUnavailable
from webscale_dagster.llm.journal import Completion, Journal, request_key
from webscale_dagster.llm.spending import Guard
from webscale_dagster.llm.tally import Tally
from webscale_dagster.models import Budget, ModelChoice, Price
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.protocol import Request
from webscale_dagster.tables import TABLES


def _many(*texts: str) -> list[Request]:
    return [request(text, f"r{place:05d}") for place, text in enumerate(texts)]


def _scripted(*texts: str) -> Fake:
    """Answers with these texts, one after the other."""
    left = list(texts)
    return Fake(lambda asked: Completion(left.pop(0), tokens_in=3, tokens_out=1, model="tiny"))


# -- order, window, replay ------------------------------------------------------------------------


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 9), st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_replies_come_in_order_and_none_is_paid_twice(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], window: int, at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("home")
    requests = _many(*(f"{place} " + "x" * n for place, n in enumerate(lengths)))
    wanted = [len(each.messages[0]["content"]) for each in requests]
    fake, again = Fake(window=window, at_once=at_once), Fake(window=window)
    assert values(ask(folder, fake, *requests)) == wanted
    assert len(fake.asked) == len(requests)
    assert values(ask(folder, again, *requests)) == wanted
    assert (again.asked, again.opened) == ([], 0)


class Source:
    """Counts what is drawn from it and not yet answered."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.drawn = self.most_open = self.yielded = 0

    def __iter__(self) -> Iterator[Request]:
        for place in range(self._count):
            self.drawn += 1
            self.most_open = max(self.most_open, self.drawn - self.yielded)
            yield request(f"{place}", f"r{place:05d}")


@pytest.mark.parametrize("at_once", [1, 3, None])
def test_no_more_than_a_window_is_drawn_and_not_yet_handed_out(
    tmp_path: Path, at_once: int | None
) -> None:
    fake, source = Fake(window=10, at_once=at_once), Source(100)
    with model(tmp_path, fake) as asked:
        for reply in asked.ask(source):
            assert reply.value is not None
            source.yielded += 1
    assert source.drawn == source.yielded == 100
    assert source.most_open <= 11  # one is drawn while the first of the window is being handed out
    assert fake.most_waiting <= 10


def test_a_first_reply_is_handed_out_before_the_last_request_is_drawn(tmp_path: Path) -> None:
    source = Source(100)
    with model(tmp_path, Fake(window=10)) as asked:
        replies = asked.ask(source)
        next(replies)
        assert source.drawn <= 10
        replies.close()  # type: ignore[attr-defined]


def test_replayed_and_new_requests_keep_their_order(tmp_path: Path) -> None:
    first, again = Fake(), Fake()
    ask(tmp_path, first, *_many("a", "bb", "ccc"))
    with model(tmp_path, again) as asked:
        assert values(list(asked.ask(_many("bb", "dddd", "a")))) == [2, 4, 1]
        assert asked.calls()["replayed"].to_list() == [True, False, True]
        assert (asked.tally.requests, asked.tally.replayed) == (3, 2)
        assert asked.tally.tokens_in == 3  # of the one that was paid for
    assert again.texts == ["dddd"]


def test_a_reply_is_in_the_journal_before_it_counts(tmp_path: Path) -> None:
    with Journal(tmp_path, STAGE, SHARD) as journal:
        asked = client.JournaledModel(CHOICE, Fake(), journal)
        wanted = _many("a", "bb")
        for reply, each in zip(asked.ask(wanted), wanted, strict=True):
            known = journal.get(request_key(CHOICE.identity, each))
            assert known is not None and known.text == reply.text


def test_nothing_asked_opens_nothing(tmp_path: Path) -> None:
    fake = Fake()
    assert ask(tmp_path, fake) == []
    assert (fake.opened, fake.closed) == (0, 0)


# -- repairs --------------------------------------------------------------------------------------


def test_a_reply_that_does_not_fit_is_repaired_once(tmp_path: Path) -> None:
    fake = _scripted('{"value": "many"}', '{"value": 7}')
    with model(tmp_path, fake) as asked:
        assert values(list(asked.ask(_many("a")))) == [7]
        assert asked.calls()["row_id"].to_list() == ["r00000", "r00000"]
        assert asked.tally.repaired == 1 and not asked.tally.problems
    first, second = fake.asked
    assert second.messages[: len(first.messages)] == first.messages
    assert "valid integer" in second.messages[-1]["content"]


def test_and_then_rejected_with_its_last_text(tmp_path: Path) -> None:
    fake = _scripted("no", "no again", "never asked for")
    with model(tmp_path, fake) as asked:
        (reply,) = asked.ask(_many("a"))
        assert asked.tally.problems == {"reply_not_json": 1}
        assert asked.tally.repaired == 0
    assert (reply.text, reply.problem, reply.value) == ("no again", "reply_not_json", None)
    assert len(fake.asked) == 2


def test_a_cut_off_reply_is_asked_for_with_twice_the_room(tmp_path: Path) -> None:
    fake = Fake(
        lambda asked: (
            replace(length(asked), finish_reason="stop")
            if asked.max_tokens > 100
            else Completion('{"val', finish_reason="length")
        )
    )
    assert values(ask(tmp_path, fake, request("a", max_tokens=100))) == [1]
    assert [each.max_tokens for each in fake.asked] == [100, 200]


@pytest.mark.parametrize("done", [Completion("so on", finish_reason="length"), Completion("")])
def test_a_free_reply_is_never_asked_for_again(tmp_path: Path, done: Completion) -> None:
    fake = Fake(lambda asked: done)
    for _ in range(2):
        (reply,) = ask(tmp_path, fake, request(reply=None))
        assert reply.problem == (None if done.text else "reply_empty")
    assert len(fake.asked) == 1


def test_a_replayed_reply_that_does_not_fit_is_repaired_now(tmp_path: Path) -> None:
    with Journal(tmp_path, STAGE, SHARD) as journal:  # killed between reply and repair
        journal.add([(request_key(CHOICE.identity, request("a")), Completion("no"))])
    fake = Fake()
    with model(tmp_path, fake) as asked:
        assert values(list(asked.ask([request("a")]))) == [1]
        assert sorted(asked.calls()["replayed"].to_list()) == [False, True]
    assert len(fake.asked) == 1
    again = Fake()  # now both are known
    assert values(ask(tmp_path, again, request("a"))) == [1]
    assert again.asked == []


def test_other_requests_go_on_while_one_is_repaired(tmp_path: Path) -> None:
    def answer(asked: Request) -> Completion:
        broken = asked.messages[0]["content"] == "a" and len(asked.messages) == 1
        return Completion("no") if broken else length(asked)

    fake = Fake(answer, at_once=1, window=4)
    assert values(ask(tmp_path, fake, *_many("a", "bb", "ccc", "dddd", "eeeee"))) == [1, 2, 3, 4, 5]


def test_unanswered_requests_are_problems_and_stay_out_of_the_journal(tmp_path: Path) -> None:
    fake = Fake(
        lambda asked: (
            Unanswered("no_answer", "HTTP 500 (5 tries)")
            if asked.messages[0]["content"] == "b"
            else length(asked)
        )
    )
    with model(tmp_path, fake) as asked:
        replies = list(asked.ask(_many("a", "b", "c")))
        assert asked.tally.problems == {"no_answer": 1}
        assert asked.calls().height == 2
    assert values(replies) == [1, "no_answer", 1]
    assert replies[1].reject == ("no_answer", "HTTP 500 (5 tries)")
    again = Fake()
    assert values(ask(tmp_path, again, *_many("a", "b", "c"))) == [1, 1, 1]
    assert again.texts == ["b"]


# -- what ends it ---------------------------------------------------------------------------------


class Failing(FakeSession):
    """Gives four replies, then nobody answers."""

    def results(self, seconds: float) -> Sequence[Arrival]:
        if self.window < 0:
            raise ServerUnavailable("gone")
        self.window = -1
        return [super(Failing, self).results(0)[0] for _ in range(4)]


def test_a_backend_that_fails_half_way_loses_nothing(tmp_path: Path) -> None:
    fake = Fake(at_once=1)
    fake.open = lambda: Failing(fake, length, 256, 1)  # type: ignore[method-assign]
    wanted = _many(*"abcdefghij")
    with model(tmp_path, fake) as asked, pytest.raises(ServerUnavailable):
        list(asked.ask(wanted))
    assert fake.closed == 1
    again = Fake()
    assert values(ask(tmp_path, again, *wanted)) == [1] * 10
    assert again.texts == list("abcdef")  # the newest four had come


def test_a_stage_that_stops_early_closes_the_session(tmp_path: Path) -> None:
    fake = Fake(window=4)
    with model(tmp_path, fake) as asked:
        replies = asked.ask(_many(*"abcdefgh"))
        next(replies)
        assert fake.closed == 0
        replies.close()  # type: ignore[attr-defined]
        assert (fake.opened, fake.closed) == (1, 1)
        assert asked.tally.in_flight == 0
        assert values(list(asked.ask(_many(*"abcdefgh")))) == [1] * 8  # and may begin again
    assert len(fake.asked) <= 8 + 4
    assert (fake.opened, fake.closed) == (2, 2)


def test_a_source_that_raises_closes_the_session(tmp_path: Path) -> None:
    def source() -> Iterator[Request]:
        yield from _many(*"abc")
        raise RuntimeError("a bug of the stage")

    fake = Fake(window=2)
    with model(tmp_path, fake) as asked, pytest.raises(RuntimeError, match="a bug"):
        list(asked.ask(source()))
    assert fake.closed == 1


def test_a_lost_lease_ends_it_before_the_next_request_is_sent(tmp_path: Path) -> None:
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        if checks > 5:
            raise LeaseLost("another attempt")

    fake = Fake(window=2)
    with model(tmp_path, fake, check=check) as asked, pytest.raises(LeaseLost):
        list(asked.ask(_many(*"abcdefgh")))
    assert len(fake.asked) == 5
    assert fake.closed == 1


def test_what_is_replayed_needs_no_lease(tmp_path: Path) -> None:
    def check() -> None:
        raise LeaseLost("another attempt")

    ask(tmp_path, Fake(), *_many(*"abc"))
    assert values(ask(tmp_path, Fake(), *_many(*"abc"), check=check)) == [1, 1, 1]


def test_it_shows_what_it_does_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, seen = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def answer(asked: Request) -> Completion:
        clock[0] += 0.25
        return length(asked)

    def watch(tally: Tally) -> None:
        seen.append((tally.requests, tally.seconds))

    fake = Fake(answer, at_once=1, window=3)
    with model(tmp_path, fake, watch=watch) as asked:
        list(asked.ask(_many(*"abcdefghijkl")))
    assert [count for count, _ in seen] == [1, 5, 9]
    assert [seconds for _, seconds in seen] == [0.25, 1.25, 2.25]
    assert asked.tally.seconds == 3.0


# -- the budget -----------------------------------------------------------------------------------

PRICED = CHOICE.model_copy(update={"price": Price(tokens_in=1.0, tokens_out=10.0)})


def _guard(folder: Path, **budget: float) -> Guard:
    recipe = Recipe(model=PRICED, budget=Budget.model_validate(budget))
    return Guard(recipe, folder)


def _honest(asked: Request) -> Completion:
    """Uses at most a token for three bytes, and at most max_tokens."""
    size = len(asked.messages[0]["content"].encode())
    return Completion('{"value": 1}', size // 3, asked.max_tokens, model="tiny")


def _spent(folder: Path) -> tuple[int, float]:
    found = spending.Spending(folder, {"tiny": PRICED.price}).refresh()
    return found.tokens, found.cost


@pytest.mark.parametrize("budget", [{"max_tokens_total": 2000}, {"max_cost": 0.02}])
@pytest.mark.parametrize("at_once", [1, 4, None])
def test_a_budget_stops_it_below_and_keeps_everything(
    tmp_path: Path, budget: dict[str, float], at_once: int | None
) -> None:
    fake = Fake(_honest, at_once=at_once, window=16)
    wanted = [request("x" * 90, f"r{n:05d}", seed=n, max_tokens=70) for n in range(100)]
    with model(tmp_path, fake, choice=PRICED, guard=_guard(tmp_path, **budget)) as asked:
        with pytest.raises(BudgetReached, match="Raise \\[budget\\]"):
            list(asked.ask(wanted))
        assert asked.calls().height == len(fake.asked)
    tokens, cost = _spent(tmp_path)
    assert tokens == 100 * len(fake.asked)
    assert tokens <= budget.get("max_tokens_total", tokens)
    assert cost <= budget.get("max_cost", cost)
    room = budget.get("max_tokens_total", 0) - tokens, budget.get("max_cost", 0) - cost
    assert room[0] < 101 or room[1] < 0.00073  # not one more would have fitted
    assert len(fake.asked) in (19, 27)
    more = Fake(_honest)  # a larger budget: what was answered is not paid for again
    guard = _guard(tmp_path, max_tokens_total=20_000)
    assert values(ask(tmp_path, more, *wanted, choice=PRICED, guard=guard)) == [1] * 100
    assert len(more.asked) == 100 - len(fake.asked)


def test_blocked_requests_wait_for_those_under_way(tmp_path: Path) -> None:
    """A reply rarely needs all of its max_tokens: what it leaves is there for the next."""
    fake = Fake(lambda asked: Completion('{"value": 1}', 1, 1, model="tiny"), at_once=1)
    wanted = [request("x", f"r{n}", seed=n, max_tokens=400) for n in range(20)]
    guard = _guard(tmp_path, max_tokens_total=500)
    assert values(ask(tmp_path, fake, *wanted, choice=PRICED, guard=guard)) == [1] * 20
    assert fake.most_waiting == 1  # never more than the budget has room for


def test_no_more_are_drawn_while_one_waits_for_room(tmp_path: Path) -> None:
    source = Source(50)
    guard = _guard(tmp_path, max_tokens_total=3000)  # a request reserves 1025
    with model(tmp_path, Fake(_honest), choice=PRICED, guard=guard) as asked:
        with pytest.raises(BudgetReached):
            list(asked.ask(source))
        assert source.drawn == 3
        assert values(list(asked.ask([request("0"), request("1")]))) == [1, 1]  # these are known


def test_a_repair_needs_room_too(tmp_path: Path) -> None:
    fake = Fake(lambda asked: Completion("no", 10, 90, model="tiny"))
    guard = _guard(tmp_path, max_tokens_total=150)
    with pytest.raises(BudgetReached):
        ask(tmp_path, fake, request("x" * 27, max_tokens=90), choice=PRICED, guard=guard)
    assert len(fake.asked) == 1
    assert _spent(tmp_path)[0] == 100


def test_a_request_too_large_for_what_is_left_stops_it_at_once(tmp_path: Path) -> None:
    guard = _guard(tmp_path, max_tokens_total=50)
    fake = Fake()
    with pytest.raises(BudgetReached, match="0 of max_tokens_total 50"):
        ask(tmp_path, fake, request("x", max_tokens=60), choice=PRICED, guard=guard)
    assert fake.opened == 0


def test_a_look_at_the_journals_in_the_midst_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def answer(asked: Request) -> Completion:
        clock[0] = 10.0  # so the next request that is admitted has the journals read again
        broken = asked.seed == 4 and len(asked.messages) == 1  # it comes first
        return Completion("no" if broken else '{"value": 1}', 10, 90, model="tiny")

    fake = Fake(answer)
    wanted = [request("x" * 27, f"r{n}", seed=n, max_tokens=90) for n in range(5)]
    guard = _guard(tmp_path, max_tokens_total=760)  # five, and a repair with its longer prompt
    assert values(ask(tmp_path, fake, *wanted, choice=PRICED, guard=guard)) == [1] * 5


def test_replies_of_the_journal_need_no_budget(tmp_path: Path) -> None:
    ask(tmp_path, Fake(_honest), request("x" * 90, max_tokens=70), choice=PRICED)
    guard = _guard(tmp_path, max_tokens_total=1)
    again = Fake()
    asked = ask(tmp_path, again, request("x" * 90, max_tokens=70), choice=PRICED, guard=guard)
    assert values(asked) == [1] and again.asked == []


# -- calls and memory -----------------------------------------------------------------------------


@pytest.mark.service
def test_twenty_thousand_requests_fit_into_little_memory(tmp_path: Path) -> None:
    """A reply is 2 kB here: all of them at once would be 40 MB and more."""
    filler = " " * 2000
    fake = Fake(lambda asked: Completion('{"value": 1' + filler + "}", 3, 1, model="tiny"))
    fake.asked = _Forgetful()
    count = 20_000
    with model(tmp_path, fake) as asked:
        source = (request(f"{n}", f"r{n:05d}") for n in reversed(range(count)))
        next(replies := asked.ask(source))
        tracemalloc.start()
        try:
            assert sum(1 for _ in replies) == count - 1
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        calls = asked.calls()
    assert peak < 10e6
    assert calls["row_id"].to_list() == [f"r{n:05d}" for n in range(count)]
    assert calls.schema == TABLES["llm_calls"].schema
    assert calls["key"].n_unique() == count
    assert calls["tokens_in"].sum() == 3 * count


class _Forgetful(list[Request]):
    def append(self, item: Request) -> None:
        """Keeps nothing."""


def test_calls_are_the_same_in_whatever_order_replies_come(tmp_path: Path) -> None:
    wanted = _many(*(f"{n}" for n in range(30)))
    frames: list[pl.DataFrame] = []
    for name, at_once in (("a", 1), ("b", 5), ("c", None)):
        with model(tmp_path / name, Fake(at_once=at_once, window=8)) as asked:
            list(asked.ask(wanted))
            frames.append(asked.calls())
    assert frames[0].equals(frames[1]) and frames[1].equals(frames[2])


def test_it_is_called_as_its_choice_and_judges_as_its_backend_may(tmp_path: Path) -> None:
    fake = Fake()
    fake.verifies = False
    with model(tmp_path, fake, choice=ModelChoice(backend="vllm", name="big")) as asked:
        assert (asked.name, asked.verifies) == ("big", False)
