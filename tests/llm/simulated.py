"""A client and servers in simulated time: what a ``Limit`` does to them, without waiting."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from webscale_dagster.llm.limit import Limit

Server = Callable[[float, int], tuple[float, bool]]  # now, others in flight -> when done, refused


class Slots:
    """So many requests are worked on at a time, each for about ``seconds``; the others queue."""

    def __init__(self, slots: int, seconds: float, seed: int = 1) -> None:
        self._free = [0.0] * slots
        self._seconds, self._drawn = seconds, random.Random(seed)

    def __call__(self, now: float, in_flight: int) -> tuple[float, bool]:
        start = max(now, heapq.heappop(self._free))
        end = start + self._seconds * self._drawn.uniform(0.7, 1.3)
        heapq.heappush(self._free, end)
        return end, False


class Thrashing:
    """Serves ``best`` at full speed; every one more slows all down, as when a cache runs over."""

    def __init__(self, best: int, seconds: float, seed: int = 1) -> None:
        self._best, self._seconds, self._drawn = best, seconds, random.Random(seed)

    def __call__(self, now: float, in_flight: int) -> tuple[float, bool]:
        over = max(in_flight + 1 - self._best, 0) / self._best
        slow = (1 + over) * (1 + 3 * over)  # beyond the best, throughput falls by 1 / (1 + 3 over)
        return now + self._seconds * slow * self._drawn.uniform(0.7, 1.3), False


class Refusing:
    """Answers 429 at once when more than ``most`` are in flight."""

    def __init__(self, most: int, seconds: float, seed: int = 1) -> None:
        self._most, self._seconds, self._drawn = most, seconds, random.Random(seed)

    def __call__(self, now: float, in_flight: int) -> tuple[float, bool]:
        if in_flight >= self._most:
            return now + 0.005, True
        return now + self._seconds * self._drawn.uniform(0.7, 1.3), False


class Moody:
    """Has room for all, and still answers some requests with 429."""

    def __init__(self, share: float, seconds: float, seed: int = 1) -> None:
        self._share, self._seconds, self._drawn = share, seconds, random.Random(seed)

    def __call__(self, now: float, in_flight: int) -> tuple[float, bool]:
        if self._drawn.random() < self._share:
            return now + 0.005, True
        return now + self._seconds * self._drawn.uniform(0.7, 1.3), False


class Bucket:
    """Takes so many requests a second, and answers 429 at once to the others."""

    def __init__(self, per_second: float, seconds: float, seed: int = 1) -> None:
        self._per_second, self._tokens, self._at = per_second, per_second, 0.0
        self._seconds, self._drawn = seconds, random.Random(seed)

    def __call__(self, now: float, in_flight: int) -> tuple[float, bool]:
        filled = self._tokens + (now - self._at) * self._per_second
        self._tokens, self._at = min(filled, self._per_second), now
        if self._tokens < 1:
            return now + 0.005, True
        self._tokens -= 1
        return now + self._seconds * self._drawn.uniform(0.7, 1.3), False


@dataclass
class Trace:
    """What happened: (time, limit) at every reply, and refusals."""

    replies: list[tuple[float, int]] = field(default_factory=list)
    refused: int = 0

    def _last(self, part: float) -> list[tuple[float, int]]:
        begin = self.replies[-1][0] * (1 - part)
        return [each for each in self.replies if each[0] >= begin]

    def per_second(self, part: float = 0.3) -> float:
        """Replies a second over the last part of the time."""
        last = self._last(part)
        return len(last) / (last[-1][0] - last[0][0])

    def values(self, part: float = 0.3) -> list[int]:
        """The limits at the replies of the last part of the time."""
        return [value for _, value in self._last(part)]

    def mean(self, part: float = 0.3) -> float:
        values = self.values(part)
        return sum(values) / len(values)


def drive(limit: Limit, server: Server, seconds: float, *, supply: int = 10**9) -> Trace:
    """Keep as many requests in flight as the limit lets through, as an endpoint does."""
    trace, now, latency = Trace(), 0.0, 1.0
    flying: list[tuple[float, int, float, bool]] = []  # end, tie, sent, refused
    ties, waiting = itertools.count(), supply
    working = 0  # in flight at the server: what it refused has left it
    while now < seconds:
        while waiting and len(flying) < limit.value:
            end, refused = server(now, working)
            working += not refused
            heapq.heappush(flying, (end, next(ties), now, refused))
            waiting -= 1
        if not flying:
            break
        now, _, sent, refused = heapq.heappop(flying)
        working -= not refused
        if refused:
            trace.refused += 1
            waiting += 1
            limit.overloaded(now, latency)
        else:
            latency += 0.1 * (now - sent - latency)
            limit.done(now, bound=waiting > 0)
            trace.replies.append((now, limit.value))
    return trace
