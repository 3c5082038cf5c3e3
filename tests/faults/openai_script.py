"""What the test server is told to do: the script's fields, and the slots that limit its speed.

Reads a script's JSON and checks the names of its faults; ``openai_server`` describes the fields.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from tests.faults.openai_http import Connection
from tests.faults.openai_replies import BODY_FAULTS, CONTENT_FAULTS

STATUS_FAULTS = {"429", "500", "502", "503", "400"}
WIRE_FAULTS = {"reset", "close", "trickle", "hang", "slow"}
FAULTS = STATUS_FAULTS | WIRE_FAULTS | CONTENT_FAULTS.keys() | BODY_FAULTS.keys()


@dataclass
class Script:
    """What the server does; ``openai_server`` describes the fields."""

    latency_ms: float = 0
    latency_jitter_ms: float = 0
    capacity: dict[str, Any] | None = None
    overload: dict[str, Any] | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    api_key: str | None = None
    models: list[str] | None = field(default_factory=lambda: ["tiny"])
    max_prompt_chars: int | None = None
    fail_first: int = 0
    replies: dict[str, Any] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if unknown := {fault.get("fault") for fault in self.faults} - FAULTS:
            raise ValueError(f"unknown faults: {unknown}")


class Slots:
    """A server that works on so many requests at a time; the others wait their turn."""

    def __init__(self, slots: int, service_ms: float) -> None:
        self.free = slots
        self.service = service_ms / 1000
        self.waiting: deque[tuple[Connection, Callable[[], None]]] = deque()
        self.loop = asyncio.get_running_loop()

    def enter(self, connection: Connection, job: Callable[[], None]) -> None:
        if self.free:
            self.free -= 1
            self._start(self.loop.time(), job)
        else:
            self.waiting.append((connection, job))

    def _start(self, now: float, job: Callable[[], None]) -> None:
        # The next request starts when this one should end, so that late timers cost no throughput.
        self.loop.call_at(now + self.service, self._end, now + self.service, job)

    def _end(self, now: float, job: Callable[[], None]) -> None:
        job()
        while self.waiting:
            connection, waiting = self.waiting.popleft()
            if connection.transport is not None:
                return self._start(now, waiting)
        self.free += 1


def retry_after(options: dict[str, Any]) -> str:
    """The header line that the option asks for."""
    value = options.get("retry_after")
    if value == "http-date":
        value = formatdate(int(time.time()) + 1, usegmt=True)
    return f"Retry-After: {value}\r\n" if value is not None else ""
