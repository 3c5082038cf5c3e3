"""A loopback OpenAI-compatible server for ``llm_client.py``, and what its client programs share.

Answers every ``POST`` after 50 ms with one fixed chat completion whose content (about 1.1 KB) is a
JSON object of ``SCHEMA``. The reply is built once and requests are only framed, never parsed, so
that the server costs far less than any client. ``GET /stats`` tells the requests answered, the most
in flight at once and the server's CPU seconds, and starts the counts anew. Reads and writes no
files. Prints ``{"url": ...}`` once it listens.

    python benchmarks/llm_client_server.py --port 8000

``run_client`` is the body of every client program. It needs the standard library alone, since each
program runs in an environment of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, cast

REPLY: dict[str, Any] = {
    "reason": (
        "The paragraph states the quantity with its unit and date, so one value answers. " * 13
    ),
    "correct": True,
    "self_contained": True,
    "leaks": False,
    "unique": True,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        key: {"type": "string" if isinstance(value, str) else "boolean"}
        for key, value in REPLY.items()
    },
    "required": list(REPLY),
    "additionalProperties": False,
}
RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
}
MODEL = "bench"
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-0123456789abcdef",
    "object": "chat.completion",
    "created": 1700000000,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": json.dumps(REPLY)},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 250, "total_tokens": 1250},
}
PARAGRAPH = (
    "In the winter of 1911 the harbour office counted 1,284 vessels, most of them coasters.\n"
    'The clerk wrote "fair weather" on nineteen days; the dredger lay idle for six of these. '
)


class Prompts(Sequence[str]):
    """Different prompts of ``size`` bytes, each made when asked for so that they cost no memory."""

    def __init__(self, numbers: range, size: int) -> None:
        self.numbers, self.size = numbers, size
        self.text = PARAGRAPH * (size // len(PARAGRAPH) + 1)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        return f"{self.numbers[index]:08d} {self.text}"[: self.size]


Answer = Callable[[Sequence[str]], tuple[int, int]]  # prompts -> (answered, valid)


def cpu_seconds() -> float:
    """User and system seconds of this process, its threads and the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def run_client(open_client: Callable[[str, int, list[str]], Answer]) -> None:
    """Warm a client up with one wave of requests, then time it on the rest and print one line.

    ``open_client`` takes the URL, the concurrency and the program's own arguments. The wave pays
    for lazy imports and opened connections; imports and interpreter do not count either.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--prompt-bytes", type=int, default=4300)
    options, others = parser.parse_known_args()
    answer = open_client(options.url, options.concurrency, others)
    first, last = options.concurrency, options.concurrency + options.requests
    answer(Prompts(range(first), options.prompt_bytes))
    prompts = Prompts(range(first, last), options.prompt_bytes)
    cpu, clock = cpu_seconds(), time.perf_counter()
    answered, valid = answer(prompts)
    line: dict[str, float] = {"answered": answered, "valid": valid}
    line |= {"cpu_s": cpu_seconds() - cpu, "wall_s": time.perf_counter() - clock}
    print("\n" + json.dumps(line), flush=True)


def framed(body: bytes, status: str = "200 OK") -> bytes:
    """An HTTP response."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def chunked_end(buffer: bytes, start: int) -> int:
    """Where a chunked body that begins at ``start`` ends; 0 while it is incomplete."""
    while (line := buffer.find(b"\r\n", start)) >= 0:
        size = int(buffer[start:line].partition(b";")[0], 16)
        start = line + 2 + size + 2
        if size == 0:
            return start if start <= len(buffer) else 0
    return 0


def request_end(buffer: bytes) -> int:
    """Where the first request of the buffer ends; 0 while it is incomplete."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    head = buffer[:head_end].lower()
    if b"transfer-encoding: chunked" in head:
        return chunked_end(buffer, head_end + 4)
    _, _, length = head.partition(b"content-length:")
    end = head_end + 4 + int(length.partition(b"\r\n")[0] or 0)
    return end if len(buffer) >= end else 0


class Counts:
    """What the server has done since the last ``GET /stats``."""

    def __init__(self) -> None:
        self.served = self.in_flight = self.peak = 0
        self.cpu = time.process_time()

    def take(self) -> bytes:
        """The counts as JSON; they start anew, requests in flight stay."""
        cpu = time.process_time()
        counts = {"served": self.served, "peak": self.peak, "cpu_s": cpu - self.cpu}
        self.served, self.peak, self.cpu = 0, self.in_flight, cpu
        return json.dumps(counts).encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    reply = framed(json.dumps(COMPLETION).encode())

    def __init__(self, counts: Counts, latency: float) -> None:
        self.counts, self.latency = counts, latency
        self.loop = asyncio.get_running_loop()
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take every complete request off the buffer."""
        self.buffer += data
        while end := request_end(self.buffer):
            request, self.buffer = self.buffer[:end], self.buffer[end:]
            if request.startswith(b"POST "):
                self.counts.in_flight += 1
                self.counts.peak = max(self.counts.peak, self.counts.in_flight)
                self.loop.call_later(self.latency, self.complete)
            elif request.startswith(b"GET /stats "):
                self.transport.write(framed(self.counts.take()))
            else:
                self.transport.write(framed(b"{}", "404 Not Found"))

    def complete(self) -> None:
        """Send the completion, unless the client has gone."""
        self.counts.in_flight -= 1
        if not self.transport.is_closing():
            self.counts.served += 1
            self.transport.write(self.reply)


async def serve(port: int, latency: float) -> None:
    """Serve until the process ends."""
    counts, loop = Counts(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(counts, latency), "127.0.0.1", port, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}/v1"}), flush=True)
    await server.serve_forever()


def main(arguments: list[str]) -> None:
    """Listen on a port, any free one by default."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    options = parser.parse_args(arguments)
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):
        new_event_loop = import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(options.port, options.latency))


if __name__ == "__main__":
    main(sys.argv[1:])
