"""The test server's behaviour: follows a script, injects faults and counts requests.

Makes the reply to every request from the script and the request alone; appends one line for each
request that is asked or answered to the log, where there is one, and reads nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.faults.openai_batches import Batches
from tests.faults.openai_http import HTML, JSON, Connection, Request
from tests.faults.openai_replies import (
    BODY_FAULTS,
    UnsupportedSchema,
    canonical,
    completion,
    content_of,
    drawn,
    error,
    message_texts,
    pieces,
    spoil_content,
    status_error,
)
from tests.faults.openai_script import STATUS_FAULTS, Script, Slots, retry_after

CHAT = "/v1/chat/completions"
CONTEXT = 40960


class Asked(NamedTuple):
    """A request for a completion that the server takes on."""

    connection: Connection
    key: str
    body: dict[str, Any]
    texts: list[str]


class App:
    """The server behind all connections."""

    def __init__(self, script: Script, log: Path | None = None) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self.log_file = os.open(log, flags, 0o644) if log else None
        self.batches = Batches(self.log)
        self.in_flight = 0
        self.reset()
        self.set_script(script)
        self.routes: dict[tuple[str, str], Callable[[Connection, Request], None]] = {
            ("GET", "/v1/models"): self._models,
            ("GET", "/health"): lambda connection, request: connection.send(200, b""),
            ("POST", "/tokenize"): self._tokenize,
            ("POST", "/v1/files"): self._upload,
            ("POST", "/v1/batches"): self._create_batch,
            ("GET", "/_counts"): self._counts,
            ("POST", "/_script"): self._script,
            ("POST", "/_reset"): self._reset,
        }

    def set_script(self, script: Script) -> None:
        """Follow this script from now on: its faults start anew, the counts go on."""
        self.slots = Slots(**script.capacity) if script.capacity else None
        self.batches.set_script(script.batch, script.replies)
        self.script = script
        self.uses: Counter[tuple[str, int]] = Counter()
        self.to_fail = script.fail_first

    def reset(self) -> None:
        """Set all counts to zero."""
        self.asked: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.by_fault: Counter[str] = Counter()
        self.authorization: set[str] = set()
        self.again = self.connections = 0
        self.max_in_flight = self.in_flight
        self.uses = Counter()
        self.batches.reset()

    def log(self, event: str, key: str, custom_id: str | None = None) -> None:
        if self.log_file is not None:
            line = {"event": event, "key": key, "at": time.time()}
            line |= {"custom_id": custom_id} if custom_id is not None else {}
            os.write(self.log_file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    # What connections report

    def answered(self, key: str) -> None:
        self.answers[key] = self.answers.get(key, 0) + 1
        self.log("answered", key)

    def left(self, connection: Connection) -> None:
        if connection.chatting:
            connection.chatting = False
            self.in_flight -= 1

    def status(self, connection: Connection, status: int) -> None:
        if not connection.control:
            self.by_status[status] += 1

    def handle(self, connection: Connection, request: Request) -> None:
        try:
            method, path = request.head.method, request.head.path
            connection.control = path.startswith("/_")
            if not connection.control:
                self._seen(connection, request)
            if path == CHAT and method == "POST":
                self._chat(connection, request)
            elif self._allowed(connection, request):
                self.routes.get((method, path), self._by_name)(connection, request)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            connection.send(500, status_error(500))

    def _seen(self, connection: Connection, request: Request) -> None:
        if not connection.counted:
            connection.counted = True
            self.connections += 1
        if request.head.authorization:
            self.authorization.add(request.head.authorization)

    def _allowed(self, connection: Connection, request: Request) -> bool:
        """Whether the request has the key that it needs; answers it otherwise."""
        key = self.script.api_key
        if key is None or not request.head.path.startswith("/v1/"):
            return True
        if request.head.authorization == f"Bearer {key}":
            return True
        text = "Incorrect API key provided."
        connection.send(401, error(text, "invalid_request_error", "invalid_api_key"))
        return False

    # Completions

    def _chat(self, connection: Connection, request: Request) -> None:
        try:
            body = orjson.loads(request.body)
            raw, key = canonical(body)
            texts = message_texts(body)
        except (ValueError, AttributeError, TypeError) as failed:
            text = f"The body is not a request: {failed!r}"
            return connection.send(400, error(text, "invalid_request_error", None))
        self.asked[key] = self.asked.get(key, 0) + 1  # a Counter is slow with what it misses
        self.again += key in self.answers
        self.log("asked", key)
        connection.chatting = True
        self.in_flight += 1
        if self.in_flight > self.max_in_flight:
            self.max_in_flight = self.in_flight
        if self._allowed(connection, request) and self._able(connection, body, texts):
            fault = self._fault(key, raw)
            if fault is None or not self._fails(connection, fault):
                self._serve(Asked(connection, key, body, texts), fault or {"fault": ""})

    def _able(self, connection: Connection, body: dict[str, Any], texts: list[str]) -> bool:
        """Whether the server can take this request now; answers it otherwise."""
        script = self.script
        limit, prompt = script.max_prompt_chars, sum(map(len, texts))
        if self.to_fail > 0:
            self.to_fail -= 1
            self.by_fault["fail_first"] += 1
            connection.send(503, status_error(503))
        elif script.overload and self.in_flight > script.overload["in_flight"]:
            self.by_fault["overload"] += 1
            status = script.overload.get("status", 503)
            connection.send(status, status_error(status), extra=retry_after(script.overload))
        elif script.models is not None and body.get("model") not in script.models:
            text = f"The model `{body.get('model')}` does not exist."
            connection.send(404, error(text, "NotFoundError", 404, "model"))
        elif limit is not None and prompt > limit:
            text = (
                f"This model's maximum context length is {limit // 4} tokens. "
                f"However, you requested {prompt // 4} tokens in the messages. Please reduce the "
                "length of the messages or completion."
            )
            connection.send(400, error(text, "BadRequestError", 400))
        else:
            return True
        return False

    def _fault(self, key: str, raw: bytes) -> dict[str, Any] | None:
        """The fault that this request meets, if any: each in its turn, as often as it says."""
        for index, fault in enumerate(self.script.faults):
            name, times = fault["fault"], fault.get("times", 1)
            if 0 <= times <= self.uses[key, index]:
                continue
            if (fault.get("match") or "").encode() not in raw:
                continue
            if drawn(fault.get("share", 1), self.script.seed, index, name, key):
                self.uses[key, index] += 1
                self.by_fault[name] += 1
                return fault
        return None

    def _fails(self, connection: Connection, fault: dict[str, Any]) -> bool:
        """Do a fault that no reply has to be made for; says whether it was one."""
        name = fault["fault"]
        if name in STATUS_FAULTS:
            kind = HTML if name == "502" else JSON
            connection.send(int(name), status_error(int(name)), kind, retry_after(fault))
        elif name == "close":
            connection.close()
        return name in STATUS_FAULTS or name in ("close", "hang")

    def _serve(self, asked: Asked, fault: dict[str, Any]) -> None:
        """Reply after the latency and, where the capacity has an end, in turn."""
        slots = self.slots

        def job() -> None:
            if asked.connection.transport is not None:
                self._reply(asked, fault)

        def work() -> None:
            if slots is not None:
                slots.enter(asked.connection, job)
            else:
                job()

        delay = fault.get("ms", 1000) if fault["fault"] == "slow" else 0
        delay += self.script.latency_ms
        if jitter := self.script.latency_jitter_ms:
            nth = f"{asked.key}/{self.asked[asked.key]}"
            delay += jitter * zlib.crc32(nth.encode()) / 2**32
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, work)
        else:
            work()

    def _reply(self, asked: Asked, fault: dict[str, Any]) -> None:
        connection, key, body, texts = asked
        try:
            content = content_of(body, key, self.script.replies)
        except (UnsupportedSchema, KeyError, TypeError, AttributeError) as failed:
            return connection.send(400, error(f"{failed!r}", "BadRequestError", 400))
        reply = completion(body, key, self.asked[key], content, texts)
        name = fault["fault"]
        if name in BODY_FAULTS:
            kind = HTML if name == "html_200" else JSON
            return connection.send(200, BODY_FAULTS[name](reply), kind)
        spoil_content(reply, fault)
        if name == "reset":
            connection.reset(orjson.dumps(reply))
        elif name == "trickle":
            connection.trickle(orjson.dumps(reply), fault.get("interval_ms", 200) / 1000, key)
        else:
            connection.send(200, orjson.dumps(reply), key=key)

    # Everything else

    def _models(self, connection: Connection, request: Request) -> None:
        fields = {"object": "model", "created": 0, "owned_by": "test", "max_model_len": CONTEXT}
        models = [{"id": name, **fields} for name in self.script.models or []]
        connection.send(200, orjson.dumps({"object": "list", "data": models}))

    def _tokenize(self, connection: Connection, request: Request) -> None:
        n = sum(map(pieces, message_texts(orjson.loads(request.body))))
        body = {"count": n, "max_model_len": CONTEXT, "tokens": []}
        connection.send(200, orjson.dumps(body))

    def _upload(self, connection: Connection, request: Request) -> None:
        connection.send(*self.batches.upload(request.head.kind, request.body))

    def _create_batch(self, connection: Connection, request: Request) -> None:
        (status, body), lost = self.batches.create(request.body)
        if lost:
            self.batches.by_fault["submit_lost"] += 1
            connection.reset(body)
        else:
            connection.send(status, body)

    def _by_name(self, connection: Connection, request: Request) -> None:
        """Requests whose path names a file or a batch."""
        match (request.head.method, *request.head.path.split("/")[1:]):
            case "GET", "v1", "files", name:
                connection.send(*self.batches.file(name, content=False))
            case "GET", "v1", "files", name, "content":
                kind = "application/octet-stream"
                connection.send(*self.batches.file(name, content=True), kind)
            case "GET", "v1", "batches":
                connection.send(*self.batches.listed(request.head.query))
            case "GET", "v1", "batches", name:
                connection.send(*self.batches.poll(name))
            case "POST", "v1", "batches", name, "cancel":
                connection.send(*self.batches.cancel(name))
            case _:
                connection.send(404, b'{"detail":"Not Found"}')

    def _counts(self, connection: Connection, request: Request) -> None:
        counts = {
            "asked": self.asked.total(),
            "answered": self.answers.total(),
            "keys": len(self.asked),
            "asked_after_answered": self.again,
            "max_in_flight": self.max_in_flight,
            "in_flight": self.in_flight,
            "by_status": {str(status): n for status, n in sorted(self.by_status.items())},
            "by_fault": self.by_fault,
            "connections_opened": self.connections,
            "authorization": sorted(self.authorization),
            "batch": self.batches.counts(),
            "cpu_seconds": time.process_time(),
        }
        connection.send(200, orjson.dumps(counts))

    def _script(self, connection: Connection, request: Request) -> None:
        try:
            self.set_script(Script(**orjson.loads(request.body)))
        except (ValueError, TypeError) as failed:
            return connection.send(400, error(repr(failed), "invalid_request_error", None))
        connection.send(200, b"{}")

    def _reset(self, connection: Connection, request: Request) -> None:
        self.reset()
        connection.send(200, b"{}")
