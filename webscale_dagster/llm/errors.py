"""What can go wrong between us and a server, sorted by what to do about it.

Makes ``Trouble`` values, delays and the errors that end a run; reads and writes nothing.
"""

from __future__ import annotations

import email.utils
import math
import random
from dataclasses import dataclass

import orjson

LONGEST = 600.0  # seconds that a Retry-After may ask for
_FIRST, _MOST = 0.5, 30.0  # seconds of a delay without one


class RunEnds(Exception):
    """A run can do no more now; the message says why and what to do, and nothing is lost.

    ``everywhere``: other shards would end the same way, so they need not be started.
    """

    everywhere = True


class ServerUnavailable(RunEnds):
    """Nobody answers; what was answered until then is kept, and the next run goes on from there."""


class WrongConfiguration(RunEnds):
    """The server answers and will never do what is wanted: address, model or key is wrong."""


class BudgetReached(RunEnds):
    """Nothing more may be spent; everything answered so far is kept."""


class LeaseLost(RunEnds):
    """Another attempt holds the lease now; this one must not ask or publish any more."""

    everywhere = False


@dataclass(frozen=True)
class Trouble:
    """A try that got no reply.

    ``kind`` is what is counted. ``blames_request``: another request may do better, so tries are
    limited. ``final``: the same request would only be refused again.
    """

    kind: str
    detail: str
    blames_request: bool = False
    final: bool = False
    overload: bool = False
    wrong: bool = False  # the configuration, not the request
    retry_after: float | None = None


def from_status(status: int, body: bytes, retry_after: str | None, now: float) -> Trouble:
    """The trouble that a reply with this HTTP status is."""
    said = f"HTTP {status}: {_message(body)}"
    if status in (401, 402, 403, 404, 405) or 300 <= status < 400:  # 402: no credit left
        return Trouble(f"http_{status}", said, final=True, wrong=True)
    if status in (429, 503):
        kind = "rate_limited" if status == 429 else "unavailable"
        return Trouble(kind, said, overload=True, retry_after=_seconds(retry_after, now))
    if status in (408, 409, 425) or status >= 500:
        return Trouble("timeout" if status in (408, 504) else "server_error", said, True)
    return Trouble("bad_request", said, blames_request=True, final=True)


def _message(body: bytes) -> str:
    """The server's own words, from an OpenAI-like error or as they stand."""
    try:
        found = orjson.loads(body)
        error = found.get("error", found)
        said = error.get("message", error) if isinstance(error, dict) else error
    except (orjson.JSONDecodeError, AttributeError):
        said = body.decode("utf-8", "replace")
    return " ".join(str(said).split())[:500]


def _seconds(retry_after: str | None, now: float) -> float | None:
    """A Retry-After header, in seconds from ``now`` (seconds since 1970)."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST)


def delay(tries: int, drawn: random.Random) -> float:
    """Seconds to wait before try number ``tries + 1``, doubling with every try.

    With full jitter, so that requests that failed together do not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    return drawn.uniform(0.05, min(_FIRST * 2 ** min(tries, 10), _MOST))
