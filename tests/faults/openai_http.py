"""HTTP/1.1 of the test server: reads requests from a connection, writes and breaks off replies.

Written on ``asyncio.Protocol`` because the benchmarks need a server that is faster than the client.
Knows nothing of what is asked; the application gets each request and the connection to reply on.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

JSON = "application/json"
HTML = "text/html; charset=utf-8"
SMALL = 1 << 16  # bytes that the socket of a client which waits for a reply takes at once
LINES = {int(s): f"HTTP/1.1 {int(s)} {s.phrase}\r\nContent-Type: " for s in HTTPStatus}


class Head(NamedTuple):
    """What stands before a request's body; ``low`` is all of it in small letters."""

    low: bytes
    method: str
    path: str
    query: str
    length: int
    chunked: bool
    last: bool  # the client wants the connection closed after the reply

    authorization: str
    kind: str


class Request(NamedTuple):
    """One request."""

    head: Head
    body: bytes


@lru_cache(maxsize=4096)  # a client's heads are much alike
def _head(raw: bytes) -> Head:
    low = raw.lower()

    def header(name: bytes) -> str:
        at = low.find(b"\r\n%s:" % name)
        end = raw.find(b"\r", at + 2)
        return raw[at + len(name) + 3 : end].decode("latin-1").strip() if at >= 0 else ""

    method, target, _ = raw[: raw.find(b"\r\n")].decode("latin-1").split(" ", 2)
    path, _, query = target.partition("?")
    return Head(
        low=low,
        method=method,
        path=path,
        query=query,
        length=int(header(b"content-length") or 0),
        chunked=header(b"transfer-encoding").lower() == "chunked",
        last=header(b"connection").lower() == "close",
        authorization=header(b"authorization"),
        kind=header(b"content-type"),
    )


class Application(Protocol):
    """What a connection needs of the server behind it."""

    def handle(self, connection: Connection, request: Request) -> None: ...

    def answered(self, key: str) -> None: ...

    def left(self, connection: Connection) -> None: ...

    def status(self, connection: Connection, status: int) -> None: ...


class Connection(asyncio.Protocol):
    """One connection: one request at a time, the next one waits in the buffer."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.transport: Any = None
        self.buffer: bytes | bytearray = b""
        self.need = 0  # bytes the buffer must hold before parsing can go on
        self.busy = False
        self.counted = False  # the application's: has asked for something before
        self.control = False  # the application's: this request is not the client's
        self.chatting = False  # the application's: a completion is in flight
        self.last = False  # the client wants the connection closed after this reply
        self.continued = False
        self.paused = False
        self.unsent: str | None = None  # key of a reply that the socket has not taken yet

    # Events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.set_write_buffer_limits(high=0)  # pause_writing tells what is unsent

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.application.left(self)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.unsent is not None:
            key, self.unsent = self.unsent, None
            self._done(key)

    def data_received(self, data: bytes) -> None:
        if not self.buffer:
            self.buffer = data  # the usual case, which copies nothing
        elif isinstance(self.buffer, bytearray):
            self.buffer += data
        else:
            self.buffer = bytearray(self.buffer) + data
        if not self.busy and len(self.buffer) >= self.need:
            self._read()

    # Requests

    def _read(self) -> None:
        while self.buffer and not self.busy and self.transport is not None:
            request = self._parse()
            if request is None:
                return
            self.busy = True
            self.application.handle(self, request)

    def _parse(self) -> Request | None:
        """Take the next request from the buffer; none while it is incomplete."""
        end = self.buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return None
        head = _head(bytes(self.buffer[:end]))
        total = end + head.length
        if len(self.buffer) < total or (head.chunked and not self.buffer.endswith(b"0\r\n\r\n")):
            self.need = total
            self._go_on(head)
            return None
        body = bytes(self.buffer[end:total])
        if head.chunked:
            body, total = _unchunked(bytes(self.buffer[end:])), len(self.buffer)
        self.buffer = self.buffer[total:]
        self.need, self.continued, self.last = 0, False, head.last
        return Request(head, body)

    def _go_on(self, head: Head) -> None:
        if not self.continued and b"\r\nexpect: 100-continue" in head.low:
            self.continued = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # Replies

    def send(
        self, status: int, body: bytes, kind: str = JSON, extra: str = "", key: str = ""
    ) -> None:
        """Write a whole reply; ``key`` is reported as answered once the socket has taken it all.

        A reply that the socket takes at once is reported just before, so that no kill can come
        between the client's reply and the server's note of it.
        """
        if self.transport is None:
            return
        if key and len(body) <= SMALL:
            self.application.answered(key)
            key = ""
        self.transport.write(self._head(status, len(body), kind, extra) + body)
        if self.paused:
            self.unsent = key
        else:
            self._done(key)

    def _head(self, status: int, length: int, kind: str = JSON, extra: str = "") -> bytes:
        self.application.status(self, status)
        close = "Connection: close\r\n" if self.last else ""
        line = LINES[status]
        return f"{line}{kind}\r\nContent-Length: {length}\r\n{extra}{close}\r\n".encode("latin-1")

    def _done(self, key: str) -> None:
        if key:
            self.application.answered(key)
        self.application.left(self)
        self.busy = False
        if self.transport is None:
            return
        if self.last:
            self.transport.close()
        elif self.buffer:
            asyncio.get_running_loop().call_soon(self._read)

    def close(self) -> None:
        """End the connection without a reply."""
        if self.transport is not None:
            self.transport.close()

    def reset(self, body: bytes) -> None:
        """Headers, half of the body, then a TCP reset."""
        if self.transport is None:
            return
        self.transport.write(self._head(200, len(body)) + body[: len(body) // 2])
        # The transport's own socket object takes no options under uvloop.
        with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def trickle(self, body: bytes, interval: float, key: str) -> None:
        """Headers at once, then one byte of the body every ``interval`` seconds."""
        if self.transport is not None:
            self.transport.write(self._head(200, len(body)))
            self._drip(body, 0, interval, key)

    def _drip(self, body: bytes, at: int, interval: float, key: str) -> None:
        if self.transport is None:
            return
        self.transport.write(body[at : at + 1])
        if at + 1 >= len(body):
            self._done(key)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(interval, self._drip, body, at + 1, interval, key)


def _unchunked(raw: bytes) -> bytes:
    """The body that chunks spell."""
    parts, at = [], 0
    while True:
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end].partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(raw[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
