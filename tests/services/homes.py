"""A home of its own for real processes: environment, commands, tiny corpora, instance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from tests.test_walk import COPPER, DANUBE

BIN = Path(sys.executable).parent


def environment(home: Path) -> dict[str, str]:
    """This process's, without what names another home or lake."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSCALE_", "DAGSTER_"))}
    ours = {"WEBSCALE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    return kept | ours | {"DAGSTER_DISABLE_TELEMETRY": "1"}


def command(home: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program installed beside this Python, run to its end in the home."""
    return subprocess.run(
        [str(BIN / name), *arguments],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def webscale(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(home, "webscale", *arguments)


def write_shards(folder: Path, count: int, first: int = 0) -> None:
    """Files of two documents each; names and numbers differ from file to file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        texts = {
            f"river-{number}": DANUBE.replace("Danube", f"Danube {number}"),
            f"metal-{number}": COPPER.replace("1,085", f"1,{number:03d}"),
        }
        rows = [{"id": key, "text": text, "license": "CC0-1.0"} for key, text in texts.items()]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{number:03d}.jsonl").write_text(lines, encoding="utf-8")


@contextmanager
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The home's Dagster instance."""
    with dg.DagsterInstance.from_config(str(home / "dagster")) as opened:
        yield opened


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Poll until the condition holds; returns how long that took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)
    return time.monotonic() - started
