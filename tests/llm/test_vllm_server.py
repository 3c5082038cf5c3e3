"""The kept server, with a program in vLLM's place: one start, attach and detach, idle, kills.

``tests/services/test_vllm.py`` does the same with the real one.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from webscale_dagster.llm import process_group
from webscale_dagster.llm.errors import ServerUnavailable, WrongConfiguration
from webscale_dagster.llm.process_group import members
from webscale_dagster.llm.vllm_command import engine_flags, vllm
from webscale_dagster.llm.vllm_server import Attachment
from webscale_dagster.models import ModelChoice

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
# Like vLLM: an engine process of its own that ignores SIGTERM, a slow start, /health when ready.
PROGRAM = f"""#!{sys.executable}
import http.server, os, signal, subprocess, sys, time
folder = os.path.dirname(os.path.abspath(__file__))
open(folder + "/starts", "a").write(f"{{os.getpid()}}\\n")
engine = subprocess.Popen([sys.executable, "-c", "import signal, time\\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\ntime.sleep(600)"])
print("loading", sys.argv[2], flush=True)
if "broken" in sys.argv[2]:
    engine.kill()
    sys.exit("ValueError: no such model")
if "stubborn" in sys.argv[2]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(0.3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *args):
        pass
port = int(sys.argv[sys.argv.index("--port") + 1])
if sys.argv[2] != "stubborn":
    signal.signal(signal.SIGTERM, lambda *_: (engine.kill(), os._exit(0)))
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "vllm"
    path.write_text(PROGRAM, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("WEBSCALE_VLLM", str(path))
    monkeypatch.setenv("WEBSCALE_VLLM_DIR", str(tmp_path / "servers"))
    yield tmp_path
    for pid in _starts(tmp_path):
        process_group.end(pid, 0.0)


def _starts(folder: Path) -> list[int]:
    path = folder / "starts"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _choice(name: str = "tiny", idle: float = 60.0) -> ModelChoice:
    return ModelChoice(backend="vllm", name=name, idle_seconds=idle)


def _until(condition: Callable[[], bool], seconds: float = 20.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "not in time"
        time.sleep(0.05)
    return time.monotonic() - began


def _quiet(line: str) -> None:
    del line


RUN = """
import sys, time
from webscale_dagster.llm.vllm_server import Attachment
from webscale_dagster.models import ModelChoice
choice = ModelChoice(backend="vllm", name=sys.argv[1], idle_seconds=float(sys.argv[2]))
attached = Attachment(choice, lambda line: None)
print(attached.wait()["pid"], flush=True)
time.sleep(float(sys.argv[3]))
attached.detach()
"""


def _run(name: str, idle: float, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, name, str(idle), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_runs_one_after_the_other_and_at_once_share_one_start(program: Path) -> None:
    pids = set()
    for _ in range(2):
        attached = Attachment(_choice(), _quiet)
        pids.add(attached.wait()["pid"])
        attached.detach()
    runs = [_run("tiny", 60.0, 0.2) for _ in range(3)]
    for run in runs:
        with run:
            assert run.stdout is not None
            pids.add(int(run.stdout.readline()))
    assert len(pids) == 1
    assert _starts(program) == list(pids)


def test_other_flags_have_a_server_of_their_own(program: Path) -> None:
    one = Attachment(_choice(), _quiet)
    other = Attachment(_choice().model_copy(update={"flags": ("--dtype", "half")}), _quiet)
    try:
        assert one.wait()["pid"] != other.wait()["pid"]
        assert len(_starts(program)) == 2
    finally:
        one.detach()
        other.detach()


def test_an_idle_server_stops_and_the_next_run_starts_another(program: Path) -> None:
    first = Attachment(_choice(idle=0.5), _quiet)
    pid = first.wait()["pid"]
    time.sleep(1.5)
    assert members(pid), "a server with a run attached is not idle"
    first.detach()
    assert _until(lambda: not members(pid)) < 20
    again = Attachment(_choice(idle=0.5), _quiet)
    assert again.wait()["pid"] != pid
    again.detach()
    assert len(_starts(program)) == 2


def test_a_run_that_attaches_while_the_server_stops_gets_a_new_one(program: Path) -> None:
    for _ in range(4):  # the moment of the stop is hit now and then
        attached = Attachment(_choice(idle=0.3), _quiet)
        assert members(attached.wait()["pid"])
        attached.detach()
        time.sleep(0.45)


def test_a_killed_run_leaves_no_server_behind(program: Path) -> None:
    with _run("tiny", 1.0, 60.0) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        run.kill()
    assert members(pid)
    _until(lambda: not members(pid))
    (folder,) = (program / "servers").iterdir()
    assert not (folder / "server.json").exists()


@pytest.mark.parametrize("name", ["tiny", "stubborn"])
def test_a_killed_keeper_takes_all_processes_with_it(
    program: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = Attachment(_choice(name), _quiet)
    pid = attached.wait()["pid"]
    assert len(members(pid)) == 2
    os.kill(int(_parent(pid)), signal.SIGKILL)
    assert _until(lambda: not members(pid), 25) < 25
    said = attached.why_gone()
    assert said is not None and "run again" in said
    attached.detach()


def _parent(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]


def test_a_server_that_cannot_start_is_one_clear_error(program: Path) -> None:
    lines: list[str] = []
    attached = Attachment(_choice("broken"), lines.append)
    with pytest.raises(ServerUnavailable, match=r"ended with code 1.*no such model"):
        try:
            attached.wait()
        except ServerUnavailable as error:
            raise ServerUnavailable(str(error).replace("\n", " ")) from None
    attached.detach()
    assert "vllm: loading broken" in lines
    with pytest.raises(ServerUnavailable):  # the next run tries anew, and says so again
        Attachment(_choice("broken"), _quiet).wait()
    assert len(_starts(program)) == 2


def test_the_log_is_streamed_and_the_key_is_nobody_elses(program: Path) -> None:
    lines: list[str] = []
    attached = Attachment(_choice(), lines.append)
    facts = attached.wait()
    attached.detach()
    assert "vllm: loading tiny" in lines
    state = attached.folder / "server.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE(attached.folder.parent.stat().st_mode) == 0o700
    assert facts["key"] not in "".join(lines)
    assert facts["key"] not in (attached.folder / "log").read_text()
    assert orjson.loads((attached.folder / "wanted.json").read_bytes())["idle_seconds"] == 60.0


def test_many_threads_attach_at_once(program: Path) -> None:
    found: list[int] = []

    def attach() -> None:
        attached = Attachment(_choice(), _quiet)
        found.append(attached.wait()["pid"])
        attached.detach()

    threads = [threading.Thread(target=attach) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert len(_starts(program)) == 1


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSCALE_VLLM", "/nowhere/vllm")
    with pytest.raises(WrongConfiguration, match=r"/nowhere/vllm: no such program.*WEBSCALE_VLLM"):
        vllm()


def test_the_recipes_flags_win() -> None:
    ours = engine_flags(_choice())
    assert ours[:2] == ["--served-model-name", "tiny"]
    assert "--structured-outputs-config" in ours
    given = _choice().model_copy(update={"flags": ("--structured-outputs-config={}", "-x")})
    assert engine_flags(given) == [
        *("--served-model-name", "tiny", "--enable-prompt-tokens-details"),
        *("--structured-outputs-config={}", "-x"),
    ]
