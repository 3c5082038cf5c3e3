"""A small HTTP server in a thread, that answers as a function says and notes what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    """What to send; ``close``: nothing, and end the connection."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False


def models(*names: str) -> Answer:
    """What ``/v1/models`` says."""
    return Answer({"object": "list", "data": [{"id": name} for name in names]})


def completion(content: str = '{"value": 1}', tokens_in: int = 3, tokens_out: int = 1) -> Answer:
    """A chat completion."""
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return Answer({"choices": [choice], "usage": usage})


class Serving:
    """The server, while the context lasts; ``url`` ends in /v1."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        self.answer = answer

    def __enter__(self) -> Serving:
        serving = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = orjson.loads(raw) if raw else None
                asked = Asked(self.command, self.path, dict(self.headers.items()), body)
                serving.asked.append(asked)
                answer = serving.answer(asked)
                if answer.close:
                    self.close_connection = True
                    return
                is_raw = isinstance(answer.body, bytes)
                data = answer.body if is_raw else orjson.dumps(answer.body)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = handle_one  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that go away are no error."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def of(self, path: str) -> list[Asked]:
        """What was asked of this path."""
        return [asked for asked in self.asked if asked.path == path]
