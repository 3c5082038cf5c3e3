"""Asks the model about items one by one, with many under way at once, so that progress shows.

Makes (item, reply) pairs in the items' order; reads and writes nothing itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from webscale_dagster.stages.protocol import Context, Reply, Request

T = TypeVar("T")
_REPORTS = 100  # of progress, at least: a report for every hundredth part


def ask_each(
    items: Iterable[T], total: int, request: Callable[[T], Request], context: Context
) -> Iterator[tuple[T, Reply]]:
    """Every item with the reply to its request; an item is drawn when the model has room."""
    if context.model is None:
        raise ValueError("this stage asks a model, and the context has none")
    asked: deque[T] = deque()

    def requests() -> Iterator[Request]:
        for item in items:
            asked.append(item)
            yield request(item)

    context.progress(0, total)
    every = max(min(total // _REPORTS, _REPORTS), 1)
    for done, reply in enumerate(context.model.ask(requests()), 1):
        yield asked.popleft(), reply
        if done % every == 0 or done == total:
            context.progress(done, total)
