"""The journal: every reply on disk, under the hash of what was asked, before it counts.

Reads and writes ``<folder>/<stage>/<shard>.jsonl``, one reply a line, appended and fsynced. A line
that a crash cut short is dropped at the next opening. The file is locked while it is open: an
orphaned process and its retry cannot both ask (and pay) for the same shard of a stage; the second
waits, then replays.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import orjson

from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.protocol import Request


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


def request_key(model: str, request: Request) -> str:
    """Hash of everything that decides a reply: model, messages, parameters, reply schema."""
    parameters = orjson.dumps([request.temperature, request.max_tokens, request.seed])
    messages = orjson.dumps([dict(message) for message in request.messages])
    schema = orjson.dumps(request.reply.model_json_schema(), option=orjson.OPT_SORT_KEYS)
    return content_hash(model, messages, parameters, schema)


class Journal:
    """Replies of one stage and shard; open it with ``with``."""

    def __init__(self, folder: Path, stage: str, shard: str) -> None:
        """Nothing is opened yet."""
        self.path = folder / stage / f"{shard or '-'}.jsonl"
        self._replies: dict[str, Completion] = {}
        self._fd = -1

    def __enter__(self) -> Journal:
        """Lock the file, read its replies and cut off a torn last line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        good = 0
        with self.path.open("rb") as lines:
            for line in lines:
                try:
                    entry = orjson.loads(line)
                except orjson.JSONDecodeError:
                    break
                if not line.endswith(b"\n"):
                    break
                key = entry.pop("key")
                self._replies[key] = Completion(**entry)
                good += len(line)
        os.ftruncate(self._fd, good)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, which frees its lock."""
        os.close(self._fd)
        self._fd = -1

    def get(self, key: str) -> Completion | None:
        """The reply that was given to this key, if any."""
        return self._replies.get(key)

    def add(self, entries: Iterable[tuple[str, Completion]]) -> None:
        """Make replies durable: one append and one fsync for all of them."""
        entries = list(entries)
        if not entries:
            return
        lines = b"".join(orjson.dumps({"key": k, **asdict(c)}) + b"\n" for k, c in entries)
        if os.write(self._fd, lines) != len(lines):
            raise OSError(f"{self.path}: the disk took only a part of {len(lines)} bytes")
        os.fsync(self._fd)
        self._replies.update(entries)
