r"""Runs Python that nobody trusts: in bubblewrap, without network, files and privileges.

    run("print(6 * 7)").stdout == b"42\n"

What a program sees: a read-only /usr and Python, an empty /tmp of 16 MB, a few devices, its own
processes. Namespaces for users, processes, network, IPC, host name and cgroups; no capabilities, no
environment, no terminal, no /proc; a filter of system calls; limits of memory, CPU, processes,
files and output; a wall limit, after which the whole process tree is killed. Root becomes
``nobody`` before bubblewrap starts, because the kernel does not hold root to those limits.

It shares the kernel with its host: it is no virtual machine. Memory is limited per process, so a
program may take ``memory_mb`` times ``processes``. Needs Linux, bubblewrap 0.8 and user namespaces;
without them it raises ``SandboxUnavailable`` and runs nothing.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from webscale_dagster.verifiers import sandbox_filter
from webscale_dagster.verifiers.sandbox_python import python_for

_NOBODY = 65534
_FOLDER = "/sandbox"
_FILE_BYTES = 16 << 20  # of one file and of all of /tmp
_OPEN_FILES = 64
_SECONDS_TO_DIE = 5.0
_Ended = Literal["exit", "timeout", "output_limit", "killed"]
_MAIN = Path(__file__).with_name("sandbox_main.py")
_REMEDY = (
    "it needs bubblewrap 0.8 or newer (Debian: apt-get install bubblewrap), a kernel that lets any"
    " user make namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container a"
    " seccomp profile that allows them), and an ordinary user, or a root that may become one"
)


class SandboxUnavailable(RuntimeError):
    """Nothing can be run safely here; the message says why, and the remedy."""


@dataclass(frozen=True)
class Limits:
    """What a program may take: wall seconds, MB of addresses per process, processes, output."""

    seconds: float = 10.0
    memory_mb: int = 512
    processes: int = 8  # threads count
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class Finished:
    """How a program ended, after how many wall seconds.

    Where it was ``killed`` by a signal, ``returncode`` less 128 is the signal's number.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    ended: _Ended
    seconds: float


@dataclass(frozen=True)
class Running:
    """A started program; ``finish`` or ``stop`` must be called, they free what it holds."""

    process: subprocess.Popen[bytes]
    news: int  # where bubblewrap tells its first process's number, and main.py that it began
    limits: Limits


def run(program: str, stdin: bytes = b"", limits: Limits | None = None) -> Finished:
    """Run a program's source to its end; raises ``SandboxUnavailable``."""
    with _held(stdin) as given:
        return finish(start(program, limits or Limits(), stdin=given))


def start(
    program: str,
    limits: Limits,
    files: Mapping[str, bytes] | None = None,
    *,
    stdin: int,
    stdout: int | None = None,
) -> Running:
    """Start a program, with ``files`` beside it in /sandbox; raises ``SandboxUnavailable``.

    Without a descriptor for ``stdout`` it is collected by ``finish``, as ``stderr`` always is.
    """
    streams: dict[str, Any] = {
        "stdin": stdin,
        "stdout": stdout or subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }
    source = program.encode("utf-8", "surrogatepass")
    contents = {"main.py": _MAIN.read_bytes(), "program.py": source, **(files or {})}
    news, ready = os.pipe()
    info = os.dup(ready)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, ready)
        stack.callback(os.close, info)
        held = {name: stack.enter_context(_held(data)) for name, data in contents.items()}
        rules = stack.enter_context(_held(sandbox_filter.program()))
        try:
            told = ["--info-fd", str(info), "--", *_python(limits, ready)]
            command = [*_bubblewrap(held, rules), *told]
            passed = (*held.values(), rules, ready, info)
            process = subprocess.Popen(command, pass_fds=passed, **streams, **_user())
        except BaseException as error:
            os.close(news)
            if isinstance(error, OSError):
                raise SandboxUnavailable(
                    f"the sandbox cannot start ({error}): {_REMEDY}"
                ) from error
            raise
    return Running(process, news, limits)


def finish(running: Running) -> Finished:
    """Wait for a program's end, and kill it at its limits; raises ``SandboxUnavailable``."""
    output = {"stdout": bytearray(), "stderr": bytearray()}
    began_at = time.monotonic()
    with running.process:
        try:
            ended = _read(running, output)
        finally:
            began = _end(running)
    if not began:
        raise _unavailable(bytes(output["stderr"]))
    code = running.process.returncode
    if ended == "exit" and code > 128:
        ended = "timeout" if code == 128 + signal.SIGXCPU else "killed"
    seconds = time.monotonic() - began_at
    return Finished(code, bytes(output["stdout"]), bytes(output["stderr"]), ended, seconds)


