"""What programs in the sandbox try against their host, each with what they come to."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from webscale_dagster.verifiers import sandbox_python
from webscale_dagster.verifiers.sandbox import Finished, Limits, run

pytestmark = pytest.mark.service

# The odd number of megabytes tells these processes from those of other sandboxes on the machine.
QUICK = Limits(seconds=20, memory_mb=131, processes=6, output_bytes=200_000)


def _seen(program: str, limits: Limits = QUICK) -> str:
    """What a program that ends well prints."""
    finished = run(program, limits=limits)
    assert (finished.ended, finished.returncode) == ("exit", 0), finished
    return finished.stdout.decode()


def _tried(*attempts: str) -> str:
    """A program that makes attempts one by one and prints what each came to."""
    lines = ["import ctypes, os, socket, subprocess", "libc = ctypes.CDLL(None, use_errno=True)"]
    for attempt in attempts:
        lines += [
            "try:",
            f"    print('done', {attempt})",
            "except Exception as error:",
            "    print('denied', type(error).__name__, error)",
        ]
    return "\n".join(lines)


def _left_over() -> list[str]:
    """The host's processes that belong to a sandbox of these tests."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"RLIMIT_AS={QUICK.memory_mb << 20}".encode() in command:
            found.append(f"{folder.name} {command!r}")
    return found


def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0webscale-sandbox-test")
        local.listen()
        port = server.getsockname()[1]
        found = _seen(
            _tried(
                f"socket.create_connection(('127.0.0.1', {port}), 2)",
                "socket.create_connection(('8.8.8.8', 53), 2)",
                "socket.getaddrinfo('example.com', 80)",
                "socket.socket(socket.AF_UNIX).connect('\\0webscale-sandbox-test')",
                "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
            )
        )
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    assert found.count("denied") == 5, found
    assert _seen("import socket; print(socket.if_nameindex())") == "[(1, 'lo')]\n"


def test_no_file_of_the_host_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    secret.chmod(0o644)
    monkeypatch.setenv("WEBSCALE_TEST_TOKEN", "the secret")
    homes = [str(Path.home()), "/home", "/etc", "/var", "/opt", "/srv", "/run", "/mnt", "/proc"]
    found = _seen(
        "import os\n"
        f"for folder in {homes} + [{str(Path(__file__).parents[2])!r}]:\n"
        "    print(folder, sorted(os.listdir(folder)) if os.path.isdir(folder) else None)\n"
        + _tried(f"open({str(secret)!r}).read()", "open('/etc/passwd').read()", "os.environ")
    )
    assert "the secret" not in found
    assert found.count("denied FileNotFoundError") == 2, found
    # Only the folders on the way to the interpreter's own are there, and they are empty else.
    python = sandbox_python.python_for(everybody=os.geteuid() == 0).prefix
    for line in found.splitlines()[: len(homes) + 1]:
        folder, _, listed = line.partition(" ")
        on_the_way = Path(python).parts[len(Path(folder).parts) :][:1]
        expected = (
            {"None"} if folder not in map(str, Path(python).parents) else {str(list(on_the_way))}
        )
        assert listed in expected, line


def test_nothing_outside_can_be_written() -> None:
    places = ["/", "/usr", "/usr/bin", "/dev", "/dev/shm", "/sandbox", "/lib", sys.base_prefix]
    found = _seen(_tried(*(f"open({place + '/planted'!r}, 'w')" for place in places)))
    assert found.count("denied") == len(places), found
    assert not any(Path(place, "planted").exists() for place in places)
    found = _seen(_tried("open('/sandbox/program.py', 'w')", "os.chmod('/usr', 0o777)"))
    assert found.count("denied") == 2, found
    assert _seen("open('/tmp/mine', 'w').write('x'); print(open('/tmp/mine').read())") == "x\n"


def test_the_disk_cannot_be_filled() -> None:
    found = _seen(
        "import os, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "total = 0\n"
        "try:\n"
        "    for number in range(100):\n"
        "        with open(f'/tmp/{number}', 'wb', buffering=0) as file:\n"
        "            for _ in range(8):\n"
        "                total += file.write(bytes(1 << 20))\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "print(total >> 20)\n"
    )
    assert found == "No space left on device\n15\n" or found == "No space left on device\n16\n"
    assert "denied" in _seen(_tried("open('/tmp/large', 'wb').truncate(1 << 30)"))


def test_a_fork_bomb_is_stopped_and_leaves_nothing_behind() -> None:
    start = time.monotonic()
    bomb = (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    )
    finished = run(bomb, limits=replace(QUICK, seconds=2))
    assert finished.ended == "timeout"
    assert time.monotonic() - start < 15
    assert _left_over() == []
    counted = _seen(
        "import os, time\n"
        "made = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(60)\n"
        "        made += 1\n"
        "except OSError as error:\n"
        "    print(made, error.strerror)\n"
    )
    assert counted.endswith("Resource temporarily unavailable\n")
    assert int(counted.split()[0]) < QUICK.processes
    assert _left_over() == []


