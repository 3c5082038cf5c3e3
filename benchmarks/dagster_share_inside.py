"""Runs one ``webscale`` command with a clock on every cost centre; ``dagster_share.py`` starts it.

Writes the CPU seconds (user + system, all threads) of each centre, without those of the centres
called from it, as one JSON object to a file.

    python benchmarks/dagster_share_inside.py SECONDS.json run --to difficulty
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

STAGES = "stages: the text work"
# Centre -> the functions that make it up, by module and dotted name.
CENTRES: dict[str, tuple[tuple[str, str], ...]] = {
    "Dagster: definitions": (("webscale_dagster.cli.runs", "Runner.__init__"),),
    "Dagster: jobs resolved": (("dagster", "Definitions.resolve_job_def"),),
    "Dagster: steps and event log": (("webscale_dagster.cli.runs", "Runner._execute"),),
    "what people see of a stage": (("webscale_dagster.defs.materialise", "_metadata"),),
    "what is fresh": (("webscale_dagster.walk", "Walk.stale"),),
    "inputs and code versions": (
        ("webscale_dagster.walk", "Walk.inputs"),
        ("webscale_dagster.walk", "code_version"),
    ),
    "tables read": (("webscale_dagster.walk", "Walk.frames"),),
    "journal and model opened": (("webscale_dagster.llm.attempt", "open_models"),),
    "audit: polars": (("webscale_dagster.lake", "audit"),),
    "audit: Great Expectations": (("webscale_dagster.contracts.audit", "_judge"),),
    "lake: content": (("webscale_dagster.lake", "content_of"),),
    "lake: commits": (("webscale_dagster.delta", "write_deltalake"),),
    "lake: the rest of publish": (
        ("webscale_dagster.lake", "Lake.publish"),
        ("webscale_dagster.shards", "admit"),
    ),
}


class Clock:
    """CPU seconds by centre; what runs inside another centre counts there only."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.seconds: Counter[str] = Counter()
        self._open: list[str] = ["start and imports"]
        self._last = 0.0

    def _tick(self) -> None:
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._last
        self._last = now

    def on(self, centre: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured."""

        @functools.wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            self._tick()
            self._open.append(centre)
            try:
                return function(*arguments, **named)
            finally:
                self._tick()
                self._open.pop()

        return measured

    def end(self) -> None:
        """Give the rest to whatever is open."""
        self._tick()


def _put_clocks(clock: Clock) -> None:
    for centre, functions in CENTRES.items():
        for module, dotted in functions:
            owner: Any = importlib.import_module(module)
            *path, name = dotted.split(".")
            for step in path:
                owner = getattr(owner, step)
            setattr(owner, name, clock.on(centre, getattr(owner, name)))
    stages = importlib.import_module("webscale_dagster.stages").STAGES
    for name, stage in stages.items():
        stages[name] = replace(stage, run=clock.on(STAGES, stage.run))


def main() -> None:
    """Run the command and write the clocks."""
    clock = Clock()
    _put_clocks(clock)
    from webscale_dagster.cli import cli

    code = cli.main(sys.argv[2:], standalone_mode=False)
    clock.end()
    Path(sys.argv[1]).write_text(json.dumps(clock.seconds), encoding="utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
