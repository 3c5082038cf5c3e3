"""Who listens to progress: the command line sets a listener, assets announce to it.

Keeps one callable; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from webscale_dagster.llm.tally import Tally


class Progress(Protocol):
    """Hears how many of a stage's rows are done, and what its model is doing."""

    def __call__(self, stage: str, done: int, total: int, tally: Tally | None = None) -> None:
        """Rows done and rows in all; 0 in all where nobody knows."""
        ...


_listeners: list[Progress] = []


def announce(stage: str, done: int, total: int, tally: Tally | None = None) -> None:
    """Tell the listener, if any, how far a stage is."""
    for listener in _listeners:
        listener(stage, done, total, tally)


@contextmanager
def listening(listener: Progress) -> Iterator[None]:
    """Hear announcements of this process while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
