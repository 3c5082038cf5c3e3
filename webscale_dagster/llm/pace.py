"""How hard a server is driven and how long it is waited for: run configuration, never the recipe's.

Makes ``Pace`` values; reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """What changes only speed and patience."""

    concurrency: int = 1024  # requests in flight at one endpoint, at most
    adapt: bool = True  # find the best concurrency up to that; else always use it
    request_seconds: float = 600.0  # for one reply; the first after a start may take 20 s
    give_up_seconds: float = 300.0  # without a reply from any endpoint, while tries fail
    max_tries: int = 5  # of a request at which the server fails while it answers others
    poll_seconds: float = 10.0  # between two looks at a provider's batch
    total_seconds: float | None = None  # for all requests of a stage and shard
