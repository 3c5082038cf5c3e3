"""The journal: every reply on disk, under the hash of what was asked, before it counts.

Reads and writes ``<folder>/<stage>/<shard>.jsonl``, one reply a line, appended and fsynced. In
memory it holds only where each reply lies. A line that a crash cut short is dropped at the next
opening; a whole line that cannot be read, as one of a later version, is passed over. The file is
locked while it is open: an orphaned process and its retry on this host cannot both ask (and pay)
for the same shard of a stage; the second waits, then replays. Between hosts the lease does that
(``lease.py``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.protocol import Request

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)  # what a damaged line raises


@dataclass(frozen=True)
class Completion:
    """A raw reply and what it cost. Tokens are 0 where no model was asked."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    latency_ms: float = 0.0
    finish_reason: str = "stop"
    attempts: int = 1
    model: str = ""  # who answered, for what it cost


def request_key(model: str, request: Request) -> str:
    """Hash of everything that decides a reply: model, messages, parameters, reply schema."""
    from webscale_dagster.llm.replies import schema_bytes

    parameters = orjson.dumps([request.temperature, request.max_tokens, request.seed])
    return content_hash(
        model, orjson.dumps(request.messages), parameters, schema_bytes(request.reply)
    )


class Journal:
    """Replies of one stage and shard; open it with ``with``."""

    def __init__(self, folder: Path, stage: str, shard: str, *, read_only: bool = False) -> None:
        """Nothing is opened yet; to read only, no lock is needed and none is taken."""
        self._read_only = read_only
        self.stage, self.shard = stage, shard
        self.path = folder / stage / f"{shard or '-'}.jsonl"
        self.size = 0  # bytes that are durable
        self._places: dict[bytes, tuple[int, int]] = {}  # key -> offset and length of its line
        self._fd = -1

    def __enter__(self) -> Journal:
        """Lock the file, find its replies and cut off a torn last line."""
        if self._read_only:
            if self.path.exists():
                self._fd = os.open(self.path, os.O_RDONLY)
                self._scan()
            return self
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            self._scan()
            os.ftruncate(self._fd, self.size)
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, which frees its lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _scan(self) -> None:
        """Remember where each whole line lies, from the start."""
        self.size = 0
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                with contextlib.suppress(*UNREADABLE):
                    self._places[_read(line)[0]] = (self.size, len(line))
                self.size += len(line)

    def __len__(self) -> int:
        """How many different requests were answered."""
        return len(self._places)

    def get(self, key: str) -> Completion | None:
        """The reply that was given to this key, if any."""
        place = self._places.get(bytes.fromhex(key))
        if place is None:
            return None
        return _read(os.pread(self._fd, place[1], place[0]))[1]

    def add(self, entries: Iterable[tuple[str, Completion]]) -> None:
        """Make replies durable: one append and one fsync for all of them."""
        lines = [(key, orjson.dumps({"key": key, **vars(c)}) + b"\n") for key, c in entries]
        self.append(b"".join(line for _, line in lines), [(k, len(line)) for k, line in lines])

    def append(self, data: bytes, lengths: Iterable[tuple[str, int]]) -> None:
        """Append whole lines as they stand, and remember them."""
        if not data:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)
        except OSError:  # a full disk must not leave half a line before the next one
            os.ftruncate(self._fd, self.size)
            raise
        for key, length in lengths:
            self._places[bytes.fromhex(key)] = (self.size, length)
            self.size += length

    def merge(self, data: bytes) -> set[bytes]:
        """Take over the lines of another copy that this one lacks; returns all keys of the copy."""
        new: dict[str, bytes] = {}
        found: set[bytes] = set()
        for line in data.splitlines(keepends=True):
            with contextlib.suppress(*UNREADABLE):
                key = _read(line)[0]
                found.add(key)
                if key not in self._places:
                    new.setdefault(key.hex(), line)
        self.append(b"".join(new.values()), [(key, len(line)) for key, line in new.items()])
        return found

    def read(self, start: int) -> bytes:
        """The durable bytes from an offset on."""
        return os.pread(self._fd, self.size - start, start)


def _read(line: bytes) -> tuple[bytes, Completion]:
    entry = orjson.loads(line)
    return bytes.fromhex(entry.pop("key")), Completion(**entry)
