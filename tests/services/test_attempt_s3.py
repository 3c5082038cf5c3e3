"""Two hosts, one lake on S3: the second waits for the lease, then replays what the first got."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.services.test_lake_s3 import lake  # noqa: F401 (a fixture)
from webscale_dagster.lake import Lake
from webscale_dagster.llm import attempt as attempts
from webscale_dagster.llm import backends
from webscale_dagster.llm.client import Arrival
from webscale_dagster.llm.errors import LeaseLost
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.lease import Lease
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.tally import Tally
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.protocol import Request
from webscale_dagster.stages.reply import ReplyModel

pytestmark = pytest.mark.service
RECIPE = Recipe.model_validate(
    {"model": {"backend": "server", "name": "m", "endpoints": ["http://127.0.0.1:1/v1"]}}
)


class Answer(ReplyModel):
    value: int


class Counting:
    """A backend that answers at once and counts what it was asked."""

    verifies, window = True, 64

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._taken: list[tuple[int, Request]] = []

    def open(self) -> Counting:
        return self

    def submit(self, ticket: int, key: str, request: Request) -> None:
        self.asked.append(request.row_id)
        self._taken.append((ticket, request))

    def results(self, seconds: float) -> Sequence[Arrival]:
        taken, self._taken = self._taken, []
        return [(ticket, Completion('{"value": 1}', tokens_in=3)) for ticket, _ in taken]

    def watch(self, tally: Tally) -> None: ...

    def close(self) -> None: ...


def _requests(count: int) -> Iterator[Request]:
    for place in range(count):
        message = {"role": "user", "content": f"question {place}"}
        yield Request("qa_pairs", str(place), {}, (message,), Answer, "v")


@contextmanager
def _host(lake: Lake, home: Path, backend: Counting, patch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: F811
    patch.setattr(backends, "open_backend", lambda *given: backend)
    with attempts.attempt(
        RECIPE,
        lake.objects,
        home / "journal",
        "qa_pairs",
        "s-00000",
        pace=Pace(),
        watch=lambda tally: None,
        say=print,
    ) as ((model,), _):
        yield model


def test_another_host_goes_on_without_asking_again(
    lake: Lake,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Counting(), Counting()
    with _host(lake, tmp_path / "a", first, monkeypatch) as model:
        assert len(list(model.ask(_requests(20)))) == 20
    with _host(lake, tmp_path / "b", second, monkeypatch) as model:
        replies = list(model.ask(_requests(25)))
    assert [reply.value.value for reply in replies] == [1] * 25
    assert len(first.asked) == 20 and second.asked == [str(i) for i in range(20, 25)]
    third = Counting()
    with _host(lake, tmp_path / "a", third, monkeypatch) as model:
        list(model.ask(_requests(25)))
    assert third.asked == []
    pieces = list(lake.objects.keys("journal/qa_pairs/s-00000/"))
    assert [key.rsplit("/")[-1][:8] for key in pieces] == ["00000001", "00000002"]


def test_the_second_host_waits_and_an_overtaken_one_stops(
    lake: Lake,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    got: list[int] = []
    orphan = Lease(lake.objects, "qa_pairs", "s", tmp_path / "a", ttl=1.5)
    retry = Lease(lake.objects, "qa_pairs", "s", tmp_path / "b", ttl=1.5, waiting=print)
    with orphan:
        waiter = threading.Thread(target=lambda: got.append(retry.__enter__().number))
        waiter.start()
        waiter.join(3.0)
        assert waiter.is_alive() and got == [], "two hosts held one lease"
        orphan.check()
        orphan._stop.set()  # its process is suspended: no sign of life any more
        waiter.join(20.0)
        assert got == [orphan.number + 1]
        with pytest.raises(LeaseLost, match="another attempt"):
            orphan.check()
    retry.check()
    retry.__exit__(None, None, None)
    released = lake.objects.get(f"leases/qa_pairs/s/{retry.number:08d}.json")
    assert released is not None and b'"released": true' in released
