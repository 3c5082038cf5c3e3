"""What a stage's model is doing: counts that grow while it works, and a line that says them.

Makes ``Tally`` values; reads and writes nothing. Time is handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webscale_dagster.llm.journal import Completion
from webscale_dagster.models import Price

_COUNTS = (
    *("requests", "replayed", "repaired", "tokens_in", "tokens_out", "cached_tokens", "cost"),
    *("problems", "errors"),
)


@dataclass
class Tally:
    """Counts of one stage and shard since ``began`` (seconds of a monotonic clock)."""

    price: Price
    began: float
    now: float = 0.0
    requests: int = 0  # answered or replayed
    replayed: int = 0
    repaired: int = 0  # replies that could be used at the second try
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    cost: float = 0.0  # of this attempt; what was replayed costs nothing
    in_flight: int = 0
    limit: int = 0  # requests the server is given at once
    problems: Counter[str] = field(default_factory=Counter)  # replies that cannot be used
    errors: Counter[str] = field(default_factory=Counter)  # tries that got no reply, by class

    def answered(self, done: Completion) -> None:
        """A reply came that was paid for."""
        self.requests += 1
        self.tokens_in += done.tokens_in
        self.tokens_out += done.tokens_out
        self.cached_tokens += done.cached_tokens
        self.cost += self.price.cost(done.tokens_in, done.tokens_out, done.cached_tokens)

    def replay(self) -> None:
        """The journal knew the reply."""
        self.requests += 1
        self.replayed += 1

    @property
    def seconds(self) -> float:
        """How long this attempt has worked."""
        return max(self.now - self.began, 1e-9)

    def rates(self) -> tuple[float, float]:
        """Requests and tokens (in and out) per second that the model answered."""
        asked = self.requests - self.replayed
        return asked / self.seconds, (self.tokens_in + self.tokens_out) / self.seconds

    def eta(self, done: int, total: int) -> float | None:
        """Seconds until ``total`` rows are done, at the pace so far."""
        return self.seconds * (total - done) / done if 0 < done < total else None

    def line(self, done: int = 0, total: int = 0) -> str:
        """For a log: pace, replayed share, cost, errors, time left."""
        requests, tokens = self.rates()
        parts = [f"{requests:.1f} req/s", f"{tokens:,.0f} tok/s"]
        if self.replayed:
            parts.append(f"{self.replayed / max(self.requests, 1):.0%} replayed")
        if self.cost:
            parts.append(f"cost {self.cost:.4g}")
        parts += [f"{count} {name}" for name, count in (self.errors + self.problems).most_common()]
        if self.in_flight:
            parts.append(f"{self.in_flight} in flight, {self.limit} at most")
        left = self.eta(done, total)
        if left is not None:
            parts.append(f"{_span(left)} left")
        return ", ".join(parts)

    def facts(self, done: int = 0, total: int = 0) -> dict[str, Any]:
        """For the UI and for JSON, by name."""
        requests, tokens = self.rates()
        found: dict[str, Any] = {
            "requests": self.requests,
            "requests_per_second": round(requests, 3),
            "tokens_per_second": round(tokens, 1),
            "replayed_share": round(self.replayed / max(self.requests, 1), 4),
            "repaired": self.repaired,
            "tokens_in": self.tokens_in,
            "cached_tokens": self.cached_tokens,
            "tokens_out": self.tokens_out,
            "cost": round(self.cost, 6),
            "errors": dict(self.errors),
            "unusable_replies": dict(self.problems),
            "seconds": round(self.seconds, 1),
        }
        left = self.eta(done, total)
        return found if left is None else found | {"seconds_left": round(left)}


def joined(tallies: Sequence[Tally]) -> Tally:
    """The counts of models that worked one after the other."""
    first, last = tallies[0], tallies[-1]
    whole = Tally(first.price, first.began, last.now)
    for tally in tallies:
        for name in _COUNTS:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    return whole


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