def test_memory_is_limited_per_process_and_processes_are_few() -> None:
    assert b"MemoryError" in run("x = bytearray(1 << 30)", limits=QUICK).stderr
    found = _seen(
        "import os\n"
        "read, write = os.pipe()\n"
        "for _ in range(50):\n"
        "    try:\n"
        "        if os.fork():\n"
        "            continue\n"
        "    except OSError:\n"
        "        break\n"
        "    held = []\n"
        "    try:\n"
        "        while True:\n"
        "            held.append(bytearray(1 << 20))\n"
        "            os.write(write, b'x')\n"
        "    except MemoryError:\n"
        "        os._exit(0)\n"
        "os.close(write)\n"
        "total = 0\n"
        "while piece := os.read(read, 1 << 16):\n"
        "    total += len(piece)\n"
        "print(total)\n"
    )
    assert 50 < int(found) < QUICK.memory_mb * QUICK.processes, found


def test_memory_that_no_process_owns_is_refused() -> None:
    found = _seen(
        _tried("os.memfd_create('x')", "libc.shmget(0, 1 << 28, 0o1600)", "libc.msgget(0, 0o1600)")
    )
    assert found.splitlines()[1:] == ["done -1", "done -1"]
    assert "denied PermissionError" in found.splitlines()[0]


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time; time.sleep(600)",
        "import os, time; os.close(1); os.close(2); time.sleep(600)",
        "import signal, time\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except OSError: pass\ntime.sleep(600)",
        "10 ** 10 ** 10",
    ],
)
def test_a_program_without_end_is_killed_in_time(program: str) -> None:
    start = time.monotonic()
    finished = run(program, limits=replace(QUICK, seconds=1.5))
    assert finished.ended == "timeout"
    assert time.monotonic() - start < 10
    assert _left_over() == []


def test_processor_time_is_limited_too() -> None:
    limits = Limits(seconds=0.5)
    found = _seen("import resource; print(resource.getrlimit(resource.RLIMIT_CPU))", limits)
    assert found == "(2, 3)\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_without_end_is_cut(stream: str) -> None:
    finished = run(f"import sys\nwhile True: sys.{stream}.write('x' * 10000)", limits=QUICK)
    assert finished.ended == "output_limit"
    assert len(finished.stdout) + len(finished.stderr) < 2 * QUICK.output_bytes
    assert _left_over() == []


def _victim() -> subprocess.Popen[bytes]:
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.Popen(["sleep", "120"], **user)  # type: ignore[call-overload,no-any-return]


def test_other_processes_cannot_be_seen_killed_or_traced() -> None:
    """The victim runs as the very user that the sandbox's processes are outside."""
    victim = _victim()
    try:
        pids = [victim.pid, os.getpid(), os.getppid()]
        attempts = [f"os.kill({pid}, 9)" for pid in pids] + ["os.kill(-1, 9)"]
        attempts += [f"os.listdir('/proc/{pid}')" for pid in pids]
        found = _seen(_tried(*attempts))
        assert found.count("denied") == len(attempts), found
        traced = _seen(_tried(*(f"libc.ptrace(16, {pid}, 0, 0)" for pid in [1, *pids])))
        assert traced == "done -1\n" * 4
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_privileges_cannot_be_gained() -> None:
    found = _seen(
        _tried(
            "os.setuid(0)",
            "os.setgid(0)",
            "os.setgroups([0])",
            "os.chroot('/tmp')",
            "open('/dev/tty')",
            "open('/dev/sda')",
            "os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))",
        )
    )
    assert found.count("denied") == 7, found
    calls = ["unshare(0x10000000)", "setns(0, 0)", "mount(b'x', b'/tmp', b'tmpfs', 0, 0)"]
    calls += ["syscall(321, 0, 0, 0)", "prctl(24, 21, 0, 0, 0)"] * (platform.machine() == "x86_64")
    found = _seen(_tried(*(f"libc.{call}" for call in calls)))
    assert found == "done -1\n" * len(calls)
    # Programs of /usr that would make their user root do not.
    assert _seen("import os; print(bool(os.statvfs('/usr').f_flag & os.ST_NOSUID))") == "True\n"


@pytest.mark.parametrize("end", ["", "time.sleep(600)"])
def test_a_daemon_does_not_outlive_its_program(end: str) -> None:
    finished: Finished = run(
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        for number in (0, 1, 2):\n"
        "            os.close(number)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print('started', flush=True)\n" + end,
        limits=replace(QUICK, seconds=3),
    )
    assert finished.stdout == b"started\n"
    assert finished.ended == ("timeout" if end else "exit")
    assert _left_over() == []
