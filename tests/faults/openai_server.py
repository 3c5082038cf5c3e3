"""A real HTTP server that speaks OpenAI's protocol, with faults on order: the client's opponent.

``python -m tests.faults.openai_server --port 0 --script script.json [--log log.jsonl]`` listens on
loopback, writes ``{"url": "http://127.0.0.1:PORT/v1", "pid": ...}`` to its output and appends to
the log, which outlives a kill. It reads the script and nothing else. Tests use it like this::

    with OpenAIServer({"faults": [{"fault": "429", "share": 0.1, "retry_after": "0.2"}]}) as server:
        run_client(server.url)
        assert server.counts()["asked_after_answered"] == 0

The script's fields, all optional:

* ``latency_ms``, ``latency_jitter_ms``: wait before each completion (refusals come at once);
* ``capacity``: ``{"slots", "service_ms"}``, the other requests queue;
* ``overload``: ``{"in_flight", "status", "retry_after"}``, that status at once when more are in
  flight;
* ``faults``: a list of ``{"fault", "share": 1, "times": 1, "match", ...}``. A hash decides for each
  key (a request's canonical body) whether a fault hits it; then it happens on the first ``times``
  requests (-1: on all) that come this far. A key that several faults hit meets one after the other.
  Options: ``retry_after`` of a status (seconds, "http-date"), ``interval_ms`` of trickle, ``ms`` of
  slow, ``content`` of empty_text;
* ``api_key``, ``models`` (null: any), ``max_prompt_chars``, ``fail_first``: reasons to refuse;
* ``replies``: ``{"mode": "schema"}``, ``{"mode": "fixed", "content"}`` or ``{"mode": "padded",
  "bytes"}``;
* ``batch``: ``seconds``, the shares ``failed``, ``expired``, ``missing``, ``duplicate``,
  ``bad_line`` or any fault of the content, ``times``, ``shuffle``, ``end_status``, ``poll_500``,
  ``submit_lost``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import gc
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Below the ports that the kernel gives to clients: a client that keeps connecting to a killed
# server's port could otherwise get that very port as its own, and talk to itself.
PORTS = range(20000, 32000)


class OpenAIServer:
    """The server as a process of its own, which ends with the context."""

    def __init__(self, script: dict[str, Any] | None = None, *, log: Path | None = None) -> None:
        self.url = ""
        self.log = log
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._script = script or {}

    def __enter__(self) -> OpenAIServer:
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop(signal.SIGTERM)

    @property
    def pid(self) -> int:
        """The process's id, 0 while it does not run."""
        return self._process.pid if self._process else 0

    def counts(self) -> dict[str, Any]:
        """What the server has counted since it started or was last reset."""
        counts: dict[str, Any] = self._call("GET", "/_counts")
        return counts

    def reset_counts(self) -> None:
        """Set all counts to zero; faults start anew, files and batches stay."""
        self._call("POST", "/_reset")

    def script(self, new: dict[str, Any]) -> None:
        """Replace the script at once, also for starts to come."""
        self._script = new
        self._call("POST", "/_script", new)

    def kill(self) -> None:
        """End the process as ``kill -9`` does."""
        self._stop(signal.SIGKILL)

    def restart(self) -> None:
        """Run again on the same port, with all counts at zero."""
        self._stop(signal.SIGKILL)
        self._start()

    def logged(self) -> dict[str, Any]:
        """The counts of the log, over all kills: of completions, and of batch lines by custom_id.

        A list of ``(key, at)`` for each request that came after its answer is among them. The line
        of an answer comes right before the answer, so the log has every reply that arrived; a kill
        between the two leaves the line of one that did not.
        """
        total = {"asked": Counter[str](), "answered": Counter[str]()}
        batch = {"asked": Counter[str](), "answered": Counter[str]()}
        again: list[tuple[str, float]] = []
        text = self.log.read_text() if self.log and self.log.exists() else ""
        for line in map(json.loads, text.splitlines()):
            found, key = (batch, line["custom_id"]) if "custom_id" in line else (total, line["key"])
            if line["event"] == "asked" and found["answered"][key]:
                again.append((key, line["at"]))
            found[line["event"]][key] += 1
        return {**total, "batch": batch, "again": again, "asked_after_answered": len(again)}

    def _start(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "script.json"
            script.write_text(json.dumps(self._script))
            command = [sys.executable, "-m", "tests.faults.openai_server", "--with-parent"]
            command += ["--port", str(self.port), "--script", str(script)]
            command += ["--log", str(self.log)] if self.log else []
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            self._stop(signal.SIGKILL)
            raise RuntimeError("the test server did not start; its error output says why")
        self.url = json.loads(line)["url"]
        self.port = int(self.url.split(":")[2].split("/")[0])

    def _stop(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(raw.decode())
        return json.loads(raw)


def _listen(port: int) -> socket.socket:
    """A socket that listens on this port, or on a free one that no client can be given."""
    deadline = time.monotonic() + 5
    while True:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port or random.choice(PORTS)))
            listening.listen(1024)
            return listening
        except OSError as failed:
            listening.close()
            if failed.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
            time.sleep(0.05 if port else 0)


async def _serve(script: dict[str, Any], port: int, log: Path | None, with_parent: bool) -> None:
    from tests.faults.openai_app import App
    from tests.faults.openai_http import Connection
    from tests.faults.openai_script import Script

    app = App(Script(**script), log)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    if with_parent:  # the pipe ends when the parent does, however that ends
        loop.add_reader(0, ended.set)
    listening = _listen(port)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    await loop.create_server(lambda: Connection(app), sock=listening)
    print(json.dumps({"url": url, "pid": os.getpid()}), flush=True)
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    await ended.wait()
    os._exit(0)  # connections that hang are no reason to stay


def main() -> None:
    """Run the server until it gets a signal."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible test server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin does")
    given = parser.parse_args()
    script = json.loads(given.script.read_text()) if given.script else {}
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(script, given.port, given.log, given.with_parent))


if __name__ == "__main__":
    main()
