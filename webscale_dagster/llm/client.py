"""Gives a stage its model: journal first, then the backend, then validation and one repair.

Makes replies and the rows of ``llm_calls``; reads and writes the journal. A reply that does not fit
its schema is asked for once more with the reason, then handed back as an error with its raw text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import polars as pl
from pydantic import ValidationError

from webscale_dagster.llm.journal import Completion, Journal, request_key
from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.protocol import Reply, Request
from webscale_dagster.tables import TABLES

CHUNK = 256  # requests handed to the backend at once
DURABLE = 32  # replies that share one fsync: a killed process loses at most so many


class Backend(Protocol):
    """Whoever answers. Completions come as they arrive, with the request's place."""

    name: str
    verifies: bool

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Answer requests in any order."""
        ...


class JournaledModel:
    """The ``Model`` a stage sees: asks the backend only what the journal does not know."""

    def __init__(self, backend: Backend, journal: Journal, shard: str, revision: str = "") -> None:
        """The journal must be open; replies of another revision of the model are not replayed."""
        self.name, self.verifies = backend.name, backend.verifies
        self._identity = f"{backend.name}@{revision}"
        self._backend, self._journal, self._shard = backend, journal, shard
        self._calls: list[dict[str, Any]] = []

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply per request, in order."""
        replies: list[Reply] = []
        for start in range(0, len(requests), CHUNK):
            chunk = requests[start : start + CHUNK]
            replies += self._validated(chunk, self._completions(chunk))
        return replies

    def calls(self) -> pl.DataFrame:
        """Every call so far, as rows of ``llm_calls``."""
        return pl.DataFrame(self._calls, schema=TABLES["llm_calls"].schema)

    def _completions(self, requests: Sequence[Request]) -> list[Completion]:
        keys = [request_key(self._identity, request) for request in requests]
        known = [self._journal.get(key) for key in keys]
        missing = [place for place, completion in enumerate(known) if completion is None]
        arrived: list[tuple[str, Completion]] = []
        try:
            for place, answer in self._backend.complete([requests[i] for i in missing]):
                known[missing[place]] = answer
                arrived.append((keys[missing[place]], answer))
                if len(arrived) >= DURABLE:
                    self._journal.add(arrived)
                    arrived = []
        finally:  # a backend that fails half-way loses nothing it was paid for
            self._journal.add(arrived)
        asked = set(missing)
        for place, completion in enumerate(known):
            if completion is None:
                raise RuntimeError(f"{self.name} left request {requests[place].row_id} unanswered")
            self._record(requests[place], keys[place], completion, place not in asked)
        return [completion for completion in known if completion is not None]

    def _record(self, request: Request, key: str, done: Completion, replayed: bool) -> None:
        self._calls.append(
            {
                "stage": request.stage,
                "shard": self._shard,
                "row_id": request.row_id,
                "key": key,
                "model": self.name,
                "prompt_version": request.prompt_version,
                "reply_hash": content_hash(done.text),
                "tokens_in": done.tokens_in,
                "tokens_out": done.tokens_out,
                "cached_tokens": done.cached_tokens,
                "latency_ms": done.latency_ms,
                "finish_reason": done.finish_reason,
                "attempts": done.attempts,
                "replayed": replayed,
            }
        )

    def _validated(self, requests: Sequence[Request], came: list[Completion]) -> list[Reply]:
        replies = [_parse(request, reply) for request, reply in zip(requests, came, strict=True)]
        broken = [place for place, reply in enumerate(replies) if reply.error is not None]
        if broken:
            again = [_repair(requests[place], replies[place]) for place in broken]
            repaired = self._completions(again)
            for place, request, completion in zip(broken, again, repaired, strict=True):
                replies[place] = _parse(request, completion)
        return replies


def _parse(request: Request, done: Completion) -> Reply:
    if done.finish_reason == "length":
        return Reply(done.text, error="the reply was cut off at max_tokens")
    try:
        return Reply(done.text, value=request.reply.model_validate_json(done.text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return Reply(done.text, error=f"{where}: {first['msg']}" if where else first["msg"])


def _repair(request: Request, reply: Reply) -> Request:
    """The same conversation, with the reply that did not fit and why."""
    reason = f"That reply did not fit: {reply.error}. Answer again, only as JSON of the schema."
    more = (
        {"role": "assistant", "content": reply.text},
        {"role": "user", "content": reason},
    )
    return replace(request, messages=(*request.messages, *more))
