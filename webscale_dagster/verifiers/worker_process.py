"""The pool's side of a ``worker``: starts the process, talks to it, ends it.

Starts a process; reads and writes its pipes.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

from webscale_dagster.verifiers.outcome import Outcome
from webscale_dagster.verifiers.worker import LENGTH

_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 1.0


class Hung(Exception):
    """A worker said nothing for too long."""


class Died(Exception):
    """A worker ended; the message says how."""


class NotSent(Exception):
    """Jobs that cannot be pickled."""


class WorkerProcess:
    """A worker, to be used by the thread that makes it, whose end it does not survive."""

    def __init__(self, memory_mb: int, modules: Sequence[str]) -> None:
        command = [sys.executable, "-P", "-m", "webscale_dagster.verifiers.worker"]
        command += [str(os.getpid()), str(memory_mb), *modules]
        # This process's search path, which a trainer may have changed after its start.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        pipe = subprocess.PIPE
        # Unbuffered: what a buffer held would be written once more by a forked process.
        streams: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "bufsize": 0}
        self._process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **streams)
        self._received = bytearray()
        try:
            self._receive(_SECONDS_TO_START)
        except (Hung, Died) as error:
            self._process.kill()
            said = self._stream("stderr").read().decode("utf-8", "replace").strip()
            self.end()
            reason = said.rpartition("\n")[2] or error
            raise RuntimeError(f"a verifier process did not start: {reason}") from error
        self._stream("stderr").close()

    def verify(
        self, jobs: Sequence[tuple[Any, ...]], seconds: float
    ) -> Iterator[Outcome | ValueError]:
        """Outcomes, or what ``verify`` raised, in order.

        Raises ``Hung`` where the next takes longer than so many seconds, and ``Died``; the first
        job without an outcome may be to blame, or one soon after it. Raises ``NotSent``.
        """
        try:
            data = pickle.dumps(jobs, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # PicklingError, TypeError, AttributeError, RecursionError …
            raise NotSent(f"options that cannot be pickled: {error}") from error
        self._send(data)
        left = len(jobs)
        while left:
            found = self._receive(seconds)
            left -= len(found)
            for item in found:
                yield ValueError(item) if isinstance(item, str) else Outcome(*item)

    def end(self) -> None:
        """Let the process end, kill it if it does not."""
        with self._process as process:
            self._stream("stdin").close()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()

    def kill(self) -> None:
        """End the process at once."""
        with self._process as process:
            process.kill()

    def forget(self) -> None:
        """Let go of a process that belongs to the process from which this one was forked."""
        self._process.returncode = 0  # it cannot be waited for here
        for name in ("stdin", "stdout"):
            self._stream(name).close()

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] = getattr(self._process, name)
        return stream

    def _send(self, data: bytes) -> None:
        rest = memoryview(LENGTH.pack(len(data)) + data)
        try:
            while rest:
                rest = rest[self._stream("stdin").write(rest) :]
        except OSError as error:
            raise Died(self._end_of_process()) from error

    def _receive(self, seconds: float) -> list[Any]:
        """The next message; raises ``Hung`` or ``Died``."""
        deadline, received = time.monotonic() + seconds, self._received
        stdout = self._stream("stdout")
        with selectors.DefaultSelector() as waiting:
            waiting.register(stdout, selectors.EVENT_READ)
            while len(received) < (end := self._end_of_message()):
                if not waiting.select(max(0.0, deadline - time.monotonic())):
                    raise Hung(f"no end after {seconds:g} s")
                piece = os.read(stdout.fileno(), 1 << 16)
                if not piece:
                    raise Died(self._end_of_process())
                received += piece
        message: list[Any] = json.loads(received[LENGTH.size : end])
        del received[:end]
        return message

    def _end_of_message(self) -> int:
        if len(self._received) < LENGTH.size:
            return LENGTH.size
        return LENGTH.size + int(LENGTH.unpack_from(self._received)[0])

    def _end_of_process(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        code = self._process.returncode
        if code is not None and code < 0:
            return f"the verifier's process was ended by {signal.Signals(-code).name}"
        return f"the verifier's process ended with code {code}"
