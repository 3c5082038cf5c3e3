"""What commands print with: one console, tables, and a progress display.

Writes to the terminal. On a terminal progress is a live bar; in a log it is a line every ten
seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from webscale_dagster.llm.tally import Tally
from webscale_dagster.progress import listening

# A log has no width of its own: tables there are as wide as they need to be.
_WIDTH = None if sys.stdout.isatty() else 160
console = Console(highlight=False, soft_wrap=True, width=_WIDTH)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
_SECONDS = 10.0


class Bars:
    """Two bars: shards done, and rows of the stage at work."""

    def __init__(self, progress: Progress, total: int) -> None:
        """``total`` steps are awaited."""
        self._progress, self._last = progress, time.monotonic()
        self._shards = progress.add_task("shards", total=total, says="")
        self._rows = progress.add_task("", total=None, visible=False, says="")
        self._shard = ""

    def at(self, shard: str) -> None:
        """A shard begins."""
        self._shard = shard
        self._progress.update(self._shards, description=f"{shard or 'all shards'}")

    def done(self) -> None:
        """A shard ended."""
        self._progress.advance(self._shards)
        self._progress.update(self._rows, visible=False, says="")

    def rows(self, stage: str, done: int, total: int, tally: Tally | None = None) -> None:
        """A stage reports its rows, and what its model is doing."""
        says = "" if tally is None else tally.line(done, total)
        self._progress.update(
            self._rows, description=f"  {stage}", completed=done, total=total or None, visible=True
        )
        if tally is not None:
            self._progress.update(self._rows, says=says)
        if not console.is_terminal and time.monotonic() - self._last > _SECONDS:
            self._last = time.monotonic()
            of = f" of {total:,}" if total else ""
            line = f"{self._shard} {stage}: {done:,}{of} rows"
            console.print(f"{line}; {says}" if says else line, style="dim")


@contextmanager
def bars(total: int) -> Iterator[Bars]:
    """A live display while the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[says]}", style="dim"),
    )
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown as progress:
        display = Bars(progress, total)
        with listening(display.rows):
            yield display


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table; numbers stand right, with thousands separated."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE
    )
    numeric = [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(head))
    ]
    for name, right in zip(head, numeric, strict=True):
        made.add_column(
            name.replace("_", " "), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    from rich.markup import escape

    return "" if value is None else escape(str(value))
