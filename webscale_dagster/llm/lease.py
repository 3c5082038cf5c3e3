"""One lease per stage and shard, with expiry and a fencing number: two attempts never both pay.

Reads and writes ``leases/<stage>/<shard>/<number>.json`` in the lake. The number is taken by
creating the next object, which one of all takers can (``If-None-Match: *``, the one conditional
write that every S3 server keeps). The holder writes its object again while it lives. Whoever waits
watches that object: unchanged for ``TTL`` seconds of the waiter's own clock, its holder is gone;
clocks of two hosts need not agree. A holder that was overtaken finds a higher number and stops.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from webscale_dagster.llm.errors import LeaseLost
from webscale_dagster.objects import Objects

TTL = 30.0  # seconds without a sign of life after which a lease is free


class Lease:
    """The right to ask for one stage and shard; use it with ``with``."""

    def __init__(
        self,
        objects: Objects,
        stage: str,
        shard: str,
        where: Path,
        *,
        ttl: float = TTL,
        waiting: Callable[[str], None] = lambda message: None,
    ) -> None:
        """``where`` is the journal's file: who holds its lock knows that no one here holds ours."""
        self.number = 0
        self._objects, self._ttl, self._waiting = objects, ttl, waiting
        self._prefix = f"leases/{stage}/{shard or '-'}/"
        self._holder = f"{socket.gethostname()}:{where}"
        self._beat = 0
        self._alive = time.monotonic()
        self._lost = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Lease:
        """Wait until the lease is free, and take it."""
        while True:
            newest = self._newest()
            if newest:
                self._await_end_of(newest)
            if self._objects.put_new(self._key(newest + 1), self._content()):
                if self._newest() == newest + 1:
                    break
                self._objects.delete(self._key(newest + 1))  # taken, freed and passed meanwhile
        self.number = newest + 1
        self._alive = time.monotonic()
        for old in range(max(newest - 1, 1), newest + 1):
            self._objects.delete(self._key(old))
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop renewing and say that the lease is free."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if not self._lost and self._newest() == self.number:
            self._objects.put(self._key(self.number), self._content(released=True))

    def check(self) -> None:
        """Raise ``LeaseLost`` if another attempt may hold the lease; cheap while it is fresh."""
        if time.monotonic() - self._alive > self._ttl / 2:  # suspended, or the lake did not answer
            self._renew()
        if self._lost:
            raise LeaseLost(
                f"{self._prefix}: another attempt took the lease over; what was answered is kept"
            )

    def _keep(self) -> None:
        while not self._stop.wait(self._ttl / 5):
            try:
                self._renew()
            except Exception:  # the lake may come back; `check` refuses to go on without it
                continue
            if self._lost:
                return

    def _renew(self) -> None:
        if self._newest() != self.number:
            self._lost = True
            return
        began = time.monotonic()
        self._beat += 1
        self._objects.put(self._key(self.number), self._content())
        self._alive = began

    def _await_end_of(self, number: int) -> None:
        """Until the lease is released, its holder was this host's and is dead, or it is silent."""
        seen, since = None, time.monotonic()
        told = False
        while True:
            data = self._objects.get(self._key(number))
            if data is None:
                return
            found = json.loads(data)
            # Ours to take: we hold the lock of the very journal that its holder had locked.
            if found["released"] or found["holder"] == self._holder:
                return
            if data != seen:
                seen, since = data, time.monotonic()
            if time.monotonic() - since > self._ttl:
                return
            if not told:
                self._waiting(f"{self._prefix} is held by {found['holder']}; waiting")
                told = True
            time.sleep(min(self._ttl / 10, 1.0))

    def _newest(self) -> int:
        keys = self._objects.keys(self._prefix)
        return max((int(Path(key).stem) for key in keys), default=0)

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:08d}.json"

    def _content(self, *, released: bool = False) -> bytes:
        state = {"holder": self._holder, "pid": os.getpid(), "beat": self._beat}
        return json.dumps(state | {"released": released}).encode()
