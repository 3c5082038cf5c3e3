"""Replies that no OpenAI-like server should give: each ends in a clear error, none in a hang."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.asking import ask, make_requests, served
from webscale_dagster.llm.errors import RunEnds
from webscale_dagster.llm.pace import Pace

pytestmark = pytest.mark.service

PACE = Pace(4, give_up_seconds=1, request_seconds=1, max_tries=3)
CANARY = "sk-canary-6f1d2c9b7e"
ECHO = b"{the-key-it-received"  # becomes the key, which is as long
VERDICT = {"pair": 0, "reason": "r", "correct": True, "self_contained": True}
CONTENT = json.dumps({"verdicts": [VERDICT | {"leaks": False, "unique": True}]})
Heard = list[bytes]


def _reply(body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def _completion(**fields: Any) -> bytes:
    choice = {"message": {"content": CONTENT}, "finish_reason": "stop"}
    return _reply(json.dumps({"choices": [choice], **fields}).encode())


@contextmanager
def strange(post: bytes, models: bytes = _reply(b'{"data":[]}')) -> Iterator[tuple[str, Heard]]:
    """A server that says these bytes to whoever asks; its address and what it heard."""
    heard: Heard = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data = b""
            while b"\r\n\r\n" not in data:
                part = self.request.recv(65536)
                if not part:
                    return
                data += part
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int((head.lower().partition(b"content-length: ")[2] or b"0").split(b"\r")[0])
            while len(rest) < length:
                rest += self.request.recv(65536)
            heard.append(head)
            said = models if head.startswith(b"GET") else post
            key = head.partition(b"Bearer ")[2].split(b"\r")[0]
            self.request.sendall(said.replace(ECHO, key))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1", heard
        finally:
            server.shutdown()
            thread.join()


STRANGE = {
    "nothing": b"",
    "garbage": b"\x00\x01\x02 what?\r\n\r\n",
    "ftp": b"220 ready for you\r\n",
    "empty body": _reply(b""),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "null": _reply(b"null"),
    "a list": _reply(b"[1]"),
    "nested": _reply(b"[" * 100_000),
    "bad gzip": _reply(b"no gzip at all", "200 OK", "Content-Encoding: gzip"),
    "torn gzip": _reply(gzip.compress(b"{}" * 999)[:20], "200 OK", "Content-Encoding: gzip"),
    "odd encoding": _reply(b"{}", "200 OK", "Content-Encoding: snappy"),
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "torn chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
    "long header": _reply(b"{}", "200 OK", "X: " + "x" * 100_000),
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "status 999": _reply(b"{}", "999 Odd"),
    "status 600": _reply(b"{}", "600 Odd"),
    "choices of another kind": _reply(b'{"choices": {"0": 1}}'),
    "a message that is a number": _reply(b'{"choices": [{"message": 5}]}'),
    "retry after nothing": _reply(b"{}", "503 Busy", "Retry-After: soon"),
    "retry after nan": _reply(b"{}", "503 Busy", "Retry-After: nan"),
    "retry after an age": _reply(b"{}", "429 Busy", "Retry-After: 99999999999999999999"),
    "retry after the end": _reply(b"{}", "429 Busy", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
    "retry before": _reply(b"{}", "429 Busy", "Retry-After: -5"),
    "a lone surrogate": _reply(b'{"choices": [{"message": {"content": "\\ud800"}}]}'),
    "to itself": _reply(b"", "307 Go", "Location: /v1/chat/completions"),
    "to nowhere": _reply(b"", "302 Go", "Location: http://[bad"),
}


def _wrong_with(folder: Path, post: bytes) -> str | None:
    """What is wrong with how a run against this reply ended."""
    began = time.monotonic()
    with strange(post) as (url, _):
        try:
            asked = ask(folder, served(url), make_requests(6), PACE)
        except RunEnds as error:
            said = str(error)
            clear = url in said and "\n" not in said and len(said) < 1500
            return None if clear and time.monotonic() - began < 20 else said
    return "a strange reply was taken for a completion" if asked.kept else None


def test_strange_replies_end_in_one_clear_error(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:  # a run mostly waits until it gives up
        found = pool.map(lambda name: _wrong_with(tmp_path / name, STRANGE[name]), STRANGE)
        wrong = {name: said for name, said in zip(STRANGE, found, strict=True) if said}
    assert not wrong


@pytest.mark.parametrize("name", ["garbage", "bad gzip", "bad chunk", "null", "nested"])
def test_strange_models_are_no_hang(tmp_path: Path, name: str) -> None:
    began = time.monotonic()
    with strange(_completion(), STRANGE[name]) as (url, _):
        try:
            assert ask(tmp_path, served(url), make_requests(6), PACE).kept == 6
        except RunEnds as error:
            assert url in str(error)
    assert time.monotonic() - began < 20


USAGE: list[Any] = [
    None, "none", [], {"prompt_tokens": "12"}, {"prompt_tokens": [1]}, {"prompt_tokens": -5},
    {"prompt_tokens": 1e308}, {"prompt_tokens_details": 7}, {"prompt_tokens_details": []},
    {"prompt_tokens_details": {"cached_tokens": {}}}, {"completion_tokens": 12.5},
]  # fmt: skip


@pytest.mark.parametrize("usage", USAGE, ids=str)
def test_a_strange_usage_is_no_hang(tmp_path: Path, usage: Any) -> None:
    """The reply is there and was paid for; what it cost may stay unknown."""
    began = time.monotonic()
    with strange(_completion(usage=usage)) as (url, _):
        try:
            asked = ask(tmp_path, served(url), make_requests(6), PACE)
            assert asked.kept == 6 and asked.model.tally.tokens_in >= 0
        except RunEnds as error:
            assert url in str(error)
    assert time.monotonic() - began < 20


def test_the_key_goes_to_no_other_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSCALE_API_KEY", CANARY)
    with strange(_completion()) as (other, heard):
        other = other.replace("127.0.0.1", "localhost")
        moved = _reply(b"", "307 Go", f"Location: {other}/chat/completions")
        with strange(moved) as (url, first):
            with pytest.raises(RunEnds, match="HTTP 307"):
                ask(tmp_path, served(url), make_requests(3), PACE)
            assert any(CANARY.encode() in head for head in first)
    assert not heard, "documents went to a host that nobody named"


@pytest.mark.parametrize("status", ["401 No", "400 No", "500 No", "429 No"])
def test_a_key_that_the_server_repeats_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setenv("WEBSCALE_API_KEY", CANARY)
    body = b'{"error": {"message": "Incorrect API key provided: %s"}}' % ECHO
    with strange(_reply(body, status)) as (url, _), pytest.raises(RunEnds) as failed:
        ask(tmp_path, served(url), make_requests(30), PACE)
    assert "Incorrect API key" in str(failed.value) and CANARY not in str(failed.value)
