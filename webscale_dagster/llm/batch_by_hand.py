"""Batches that a person carries: to a GPU host without a network, and back.

Reads ``<name>.output.jsonl`` beside ``<name>.requests.jsonl``; writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from webscale_dagster.llm.batch import Job
from webscale_dagster.llm.errors import RunEnds
from webscale_dagster.models import ModelChoice


class OutputsAwaited(RunEnds):
    """Request files are written; somebody must work them off."""

    everywhere = False  # the other shards' files are wanted too


class ByHand:
    """Takes outputs that were put beside the requests."""

    def __init__(self, choice: ModelChoice) -> None:
        """Nothing is looked at yet."""
        self._name = choice.name

    def advance(self, job: Job, folder: Path, save: Callable[[], None]) -> None:
        """Done where the output is there; else the run ends and says what to do."""
        output = folder / f"{job.name}.output.jsonl"
        if not output.exists():
            waiting = [
                path.name
                for path in sorted(folder.glob("*.requests.jsonl"))
                if not (folder / path.name.replace(".requests.", ".output.")).exists()
            ]
            raise OutputsAwaited(
                f"{len(waiting)} request files wait in {folder}. On the GPU host, for each: vllm "
                f"run-batch -i NAME.requests.jsonl -o NAME.output.jsonl --model {self._name} "
                "--structured-outputs-config "
                '\'{"backend":"guidance","disable_any_whitespace":true}\'. '
                "Put the outputs beside the requests, then run again"
            )
        job.status, job.outputs = "done", [output.name]
        save()

    def close(self) -> None:
        """Nothing is open."""
