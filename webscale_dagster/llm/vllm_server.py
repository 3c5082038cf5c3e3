"""The backend ``vllm``: one kept ``vllm serve`` per host, model and flags.

Runs attach to it and detach; the first one starts it, through a keeper (``keeper.py``) that
outlives the run. Everything about a server lies in one folder per model and flags:

    start.lock   held while a run attaches      clients/<id>  locked by every attached run
    keeper.lock  held by the keeper             wanted.json   the command it runs
    server.json  address and key, once ready    ended.json, log

Reads and writes that folder, below ``WEBSCALE_VLLM_DIR``, the user's runtime folder or ``/tmp``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webscale_dagster.llm.errors import ServerUnavailable
from webscale_dagster.llm.filelock import FileLock, is_free
from webscale_dagster.llm.keeper import write_facts
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.vllm_command import engine_flags, vllm
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import content_hash

if TYPE_CHECKING:
    from webscale_dagster.llm.client import Session

_STARTS_WITHIN = 3600.0  # seconds: weights may have to be downloaded first
_TAIL = 15  # lines of the log in an error


def servers_folder() -> Path:
    """Where kept servers of this user on this host have their folders."""
    chosen = os.environ.get("WEBSCALE_VLLM_DIR")
    if chosen:
        return Path(chosen)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime or tempfile.gettempdir()) / f"webscale-vllm-{os.getuid()}"


class KeptServer:
    """A server that we start where there is none."""

    verifies = True

    def __init__(self, choice: ModelChoice, pace: Pace, say: Callable[[str], None]) -> None:
        """Nothing is started yet; ``say`` hears the server's log."""
        self._choice, self._pace, self._say = choice, pace, say

    def open(self) -> Session:
        """Attach, start the server if need be, wait until it answers."""
        from webscale_dagster.llm.server import ServerSession

        attached = Attachment(self._choice, self._say)
        try:
            facts = attached.wait()
        except BaseException:
            attached.detach()
            raise
        return ServerSession(
            self._choice,
            self._pace,
            [facts["address"]],
            key=facts["key"],
            alive=attached.why_gone,
            on_close=attached.detach,
        )


class Attachment:
    """A run's hold on a kept server: while it lives, the server is not idle."""

    def __init__(self, choice: ModelChoice, say: Callable[[str], None]) -> None:
        """Attach; start the keeper where none lives."""
        command = [vllm(), "serve", choice.name, *engine_flags(choice)]
        base = servers_folder()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if base.stat().st_uid != os.getuid():  # /tmp is everybody's
            raise ServerUnavailable(f"{base} belongs to somebody else; set WEBSCALE_VLLM_DIR")
        self.folder = base / content_hash(*command)[:16]
        (self.folder / "clients").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._client = FileLock(self.folder / "clients" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}")
        starting = FileLock(self.folder / "start.lock")
        starting.take(wait=True)
        try:
            self._client.take(wait=True)  # the keeper may just be looking at it
            while (self.folder / "ended.json").exists() and self._kept():
                time.sleep(0.1)  # the last server is being stopped
            if not self._kept():
                self._start(command, choice.idle_seconds)
        finally:
            starting.free()
        self._stop = threading.Event()
        self._tail = threading.Thread(target=self._stream, args=(say,), daemon=True)
        self._tail.start()

    def _kept(self) -> bool:
        return not is_free(self.folder / "keeper.lock")

    def _start(self, command: list[str], idle_seconds: float) -> None:
        for name in ("server.json", "ended.json"):
            (self.folder / name).unlink(missing_ok=True)
        write_facts(self.folder / "wanted.json", {"command": command, "idle_seconds": idle_seconds})
        with (self.folder / "log").open("wb") as log:  # begun anew with every server
            subprocess.run(
                [sys.executable, "-m", "webscale_dagster.llm.keeper", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )
        deadline = time.monotonic() + 30
        while not self._kept() and time.monotonic() < deadline:
            if (self.folder / "ended.json").exists():
                return
            time.sleep(0.05)

    def wait(self) -> dict[str, Any]:
        """Address and key, as soon as the server answers."""
        deadline = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < deadline:
            try:
                found: dict[str, Any] = json.loads((self.folder / "server.json").read_bytes())
                return found
            except FileNotFoundError:
                pass
            gone = self.why_gone()
            if gone:
                raise ServerUnavailable(gone)
            time.sleep(0.1)
        raise ServerUnavailable(f"vllm serve did not answer within {_STARTS_WITHIN:.0f} s")

    def why_gone(self) -> str | None:
        """Why the server is no more; None while its keeper lives."""
        ended = self.folder / "ended.json"
        if not ended.exists() and self._kept():
            return None
        code = json.loads(ended.read_bytes())["code"] if ended.exists() else "unknown"
        lines = (self.folder / "log").read_text("utf-8", "replace").splitlines()[-_TAIL:]
        said = "\n  ".join(lines)
        return f"vllm serve ended with code {code}; run again to start it anew. It said:\n  {said}"

    def detach(self) -> None:
        """Let go; the server goes on until it was idle for long enough."""
        self._stop.set()
        self._tail.join()
        self._client.path.unlink(missing_ok=True)
        self._client.free()

    def _stream(self, say: Callable[[str], None]) -> None:
        """Hand on what the server logs while we are attached."""
        path = self.folder / "log"
        place = path.stat().st_size if (self.folder / "server.json").exists() else 0
        while True:
            ends = self._stop.wait(0.5)
            with path.open("rb") as log:
                log.seek(place if place <= path.stat().st_size else 0)
                for line in log:
                    if line.strip():
                        say(f"vllm: {line.decode('utf-8', 'replace').rstrip()}")
                place = log.tell()
            if ends:
                return
