"""Small jobs for the programs: sums with their answers, a tiny model, files of a few rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.experiment import CptCheckpoint, GrpoCheckpoint, SftCheckpoint
from webscale_dagster.training.job import Job

SMALL = {"batch": 4, "micro_batch": 4, "max_length": 96, "learning_rate": 1e-3, "warmup_steps": 2}
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def examples(count: int = 24, **changes: Any) -> pl.DataFrame:
    """Sums of two digits: number answers, one in four of type boolean."""
    rows = []
    for at in range(count):
        a, b = at % 9 + 1, at % 4 + 1
        kind = "boolean" if at % 4 == 0 else "number"
        asked = f"Is {a} larger than {b}?" if kind == "boolean" else f"What is {a} plus {b}?"
        truth = ("yes" if a > b else "no") if kind == "boolean" else str(a + b)
        row = {
            "example_id": f"e{at:02}",
            "doc_id": f"d{at % 6}",
            "domain": "math",
            "question": asked,
            "prompt": json.dumps([{"role": "user", "content": asked}]),
            "ground_truth": truth,
            "answer_type": kind,
            "verifier_options": "{}",
            "closed_book_rate": at / count,
            "band": "learnable" if at % 2 else "hard",
            "completion": f"Answer: {truth}",
        }
        rows.append(row | changes)
    return pl.DataFrame(rows, infer_schema_length=None)


def grpo_job(root: Path, model: Path | str, rows: pl.DataFrame, budget: int, **more: Any) -> Job:
    """A GRPO job of steps of four questions with four completions."""
    settings = {
        **SMALL,
        "samples": 4,
        "micro_batch": 16,
        "max_prompt_tokens": 60,
        "max_completion_tokens": 6,
        "save_steps": 2,
        "temperature": 1.0,
        "format_weight": 0.5,
        "format_pattern": "[a-z]",  # what a random model says by chance, so that there is a signal
        "mask_truncated": False,
    }
    made = GrpoCheckpoint.model_validate(settings | more).model_dump(mode="json")
    return _job(root, "grpo", str(model), {"train": rows, **_documents()}, made, budget)


def sft_job(root: Path, model: Path | str, rows: pl.DataFrame, **more: Any) -> Job:
    """Supervised training of so many epochs."""
    made = SftCheckpoint.model_validate({**SMALL, "save_steps": 3, **more}).model_dump(mode="json")
    return _job(root, "sft", str(model), {"warm_up": rows, **_documents()}, made, 0)


def cpt_job(root: Path, model: Path | str, texts: list[str], budget: int, **more: Any) -> Job:
    """Continual pretraining for so many tokens."""
    made = CptCheckpoint.model_validate({**SMALL, "save_steps": 3, **more}).model_dump(mode="json")
    frame = pl.DataFrame({"doc_id": [f"d{i}" for i in range(len(texts))], "text": texts})
    return _job(root, "cpt", str(model), {"texts": frame}, made, budget)


def _documents() -> dict[str, pl.DataFrame]:
    texts = [f"Document {i} says that three plus four is seven." for i in range(6)]
    return {"documents": pl.DataFrame({"doc_id": [f"d{i}" for i in range(6)], "text": texts})}


def _job(
    root: Path,
    phase: str,
    model: str,
    frames: dict[str, pl.DataFrame],
    settings: dict[str, Any],
    budget: int,
) -> Job:
    files = {}
    for name, frame in frames.items():
        path = root / f"{phase}-{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
        files[name] = str(path)
    what = {"settings": settings, "seed": 3, "parent": "tiny", "precision": "fp32"}
    return Job(phase, str(root), model, files, what | {"budget_tokens": budget})


def start(job: Job, **environment: str) -> subprocess.Popen[str]:
    """The program, running."""
    path = job.write()
    return subprocess.Popen(
        [sys.executable, "-m", f"webscale_dagster.training.{job.phase}", str(path)],
        env={**os.environ, **ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(job: Job, **environment: str) -> tuple[int, str]:
    """Exit code and all that was printed."""
    process = start(job, **environment)
    said, _ = process.communicate(timeout=240)
    return process.returncode, said


def weights(folder: Path) -> dict[str, Any]:
    """The tensors of a saved model."""
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))