def stop(running: Running) -> None:
    """Kill a program and all it started; raises ``SandboxUnavailable`` where it never began."""
    with running.process:
        if not _end(running):
            stream = running.process.stderr
            raise _unavailable(stream.read() if stream else b"")


def _unavailable(stderr: bytes) -> SandboxUnavailable:
    said = stderr.decode("utf-8", "replace").strip()[-300:] or "it was killed at once"
    return SandboxUnavailable(f"the sandbox did not start ({said}): {_REMEDY}")


def _user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _bubblewrap(held: Mapping[str, int], rules: int) -> list[str]:
    program = shutil.which("bwrap")
    if program is None:
        raise FileNotFoundError("there is no program bwrap")
    python = python_for(everybody=os.geteuid() == 0)
    command = [program, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"]
    command += ["--new-session", "--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv"]
    command += ["--uid", str(_NOBODY), "--gid", str(_NOBODY)]
    # A fixed hash seed gives the same completion the same verdict each time.
    variables = {"PATH": "/usr/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
    for name, value in variables.items():
        command += ["--setenv", name, value]
    command += ["--ro-bind", "/usr", "/usr"]
    for folder in ("/bin", "/lib", "/lib64", "/sbin"):
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    if python.prefix != "/usr":
        command += ["--ro-bind", python.files, python.prefix]
    for name, descriptor in held.items():
        command += ["--file", str(descriptor), f"{_FOLDER}/{name}"]
    command += ["--dev", "/dev", "--size", str(_FILE_BYTES), "--tmpfs", "/tmp"]
    if os.fstat(rules).st_size:
        command += ["--seccomp", str(rules)]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]


def _python(limits: Limits, ready: int) -> list[str]:
    most = {
        "RLIMIT_AS": limits.memory_mb << 20,
        "RLIMIT_CPU": math.ceil(limits.seconds) + 1,
        "RLIMIT_FSIZE": _FILE_BYTES,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_CORE": 0,
    }
    # Not -I: it would ignore the hash seed; of its effects the environment is empty anyway.
    flags = ["-s", "-S", "-P", "-B", f"{_FOLDER}/main.py", str(ready), f"{_FOLDER}/program.py"]
    python = python_for(everybody=os.geteuid() == 0)
    return [python.program, *flags, *(f"{name}={value}" for name, value in most.items())]


@contextlib.contextmanager
def _held(data: bytes) -> Iterator[int]:
    """A file in memory that no path leads to."""
    descriptor = os.memfd_create("webscale")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(running: Running, output: Mapping[str, bytearray]) -> _Ended:
    """Collect output until the program ends or a limit is met."""
    process, deadline = running.process, time.monotonic() + running.limits.seconds
    with selectors.DefaultSelector() as waiting:
        for name in output:
            stream = getattr(process, name)
            if stream is not None:
                waiting.register(stream, selectors.EVENT_READ, output[name])
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return "timeout"
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 16)
                key.data.extend(piece)
                if not piece:
                    waiting.unregister(key.fileobj)
            if sum(map(len, output.values())) > running.limits.output_bytes:
                return "output_limit"
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "timeout"
    return "exit"


def _end(running: Running) -> bool:
    """Kill what still runs, wait until it is gone; whether the program ever began."""
    process = running.process
    with os.fdopen(running.news, "rb", buffering=0) as pipe, contextlib.ExitStack() as stack:
        os.set_blocking(running.news, False)
        was_alive, news = process.poll() is None, pipe.readall() or b""
        first = _first_process(news)
        process.kill()
        process.wait()
        if first is not None:
            stack.callback(os.close, first)
            if was_alive:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(first, signal.SIGKILL)
            # The kernel lets the first process of a namespace go when all others are gone.
            waiting = stack.enter_context(selectors.DefaultSelector())
            waiting.register(first, selectors.EVENT_READ)
            waiting.select(_SECONDS_TO_DIE)
    return news.endswith(b"+")


def _first_process(news: bytes) -> int | None:
    """A descriptor of the sandbox's first process, of whose death all others die."""
    number = re.search(rb'"child-pid": (\d+)', news)
    try:
        return os.pidfd_open(int(number[1])) if number else None
    except OSError:  # it is gone
        return None
