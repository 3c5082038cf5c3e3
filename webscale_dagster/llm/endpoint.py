"""One address of a model: whether it is up, how much it is given at once, and one try at it.

Sends and receives over HTTP; keeps its own health and limit. The key comes from the environment
and goes into one header: never into a message, a log or an error.
"""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp
import orjson

from webscale_dagster.llm.errors import Trouble, WrongConfiguration, from_status
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.limit import Limit
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.wire import NotACompletion, parse
from webscale_dagster.models import ModelChoice

_RETRY_PROBE = (0.25, 5.0)  # seconds between two looks at a server that is down, growing
_REFUSED_MEANS_DOWN = 1
_BROKEN_MEANS_DOWN = 3  # connections in a row that broke without a reply
_FAILED_MEANS_SICK = 8  # tries in a row that failed: then one at a time, after a growing pause
_PAUSE = (0.5, 30.0)  # seconds


def headers(choice: ModelChoice, key: str | None = None) -> dict[str, str]:
    """What every request carries; the key only if there is one, by default in the environment."""
    key = os.environ.get(choice.api_key_env, "").strip() if key is None else key
    if not key.isprintable():
        raise WrongConfiguration(f"the key in {choice.api_key_env} has line breaks or the like")
    found = {"Content-Type": "application/json", "Accept": "application/json"}
    return found | ({"Authorization": f"Bearer {key}"} if key else {})


def without_key(said: bytes, sent: dict[str, str]) -> bytes:
    """What a server said, should it repeat the key that it was sent."""
    key = sent.get("Authorization", "").removeprefix("Bearer ").encode()
    return said.replace(key, b"(the key)") if len(key) >= 8 else said


class Endpoint:
    """An address with its health, its limit and what is in flight there."""

    def __init__(
        self, choice: ModelChoice, address: str, pace: Pace, key: str | None = None
    ) -> None:
        """Nothing is sent yet; it is down until a first look succeeds."""
        self.address = address.rstrip("/")
        self.up = False
        self.wrong: str | None = None  # why it will never serve this recipe
        self.last = ""  # what went wrong last
        self.in_flight = 0
        self.limit = Limit(pace.concurrency, time.monotonic(), adapt=pace.adapt)
        self.latency = 1.0  # seconds of a reply, smoothed
        self._choice = choice
        self._headers = headers(choice, key)
        self._paused_until = 0.0
        self._pause = 0.0
        self._broken = 0
        self._failed = 0  # tries without a reply since the last reply

    def room(self, now: float) -> int:
        """How many more requests it may be given now."""
        if not self.up or now < self._paused_until:
            return 0
        return (1 if self._failed >= _FAILED_MEANS_SICK else self.limit.value) - self.in_flight

    def failed(self, now: float) -> None:
        """A try got no reply; who fails at every try would else always have most room."""
        self._failed += 1
        if self._failed >= _FAILED_MEANS_SICK and now >= self._paused_until:
            self._pause = min(max(2 * self._pause, _PAUSE[0]), _PAUSE[1])
            self._paused_until = now + self._pause

    @property
    def paused_until(self) -> float:
        """When it may be asked again; in the past if it may now."""
        return self._paused_until

    async def look(self, http: aiohttp.ClientSession) -> None:
        """Ask whether it is there and serves the model, until it does."""
        wait, most = _RETRY_PROBE
        while not self.up and self.wrong is None:
            try:
                await self._look_once(http)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self.last = _said(error)
            if not self.up and self.wrong is None:
                await asyncio.sleep(wait)
                wait = min(wait * 1.5, most)

    async def _look_once(self, http: aiohttp.ClientSession) -> None:
        timeout = aiohttp.ClientTimeout(total=30)
        async with http.get(
            f"{self.address}/models", headers=self._headers, timeout=timeout, allow_redirects=False
        ) as reply:
            data = without_key(await reply.read(), self._headers)
        if reply.status in (429, 503):
            self.last = f"HTTP {reply.status} from /models"
            return
        if reply.status in (401, 403):
            self.wrong = from_status(reply.status, data, None, 0.0).detail + self._about_key()
            return
        names = _names(data) if reply.status == 200 else []
        if names and self._choice.name not in names:
            shown = ", ".join(names[:5])
            self.wrong = f"it serves {shown}; the recipe asks for {self._choice.name}"
            return
        self.up, self._broken = True, 0

    def _about_key(self) -> str:
        name = self._choice.api_key_env
        have = "the key in it is refused" if os.environ.get(name) else "it is not set"
        return f" (keys come from the environment variable {name}: {have})"

    async def attempt(
        self, http: aiohttp.ClientSession, body: bytes, tries: int
    ) -> Completion | Trouble:
        """One try; whatever goes wrong is sorted into a ``Trouble``."""
        began = time.monotonic()
        try:
            async with http.post(
                f"{self.address}/chat/completions",
                data=body,
                headers=self._headers,
                allow_redirects=False,  # to where nobody has said that documents may go
            ) as reply:
                data = await reply.read()
                status = reply.status
        except (aiohttp.ClientError, OSError) as error:
            return self._connection(error)
        now = time.monotonic()
        self._broken = 0
        if status != 200:
            data, after = without_key(data, self._headers), reply.headers.get("Retry-After")
            trouble = from_status(status, data, after, time.time())
            return self._refused(trouble, now)
        try:
            done = parse(data, self._choice.name, round((now - began) * 1e3, 1), tries)
        except NotACompletion as error:
            return Trouble("bad_response", str(error), blames_request=True)
        self.latency += 0.1 * (now - began - self.latency)
        self._failed, self._pause = 0, 0.0
        return done

    def timed_out(self, seconds: float) -> Trouble:
        """A reply did not come; an endpoint that answers nothing any more is looked at again."""
        self._broken += 1
        self.last = f"no reply within {seconds:g} s"
        if self._broken >= max(_BROKEN_MEANS_DOWN, self.in_flight):
            self.up = False
        return Trouble("timeout", self.last, blames_request=True)

    def _connection(self, error: Exception) -> Trouble:
        self._broken += 1
        self.last = _said(error)
        refused = isinstance(error, aiohttp.ClientConnectorError)
        if self._broken >= (_REFUSED_MEANS_DOWN if refused else _BROKEN_MEANS_DOWN):
            self.up = False
        # Who closes a connection that was made may do so because of the request.
        return Trouble("connection", self.last, blames_request=not refused)

    def _refused(self, trouble: Trouble, now: float) -> Trouble:
        self.last = trouble.detail
        if trouble.overload:
            self.limit.overloaded(now, self.latency)
            if trouble.retry_after is not None:  # asked of all, not of this request alone
                self._paused_until = max(self._paused_until, now + trouble.retry_after)
        if trouble.wrong:
            self.wrong = trouble.detail
            self.wrong += self._about_key() if trouble.kind in ("http_401", "http_403") else ""
            self.up = False
        return trouble


def _names(data: bytes) -> list[str]:
    try:
        return [str(model["id"]) for model in orjson.loads(data)["data"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return []


def _said(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def raise_if_all_wrong(endpoints: list[Endpoint]) -> None:
    """Raise where no endpoint can ever serve the recipe."""
    if all(endpoint.wrong for endpoint in endpoints):
        reasons = "; ".join(f"{e.address}: {e.wrong}" for e in endpoints)
        raise WrongConfiguration(f"{reasons}. Mend the recipe's [model] table, then run again")
