"""Copies the journal to the lake every few seconds, and back where this host lacks replies.

Reads and writes ``journal/<stage>/<shard>/<fence>-<piece>.jsonl.zst`` in the lake: immutable pieces
whose names carry the lease's number, so that an attempt that was overtaken overwrites nothing. A
machine that is lost loses the seconds since its last piece.
"""

from __future__ import annotations

import threading

import zstandard

from webscale_dagster.llm.journal import Journal
from webscale_dagster.objects import Objects

SECONDS = 5.0  # between two pieces
_PIECE = 64_000_000  # bytes of one piece at most
_MANY = 8  # pieces above which the end of an attempt makes one of them


class JournalCopy:
    """Keeps a journal's copy in the lake while it is open; use it with ``with``."""

    def __init__(self, objects: Objects, journal: Journal, fence: int) -> None:
        """The journal must be open and the lease ``fence`` held."""
        self._objects, self._journal, self._fence = objects, journal, fence
        self._prefix = f"journal/{journal.stage}/{journal.shard or '-'}/"
        self._piece, self._done = 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="journal-copy", daemon=True)
        self.error: Exception | None = None  # of the last try, until one succeeds

    def __enter__(self) -> JournalCopy:
        """Bring replies of other hosts here, then start copying."""
        pieces = list(self._objects.keys(self._prefix))
        known: set[bytes] = set()  # pieces overlap where one was written twice or many made one
        for key in pieces:
            data = zstandard.decompress(self._objects.get(key) or b"", max_output_size=2 * _PIECE)
            known |= self._journal.merge(data)
        # All that is here is there too only if the counts agree: else it is copied once more.
        self._done = self._journal.size if len(known) >= len(self._journal) else 0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Copy the rest; make one piece of many."""
        self._stop.set()
        self._thread.join()
        self.copy()
        mine = [k for k in self._objects.keys(self._prefix) if self._of_this_attempt(k)]
        if len(mine) > _MANY and self._journal.size <= _PIECE:
            self._done = 0
            self.copy()
            for key in mine:
                self._objects.delete(key)

    def copy(self) -> None:
        """Everything durable that was not copied yet, in pieces."""
        while self._done < self._journal.size:
            data = self._journal.read(self._done)[:_PIECE]
            data = data[: data.rfind(b"\n") + 1]
            key = f"{self._prefix}{self._fence:08d}-{self._piece:06d}.jsonl.zst"
            self._piece += 1
            if self._objects.put_new(key, zstandard.compress(data)):
                self._done += len(data)

    def _keep(self) -> None:
        while not self._stop.wait(SECONDS):
            try:
                self.copy()
                self.error = None
            except Exception as error:  # the local journal is whole; the next piece tries again
                self.error = error

    def _of_this_attempt(self, key: str) -> bool:
        return key.removeprefix(self._prefix).startswith(f"{self._fence:08d}-")
