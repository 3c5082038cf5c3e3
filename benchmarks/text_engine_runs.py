"""Runs the programs of ``text_engine.py``, each in a process of its own, peers in their Python.

Writes corpora and what the programs make to a folder, which the caller removes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from text_engine_clock import ONE_THREAD

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Method:
    """A program's task on the first rows of a corpus."""

    name: str
    program: str
    task: str
    corpus: str
    rows: int
    settings: dict[str, str] = field(default_factory=dict)
    peer: bool = False


@dataclass(frozen=True)
class Run:
    """One run of a method: its measures, and what it made."""

    method: Method
    measures: dict[str, float]
    made: Any

    @property
    def rate(self) -> float:
        """Documents per CPU-second."""
        return self.measures["documents"] / self.measures["cpu_s"]


class Bench:
    """The options, and a folder with the corpora."""

    def __init__(self, options: Any, folder: Path) -> None:
        """``options`` are those of the command line."""
        self.options, self.folder, self.runs = options, folder, list[Run]()

    def write(self, name: str, frame: pl.DataFrame) -> str:
        """A frame as a file of the folder."""
        frame.write_parquet(self.folder / f"{name}.parquet")
        return name

    def path(self, name: str) -> str:
        """The file of a frame."""
        return str(self.folder / f"{name}.parquet")

    def start(self, method: Method, **environment: str) -> tuple[subprocess.Popen[str], Path]:
        """A method's process, and the file of what it makes."""
        python = self.options.peers if method.peer else sys.executable
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".json", delete=False) as file:
            out = Path(file.name)
        command = [str(python), str(HERE / method.program), method.task, "--out", str(out)]
        command += ["--corpus", self.path(method.corpus), "--rows", str(method.rows)]
        command += [f"--set={key}={value}" for key, value in method.settings.items()]
        known = (
            os.environ
            | ONE_THREAD
            | {"PYTHONPATH": str(HERE.parent), "TQDM_DISABLE": "1"}
            | environment
        )
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=known, text=True), out

    def end(self, method: Method, process: subprocess.Popen[str], out: Path) -> Run:
        """Wait for a method's process."""
        printed, _ = process.communicate()
        if process.returncode:
            sys.exit(f"{method.name} failed")
        run = Run(method, json.loads(printed.splitlines()[-1]), json.loads(out.read_text("utf-8")))
        out.unlink()
        self.runs.append(run)
        print(f"{method.name}: {run.rate:,.0f} documents/CPU-s", file=sys.stderr)
        return run

    def once(self, method: Method, **environment: str) -> Run:
        """One run."""
        return self.end(method, *self.start(method, **environment))

    def rounds(self, methods: Sequence[Method]) -> list[list[Run]]:
        """All methods by turns, as often as asked; each method's runs."""
        methods = [method for method in methods if self.options.peers or not method.peer]
        rounds = [[self.once(method) for method in methods] for _ in range(self.options.repeats)]
        return [list(runs) for runs in zip(*rounds, strict=True)]
