from __future__ import annotations

import os
import platform
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from webscale_dagster.verifiers import sandbox_filter, sandbox_python
from webscale_dagster.verifiers.sandbox import SandboxUnavailable, run


def _answer(call: int, machine: int) -> int:
    """What the filter returns, worked out by a plain interpreter of its instructions."""
    rules = list(struct.iter_unpack("=HBBI", sandbox_filter.program()))
    value = at = 0
    while True:
        code, when_true, when_false, operand = rules[at]
        if code == 0x06:
            return operand
        if code == 0x20:
            value = {0: call, 4: machine}[operand]
            at += 1
        else:
            holds = value == operand if code == 0x15 else value >= operand
            at += 1 + (when_true if holds else when_false)


@pytest.mark.parametrize(("name", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_filter_refuses_what_it_names_and_nothing_else(
    name: str, column: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: name)
    this, other = sandbox_filter._MACHINES[name][1], 0x40000003
    refused = {numbers[column] for numbers in sandbox_filter._REFUSED.values()}
    for call in range(500):
        assert (_answer(call, this) == 0x7FFF0000) == (call not in refused), call
        assert _answer(call, other) == 0x00050001
    assert _answer(0x40000001, this) == 0x00050001


def test_there_is_no_filter_for_unknown_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert sandbox_filter.program() == b""


def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"no program bwrap.*apt-get install bubblewrap"):
        run("print(1)")


@pytest.fixture
def broken_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bubblewrap that fails as the real one does where namespaces are forbidden."""
    folder = Path(tempfile.mkdtemp())  # every user may pass through it, unlike tmp_path
    try:
        folder.chmod(0o755)
        program = folder / "bwrap"
        program.write_text(
            "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        yield
    finally:
        shutil.rmtree(folder)


def test_forbidden_namespaces_are_no_verdict_on_the_program(broken_bubblewrap: None) -> None:
    with pytest.raises(SandboxUnavailable, match=r"No permissions to create.*any user make names"):
        run("print(1)")


def test_root_must_be_able_to_become_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/bwrap")
    monkeypatch.setattr(sandbox_python, "_readable_by_all", lambda _: True)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    sandbox_python.python_for.cache_clear()
    with pytest.raises(SandboxUnavailable, match="Operation not permitted"):
        run("print(1)")
    sandbox_python.python_for.cache_clear()


def _seen(program: str, stdin: bytes = b"") -> str:
    """What a program that ends well prints."""
    finished = run(program, stdin)
    assert (finished.ended, finished.returncode) == ("exit", 0), finished
    return finished.stdout.decode()


@pytest.mark.service
def test_a_program_runs_on_its_input_alone() -> None:
    assert _seen("print(input()[::-1])", stdin="héllo\n".encode()) == "olléh\n"
    found = _seen("import os, sys; print(os.getuid(), __name__, sorted(os.environ), os.listdir())")
    assert found == "65534 __main__ ['HOME', 'LC_ALL', 'PATH', 'PWD', 'PYTHONHASHSEED'] []\n"
    assert _seen("import sys; print(sys.version)") == sys.version + "\n"
    assert run("import sys; sys.exit(3)").returncode == 3
    assert b"ZeroDivisionError" in run("1/0").stderr


@pytest.mark.service
def test_the_same_program_gives_the_same_hashes() -> None:
    program = "print(hash('red'), list({'red', 'green', 'blue'}))"
    assert _seen(program) == _seen(program)


@pytest.mark.service
def test_a_killed_program_says_by_what() -> None:
    finished = run("import os; os.kill(os.getpid(), 11)")
    assert (finished.ended, finished.returncode) == ("killed", 128 + signal.SIGSEGV)
    assert run("import os; os.kill(os.getpid(), 24)").ended == "timeout"  # SIGXCPU: it had its time


@pytest.mark.service
def test_the_interpreter_is_copied_for_everybody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, _: str(path) == str(tmp_path))
    copy = sandbox_python._copy(Path(os.path.realpath(sys.base_prefix)))
    assert copy.parent == tmp_path
    modes = [path.lstat().st_mode for path in copy.rglob("*") if not path.is_symlink()]
    assert all(mode & stat.S_IROTH and not mode & stat.S_IWOTH for mode in modes)
    assert not list(copy.rglob("site-packages"))
    done = subprocess.run(
        [
            copy / "bin" / sandbox_python._NAME,
            "-I",
            "-S",
            "-c",
            "import json, sys; print(sys.prefix)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(copy)
    assert sandbox_python._copy(Path(os.path.realpath(sys.base_prefix))) == copy
    copy.chmod(0o777)
    with pytest.raises(PermissionError, match="remove it"):
        sandbox_python._copy(Path(os.path.realpath(sys.base_prefix)))
