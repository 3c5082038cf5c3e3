"""A model answers questions: ``python -m webscale_dagster.training.sample JOB``.

Reads ``files["prompts"]``, a parquet file with the columns ``id`` and ``prompt`` (chat messages as
JSON). Makes, in the job's folder:

    answers/00000.parquet   a batch of prompts with all its samples; a killed run goes on after it
    answers.parquet         id, sample, text, n_tokens, cut_off; sorted by id and sample

``what["settings"]`` has ``samples``, ``temperature`` (0: the likeliest token, one sample),
``max_tokens`` and ``batch`` (answers at once); ``what["precision"]`` is bf16 (the default) or fp32,
``what["revision"]`` that of a repository; ``how["engine"]`` may be vllm. An answer depends on seed,
batch and prompts, not on where a run was cut off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from webscale_dagster.recipe import content_hash
from webscale_dagster.training import generation
from webscale_dagster.training.generation import Drawing, Engine
from webscale_dagster.training.job import Job
from webscale_dagster.training.model_folder import (
    Messages,
    check_prompts,
    context_length,
    load_config,
    load_model,
    load_tokenizer,
)
from webscale_dagster.training.program import Report, TrainingError, main

SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "sample": pl.Int64(),
        "text": pl.String(),
        "n_tokens": pl.Int64(),
        "cut_off": pl.Boolean(),
    }
)
_PART = pl.Schema({**SCHEMA, "prompt_tokens": pl.Int64(), "seconds": pl.Float64()})
_SAY_EVERY = 10.0  # seconds
Batch = list[tuple[str, list[int]]]  # ids of prompts with their tokens


def run(job: Job, report: Report) -> dict[str, Any]:
    """Answer every prompt; the result counts answers, tokens and seconds.

    ``prompt_tokens`` counts a prompt once, however many samples it has; ``seconds`` are those of
    drawing, of a cut-off run's batches as well.
    """
    drawing = Drawing.of(job.settings)
    prompts = read_prompts(job.files["prompts"])
    tokenizer = load_tokenizer(job.model, job.what.get("revision"))
    ids = check_prompts(tokenizer, prompts, _room(job, drawing.max_tokens))
    batches = _batches(ids, drawing.prompts(job.how.get("engine", "")))
    missing = [at for at, batch in enumerate(batches) if not _is_made(job, at, batch, drawing)]
    done = len(batches) - len(missing)
    report.say(f"{len(prompts)} prompts in {len(batches)} batches, {done} of them answered before")
    if missing:
        engine = _engine(job, tokenizer, drawing)
        _answer(job, report, engine, {at: batches[at] for at in missing})
    return _finish(job, len(batches))


def read_prompts(path: str) -> dict[str, Messages]:
    """Messages by id; raises TrainingError where a row has none or an id comes twice."""
    if not Path(path).is_file():
        raise TrainingError(f"{path}: no such file of prompts; make the table it comes from again")
    frame = pl.read_parquet(path)
    if not {"id", "prompt"} <= set(frame.columns):
        raise TrainingError(f"{path}: wanted the columns id and prompt, not {frame.columns}")
    if frame.is_empty() or frame["id"].n_unique() != frame.height:
        raise TrainingError(f"{path}: {frame.height} prompts; wanted some, each with its own id")
    return {name: orjson.loads(prompt) for name, prompt in frame.select("id", "prompt").rows()}


def _room(job: Job, max_tokens: int) -> int:
    """Tokens that a prompt may have."""
    context = context_length(load_config(job.model, job.what.get("revision")))
    if max_tokens >= context:
        raise TrainingError(
            f"max_tokens = {max_tokens} leaves no room for a prompt in the context of {context}"
            f" tokens of {job.model}; lower max_tokens"
        )
    return context - max_tokens


def _batches(ids: Mapping[str, list[int]], size: int) -> list[Batch]:
    """Prompts of about one length together; the longest first, for they are what memory holds."""
    ranked = sorted(ids.items(), key=lambda item: (-len(item[1]), item[0]))
    return [ranked[start : start + size] for start in range(0, len(ranked), size)]


def _part(job: Job, at: int) -> Path:
    return job.folder / "answers" / f"{at:05}.parquet"


def _is_made(job: Job, at: int, batch: Batch, drawing: Drawing) -> bool:
    """Whether the batch's file holds just this batch's answers."""
    if not _part(job, at).is_file():
        return False
    wanted = [(name, sample) for name, _ in batch for sample in range(drawing.samples)]
    return sorted(pl.read_parquet(_part(job, at)).select("id", "sample").rows()) == sorted(wanted)


def _engine(job: Job, tokenizer: Any, drawing: Drawing) -> Engine:
    precision, revision = job.what.get("precision", "bf16"), job.what.get("revision")
    if job.how.get("engine") == "vllm":
        return generation.Vllm(job.model, precision, drawing, revision)
    model = load_model(job.model, precision, revision)
    return generation.Transformers(model, tokenizer, drawing)


def _answer(job: Job, report: Report, engine: Engine, batches: Mapping[int, Batch]) -> None:
    """Write the file of every batch."""
    begun = said = time.monotonic()
    tokens = 0
    for count, (at, batch) in enumerate(batches.items(), 1):
        frame = _answered(engine, batch, _seed(job, at))
        _write(frame, _part(job, at))
        tokens += int(frame["n_tokens"].sum())
        if count == len(batches) or time.monotonic() - said > _SAY_EVERY:
            said = time.monotonic()
            rate = tokens / (said - begun)
            report.say(f"{count} of {len(batches)} batches, {rate:.0f} tokens a second")


def _seed(job: Job, at: int) -> int:
    return int(content_hash(str(job.seed), str(at))[:8], 16)


def _answered(engine: Engine, batch: Batch, seed: int) -> pl.DataFrame:
    started = time.monotonic()
    found = engine.answers([tokens for _, tokens in batch], seed)
    rows = [
        (name, sample, *answer, len(tokens))
        for (name, tokens), answers in zip(batch, found, strict=True)
        for sample, answer in enumerate(answers)
    ]
    seconds = (time.monotonic() - started) / len(rows)
    return pl.DataFrame([(*row, seconds) for row in rows], schema=_PART, orient="row")


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write aside, sync, rename: a file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        frame.write_parquet(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def _finish(job: Job, batches: int) -> dict[str, Any]:
    """Put the parts together."""
    parts: Sequence[Path] = [_part(job, at) for at in range(batches)]
    frame = pl.concat([pl.read_parquet(path) for path in parts]).sort("id", "sample")
    _write(frame.select(list(SCHEMA)), job.folder / "answers.parquet")
    return {
        "n_answers": frame.height,
        "generated_tokens": int(frame["n_tokens"].sum()),
        "prompt_tokens": int(frame.unique("id")["prompt_tokens"].sum()),
        "seconds": round(float(frame["seconds"].sum()), 3),
    }


if __name__ == "__main__":
    main(run)
