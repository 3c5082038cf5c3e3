"""The backend ``server``: any OpenAI-compatible endpoint, or several of one model.

Sends requests over HTTP and hands out completions as they come. An event loop in a thread of its
own keeps every endpoint as full as it serves best (``limit.py``), whatever the stage does
meanwhile. A place in flight is free only once the reply is durable, so a kill costs at most what
was in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp
import orjson

from webscale_dagster.llm.client import Arrival, Session, Unanswered
from webscale_dagster.llm.endpoint import Endpoint, raise_if_all_wrong
from webscale_dagster.llm.errors import (
    ServerUnavailable,
    Trouble,
    WrongConfiguration,
    delay,
)
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.tally import Tally
from webscale_dagster.llm.wire import body, trifle
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.protocol import Request

_LOOK = 0.25  # seconds between two looks at clocks
_REFUSALS = 20  # requests refused as bad, and none answered, before the run ends
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


class Server:
    """Endpoints that somebody else runs."""

    verifies = True

    def __init__(self, choice: ModelChoice, pace: Pace) -> None:
        """Nothing is sent yet."""
        self._choice, self._pace = choice, pace

    def open(self) -> Session:
        """Begin to ask."""
        return ServerSession(self._choice, self._pace, self._choice.endpoints)


@dataclass
class _Item:
    """A request on its way."""

    ticket: int
    body: bytes
    tries: int = 0  # that the request itself may be to blame for
    sent: int = 0
    first_failed: float = 0.0
    endpoint: Endpoint | None = None
    deadline: float = 0.0
    timed_out: bool = False


class ServerSession:
    """The loop, its endpoints, and everything under way."""

    def __init__(
        self,
        choice: ModelChoice,
        pace: Pace,
        addresses: Sequence[str],
        *,
        key: str | None = None,
        alive: Callable[[], str | None] = lambda: None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """``key`` replaces the environment's; ``alive`` says why nobody will answer any more."""
        self.window = max(4 * pace.concurrency * len(addresses), 256)
        self.window = min(self.window, 4096)
        self.proven = self.durable = False
        self._choice, self._pace, self._alive, self._on_close = choice, pace, alive, on_close
        self._submitted: list[_Item] = []
        self._handed: list[Endpoint] = []  # of replies whose being durable is not yet known
        self._arrived: deque[tuple[Arrival, Endpoint | None]] = deque()
        self._signal = threading.Event()
        self._error: Exception | None = None
        self._errors: Counter[str] = Counter()
        self._drawn = random.Random()
        now = time.monotonic()
        self._began = self._last_reply = now
        self._failing_since: float | None = None
        self._answers = self._refusals = 0
        self._refused = ""
        self._ready: deque[_Item] = deque()
        self._flying: dict[int, tuple[_Item, asyncio.Task[None]]] = {}
        self._waiting = 0  # items in a delay
        self._endpoints = [Endpoint(choice, a, pace, key) for a in addresses]
        self._judging = asyncio.Lock()
        self._trifle = orjson.dumps(trifle(choice))
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._run, name="llm", daemon=True)
        self._thread.start()

    # -- the stage's thread ------------------------------------------------------------------

    def submit(self, ticket: int, key: str, request: Request) -> None:
        """Take a request; it is sent when the loop has room."""
        del key
        self._submitted.append(_Item(ticket, orjson.dumps(body(self._choice, request))))

    def results(self, seconds: float) -> Sequence[Arrival]:
        """What arrived; raises once nothing more will."""
        handed, submitted = self._handed, self._submitted
        if handed or submitted:
            self._handed, self._submitted = [], []
            with contextlib.suppress(RuntimeError):  # the loop has ended on an error
                self._loop.call_soon_threadsafe(self._take, handed, submitted)
        self._signal.wait(seconds)
        self._signal.clear()
        found: list[Arrival] = []
        while self._arrived:
            arrival, endpoint = self._arrived.popleft()
            found.append(arrival)
            if endpoint is not None:
                self._handed.append(endpoint)
        if not found and self._error is not None:
            raise self._error
        return found

    def watch(self, tally: Tally) -> None:
        """What is in flight, and which tries failed."""
        tally.errors = Counter(self._errors)
        tally.in_flight = sum(endpoint.in_flight for endpoint in self._endpoints)
        tally.limit = sum(endpoint.limit.value for endpoint in self._endpoints)

    def close(self) -> None:
        """Stop the loop; what is in flight is dropped."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._halt)
        self._thread.join()
        self._on_close()

    # -- the loop's thread -------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # ours to hand to the stage, whatever it is
            self._error = error
        finally:
            self._loop.close()
            self._signal.set()

    def _halt(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _serve(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=any(os.environ.get(name) for name in _PROXIES),
        ) as http:
            self._http = http
            looks: dict[Endpoint, asyncio.Task[None]] = {}
            try:
                while True:
                    self._end_overdue()
                    self._give_up_if_hopeless()
                    for endpoint in self._endpoints:
                        look = looks.get(endpoint)
                        if not endpoint.up and not endpoint.wrong and (not look or look.done()):
                            looks[endpoint] = asyncio.ensure_future(self._look(endpoint))
                    self._pump()
                    await asyncio.sleep(_LOOK)
            finally:
                tasks = [*looks.values(), *(task for _, task in self._flying.values())]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, endpoint: Endpoint) -> None:
        try:
            await endpoint.look(self._http)
        except Exception as error:  # a defect of ours: it ends the run and keeps its trace
            self._fail(error)
        self._pump()

    def _take(self, handed: list[Endpoint], submitted: list[_Item]) -> None:
        for endpoint in handed:
            endpoint.in_flight -= 1
        self._ready.extend(submitted)
        self._pump()

    def _pump(self) -> None:
        """Send what there is room for: to the endpoint with most room, a retry to another one."""
        if self._refusals >= _REFUSALS and not self._answers and not self.proven:
            if not self._flying:  # what was under way when the last one was refused may do better
                where = ", ".join(endpoint.address for endpoint in self._endpoints)
                said = f"{where}: every request is refused: {self._refused}"
                self._fail(WrongConfiguration(f"{said} Mend the recipe's [model] table"))
            return
        now = time.monotonic()
        while self._ready:
            free = [endpoint for endpoint in self._endpoints if endpoint.room(now) > 0]
            if not free:
                return
            item = self._ready.popleft()
            failed = item.endpoint
            endpoint = max(free, key=lambda each: (each is not failed, each.room(now)))
            item.endpoint, item.sent = endpoint, item.sent + 1
            item.deadline, item.timed_out = now + self._pace.request_seconds, False
            endpoint.in_flight += 1
            task = self._loop.create_task(self._try(endpoint, item))
            self._flying[item.ticket] = (item, task)

    async def _try(self, endpoint: Endpoint, item: _Item) -> None:
        try:
            came = await endpoint.attempt(self._http, item.body, item.sent)
        except asyncio.CancelledError:
            if not item.timed_out:
                raise
            came = endpoint.timed_out(self._pace.request_seconds)
        except Exception as error:  # as in _look; else its request would be waited for forever
            self._fail(error)
            return
        self._flying.pop(item.ticket, None)
        if isinstance(came, Completion):
            self._answered(endpoint, item, came)
        else:
            endpoint.in_flight -= 1
            if not came.final:
                endpoint.failed(time.monotonic())
            self._failed(item, came)
            self._pump()

    def _answered(self, endpoint: Endpoint, item: _Item, came: Completion) -> None:
        now = self._last_reply = time.monotonic()
        self._failing_since = None
        self._answers += 1
        endpoint.limit.done(now, bound=bool(self._ready))
        self._arrived.append(((item.ticket, came), endpoint))
        if not self._signal.is_set():
            self._signal.set()

    def _failed(self, item: _Item, trouble: Trouble) -> None:
        now = time.monotonic()
        self._errors[trouble.kind] += 1
        self._failing_since = self._failing_since or now
        item.first_failed = item.first_failed or now
        if trouble.blames_request and trouble.final:
            self._refusals += 1
            self._refused = trouble.detail
            self._drop(item, "bad_request", trouble)
            return
        item.tries += trouble.blames_request
        self._waiting += 1
        if item.tries >= self._pace.max_tries and (self._answers or self.proven):
            self._loop.create_task(self._judge(item, trouble))
        else:
            self._wait(item, trouble)

    async def _judge(self, item: _Item, trouble: Trouble) -> None:
        """Give a request up if others are answered; where there are no others, ask a trifle."""
        assert item.endpoint is not None
        async with self._judging:
            if self._last_reply <= item.first_failed:
                came = await item.endpoint.attempt(self._http, self._trifle, 1)
                if isinstance(came, Completion):
                    self._last_reply = time.monotonic()
        if self._last_reply <= item.first_failed:
            self._wait(item, trouble)
            return
        self._waiting -= 1
        self._drop(item, "no_answer", trouble)

    def _wait(self, item: _Item, trouble: Trouble) -> None:
        # An endpoint that named a time pauses as a whole; its requests go first when it goes on.
        named = trouble.retry_after is not None
        wait = 0.0 if named else delay(item.sent, self._drawn)
        self._loop.call_later(wait, self._again, item, named)

    def _again(self, item: _Item, first: bool) -> None:
        self._waiting -= 1
        (self._ready.appendleft if first else self._ready.append)(item)
        self._pump()

    def _drop(self, item: _Item, problem: str, trouble: Trouble) -> None:
        detail = f"{trouble.detail} ({item.sent} tries)"
        self._arrived.append(((item.ticket, Unanswered(problem, detail)), None))
        self._signal.set()

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for item, task in list(self._flying.values()):
            if now > item.deadline and not item.timed_out:
                item.timed_out = True
                task.cancel()

    def _give_up_if_hopeless(self) -> None:
        now = time.monotonic()
        raise_if_all_wrong(self._endpoints)
        gone = self._alive()
        if gone:
            raise ServerUnavailable(gone)
        total = self._pace.total_seconds
        if total is not None and now - self._began > total:
            raise ServerUnavailable(f"the {total:g} s for this stage and shard are over")
        outstanding = self._ready or self._waiting or self._flying
        down = not any(endpoint.up for endpoint in self._endpoints)
        since = self._failing_since or (self._last_reply if down else now)
        if outstanding and now - max(since, self._last_reply) > self._pace.give_up_seconds:
            self._fail(self._unavailable(now - self._last_reply))
        if self._error is not None:
            raise self._error

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error

    def _unavailable(self, seconds: float) -> ServerUnavailable:
        last = "; ".join(f"{e.address}: {e.last or 'no reply'}" for e in self._endpoints)
        return ServerUnavailable(
            f"no reply for {seconds:.0f} s from {last}. Every reply that came is kept; "
            "start the server and run again"
        )


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # as on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
