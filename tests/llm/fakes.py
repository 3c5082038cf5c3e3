"""Requests of no stage, and a backend without a network, for tests of what lies around one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from webscale_dagster.llm.client import Arrival, JournaledModel, Unanswered
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.llm.tally import Tally
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.protocol import Reply, Request

STAGE, SHARD = "qa_pairs", "s-00000"
CHOICE = ModelChoice(backend="server", name="tiny", endpoints=("http://127.0.0.1:1/v1",))


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: int


def request(text: str = "a", row_id: str = "r", **fields: Any) -> Request:
    """A request that asks for ``{"value": <int>}``."""
    made = Request(STAGE, row_id, {}, ({"role": "user", "content": text},), Answer, "v1")
    return replace(made, **fields)


def length(asked: Request) -> Completion:
    """The right reply: how long the text is, in JSON."""
    text = f'{{"value": {len(asked.messages[0]["content"])}}}'
    return Completion(text, tokens_in=3, tokens_out=1, model="tiny")


class Fake:
    """A backend that answers each request with what a function makes of it, newest first."""

    verifies = True

    def __init__(
        self,
        answer: Callable[[Request], Completion | Unanswered] = length,
        *,
        window: int = 256,
        at_once: int | None = None,
    ) -> None:
        self.asked: list[Request] = []
        self.opened = self.closed = self.most_waiting = 0
        self._answer, self._window, self._at_once = answer, window, at_once

    def open(self) -> FakeSession:
        self.opened += 1
        return FakeSession(self, self._answer, self._window, self._at_once)

    @property
    def texts(self) -> list[str]:
        """What was asked, in the order in which it was submitted."""
        return [each.messages[0]["content"] for each in self.asked]


class FakeSession:
    """Hands out at most ``at_once`` arrivals a time, the newest first."""

    def __init__(
        self,
        fake: Fake,
        answer: Callable[[Request], Completion | Unanswered],
        window: int,
        at_once: int | None,
    ) -> None:
        self.window = window
        self._fake, self._answer, self._at_once = fake, answer, at_once
        self._taken: list[tuple[int, Request]] = []

    def submit(self, ticket: int, key: str, request: Request) -> None:
        self._fake.asked.append(request)
        self._taken.append((ticket, request))

    def results(self, seconds: float) -> Sequence[Arrival]:
        self._fake.most_waiting = max(self._fake.most_waiting, len(self._taken))
        count = self._at_once or len(self._taken)
        now, self._taken = self._taken[-count:], self._taken[:-count]
        return [(ticket, self._answer(request)) for ticket, request in reversed(now)]

    def watch(self, tally: Tally) -> None:
        tally.in_flight = len(self._taken)

    def close(self) -> None:
        self._fake.closed += 1


@contextmanager
def model(folder: Path, fake: Fake, **more: Any) -> Iterator[JournaledModel]:
    """A model over the journal of this folder."""
    with Journal(folder, STAGE, SHARD) as journal:
        yield JournaledModel(more.pop("choice", CHOICE), fake, journal, **more)


def ask(folder: Path, fake: Fake, *requests: Request, **more: Any) -> list[Reply]:
    """All replies to these requests."""
    with model(folder, fake, **more) as asked:
        return list(asked.ask(requests))


def values(replies: Sequence[Reply]) -> list[Any]:
    """The values of replies, or their problems."""
    return [reply.problem or reply.value.value for reply in replies]
