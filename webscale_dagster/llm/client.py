"""Gives a stage its model: journal first, then the backend, then validation and one repair.

Makes replies and the rows of ``llm_calls``; reads and writes the journal. Replies are handed out in
the order of their requests; of those, a bounded number is under way or waits for an earlier one, so
that memory does not grow with the shard.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from webscale_dagster.llm.calls import Calls
from webscale_dagster.llm.journal import Completion, Journal, request_key
from webscale_dagster.llm.replies import read_reply, repair
from webscale_dagster.llm.spending import Guard, Spent
from webscale_dagster.llm.tally import Tally
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.protocol import Reply, Request

TICK = 1.0  # seconds between two looks at the clock while nothing arrives


@dataclass(frozen=True)
class Unanswered:
    """A request that got no reply and will get none; ``problem`` is a reject's reason."""

    problem: str
    detail: str


Arrival = tuple[int, "Completion | Unanswered"]  # ticket and what came


class Session(Protocol):
    """A backend at work: takes requests, gives what came of them, in any order."""

    window: int  # how many requests it wants to know of at once
    proven: bool  # replies were replayed: who refuses requests now refuses those, not all
    durable: bool  # what `results` returned last is; set by whoever called it

    def submit(self, ticket: int, key: str, request: Request) -> None:
        """Take a request; returns at once."""
        ...

    def results(self, seconds: float) -> Sequence[Arrival]:
        """What arrived, at least one or after so many seconds none; raises if nobody answers.

        The next call says that what this one returned is durable: only then is its place free.
        """
        ...

    def watch(self, tally: Tally) -> None:
        """Write into the tally what is under way and which tries failed."""
        ...

    def close(self) -> None:
        """Stop; what is under way is dropped."""
        ...


class Backend(Protocol):
    """Whoever answers. ``verifies`` is false for one that may not judge pairs."""

    verifies: bool

    def open(self) -> Session:
        """Begin to work; called when the first request is not in the journal."""
        ...


@dataclass
class _Slot:
    """A request that a stage waits for, in its place."""

    request: Request
    key: str = ""
    reply: Reply | None = None
    repairs: bool = False  # the reply under way is to a repair
    reserved: Spent | None = None


class JournaledModel:
    """The ``Model`` a stage sees: asks the backend only what the journal does not know."""

    def __init__(
        self,
        choice: ModelChoice,
        backend: Backend,
        journal: Journal,
        *,
        guard: Guard | None = None,
        check: Callable[[], None] = lambda: None,
        watch: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        """The journal must be open; ``check`` raises where the lease is lost."""
        self.name, self.verifies = choice.name, backend.verifies
        self.tally = Tally(choice.price, time.monotonic())
        self._identity, self._backend, self._journal = choice.identity, backend, journal
        self._guard, self._check, self._watch = guard, check, watch
        self._calls = Calls(journal.shard, choice.name, choice.price)
        self._session: Session | None = None
        self._under_way: dict[int, _Slot] = {}
        self._blocked: list[_Slot] = []  # not admitted by the budget yet
        self._tickets = 0
        self._watched = 0.0

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """One reply per request, in order."""
        self.tally.began = time.monotonic()
        source, waiting = iter(requests), deque[_Slot]()
        more = True
        try:
            while more or waiting:
                while more and not self._blocked and len(waiting) < self._window():
                    request = next(source, None)
                    if request is None:
                        more = False
                        break
                    slot = _Slot(request)
                    waiting.append(slot)
                    self._start(slot)
                while waiting and waiting[0].reply is not None:
                    yield waiting.popleft().reply  # type: ignore[misc]
                if self._under_way:
                    self._collect()
                elif self._blocked and self._guard is not None:
                    raise self._guard.reached()
        finally:
            self._end()

    def calls(self) -> pl.DataFrame:
        """Every call so far, as rows of ``llm_calls``."""
        return self._calls.frame()

    def _window(self) -> int:
        return 256 if self._session is None else self._session.window

    def _start(self, slot: _Slot) -> None:
        """Answer from the journal, or ask, or wait until the budget has room."""
        slot.key = request_key(self._identity, slot.request)
        known = self._journal.get(slot.key)
        if known is not None:
            self.tally.replay()
            self._settle(slot, known, replayed=True)
            return
        if self._guard is not None:
            slot.reserved = self._guard.admit(slot.request, self.name)
            if slot.reserved is None:
                self._blocked.append(slot)
                return
        self._check()
        if self._session is None:
            self._session = self._backend.open()
        self._tickets += 1
        self._under_way[self._tickets] = slot
        self._session.proven = self.tally.replayed > 0
        self._session.submit(self._tickets, slot.key, slot.request)

    def _collect(self) -> None:
        """Wait for arrivals, make them durable, then let them count."""
        assert self._session is not None
        self._session.proven = self.tally.replayed > 0
        self._session.durable = False
        arrived = self._session.results(TICK)
        self._journal.add(
            (self._under_way[ticket].key, came)
            for ticket, came in arrived
            if isinstance(came, Completion)
        )
        self._session.durable = True
        for ticket, came in arrived:  # all, before a repair has the guard read the journal again
            self._account(self._under_way[ticket], came)
        for ticket, came in arrived:
            slot = self._under_way.pop(ticket)
            if isinstance(came, Completion):
                self._settle(slot, came, replayed=False)
            else:
                self.tally.problems[came.problem] += 1
                slot.reply = Reply("", problem=came.problem, error=came.detail)
        blocked, self._blocked = self._blocked, []
        for slot in blocked:
            self._start(slot)
        self._tick()

    def _account(self, slot: _Slot, came: Completion | Unanswered) -> None:
        """What it cost, in the tally and the budget."""
        tokens, cost = 0, 0.0
        if isinstance(came, Completion):
            before = self.tally.cost
            self.tally.answered(came)
            tokens, cost = came.tokens_in + came.tokens_out, self.tally.cost - before
        if self._guard is not None and slot.reserved is not None:
            self._guard.settle(slot.reserved, tokens, cost)

    def _settle(self, slot: _Slot, done: Completion, *, replayed: bool) -> None:
        """Read a reply; one that cannot be used is asked for once more."""
        self._calls.add(slot.request, slot.key, done, replayed)
        reply = read_reply(slot.request, done)
        shaped = slot.request.reply is not None
        if reply.problem is not None and shaped and not slot.repairs:
            slot.request, slot.repairs = repair(slot.request, reply), True
            self._start(slot)
            return
        if reply.problem is not None:
            self.tally.problems[reply.problem] += 1
        elif slot.repairs:
            self.tally.repaired += 1
        slot.reply = reply

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._watched >= TICK:
            self._watched = self.tally.now = now
            if self._session is not None:
                self._session.watch(self.tally)
            self._watch(self.tally)

    def _end(self) -> None:
        self.tally.now = time.monotonic()
        if self._session is not None:
            self._session.watch(self.tally)
            self._session.close()
            self._session = None
        self.tally.in_flight = 0
        self._under_way.clear()
        self._blocked = []
        if self._guard is not None:
            self._guard.close()
