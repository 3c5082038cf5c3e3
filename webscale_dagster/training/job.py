"""A job: everything that a training program needs, in one JSON file; and what it leaves.

    <checkpoints>/<phase>-<key>/
        job.json         what was asked for; its hash is the key
        trainer/         checkpoint-N folders while it runs; the last two are kept
        metrics.jsonl    a line of numbers for every logged step
        model/           the trained model and tokenizer
        result.json      written last: a folder without it is unfinished

Makes ``Job`` values and the folder's paths; reads and writes ``job.json`` and ``result.json``.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from webscale_dagster.recipe import content_hash


@dataclass(frozen=True)
class Job:
    """``what`` decides bytes and makes the key; ``how`` (batch of a device, …) only speed."""

    phase: str  # base | cpt | sft | grpo | verl | sample | benchmarks
    root: str  # the folder of all checkpoints
    model: str  # parent: a model folder, a repository's name, or "" where a model is made
    files: dict[str, str]  # name -> parquet file that the program reads
    what: dict[str, Any]  # settings, seed, hashes of the files, key of the parent
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The hash of all that decides the result."""
        return content_hash(self.phase, json.dumps(self.what, sort_keys=True))[:16]

    @property
    def folder(self) -> Path:
        """Where the job works."""
        return Path(self.root) / f"{self.phase}-{self.key}"

    @property
    def settings(self) -> dict[str, Any]:
        """The recipe's table for this phase, with those settings that decide only speed."""
        return {**self.what["settings"], **self.how}

    @property
    def seed(self) -> int:
        """Of everything random."""
        return int(self.what["seed"])

    def result(self) -> dict[str, Any] | None:
        """What the finished job reported; None if it is not finished."""
        path = self.folder / "result.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write(self) -> Path:
        """Put ``job.json`` into the folder."""
        path = self.folder / "job.json"
        write_json(path, asdict(self))
        return path


def read_job(path: str | Path) -> Job:
    """The job of a file."""
    return Job(**json.loads(Path(path).read_text(encoding="utf-8")))


def write_json(path: Path, data: Any) -> None:
    """Write aside, sync, rename: a file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(data, file, indent=2, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
