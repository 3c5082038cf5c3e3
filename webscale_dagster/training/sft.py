"""Program ``sft``: supervised training on questions with answers.

Reads ``warm_up`` (parquet: prompt as JSON, completion, doc_id) and, for the arm ``sft_train``,
``train`` with the same columns, which is then gone over for the budget; ``documents`` (doc_id,
text) to count what the questions were made of. Writes the job's ``model/``.
Run: ``python -m webscale_dagster.training.sft JOB``.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import polars as pl

from webscale_dagster.training.job import Job
from webscale_dagster.training.model_folder import (
    check_chat_template,
    check_prompts,
    context_length,
    load_model,
    load_tokenizer,
)
from webscale_dagster.training.program import Report, TrainingError, main
from webscale_dagster.training.supervised import train

Row = dict[str, Any]


def run(job: Job, report: Report) -> dict[str, Any]:
    """The warm-up's epochs, then rows of the train split until the budget is reached."""
    tokenizer = load_tokenizer(job.model, job.what.get("revision"))
    check_chat_template(tokenizer)
    model = load_model(job.model, "fp32", job.what.get("revision")).train()
    limit = min(job.settings["max_length"], context_length(model.config))
    warm_up = _rows(job.files["warm_up"])
    first = _times(warm_up, job.settings["epochs"], job.seed)
    more = _rows(job.files["train"]) if "train" in job.files else []
    lengths = _lengths(tokenizer, [*warm_up, *more], limit)
    rows = list(first)
    if more:
        rows += _for_budget(more, job.what["budget_tokens"], lengths, job.seed)
    batch = job.settings["batch"]
    steps = max(math.ceil(len(rows) / batch), 1)
    counted = _counted(rows, lengths, batch, steps)
    report.say(f"sft: {len(rows):,} rows, {steps} steps, {counted[-1]:,} tokens")
    train(
        job,
        report,
        model=model,
        tokenizer=tokenizer,
        rows=[{"prompt": row["prompt"], "completion": row["completion"]} for row in rows],
        steps=steps,
        packed=False,
        tokens_of_step=lambda step: counted[min(step, steps)],
        warm_up_tokens=sum(lengths[row["id"]] for row in first),
    )
    return {
        "steps": steps,
        "training_tokens": counted[-1],
        "source_tokens": source_tokens(job, tokenizer, {row["doc_id"] for row in rows}),
        "generated_tokens": 0,
    }


def source_tokens(job: Job, tokenizer: Any, doc_ids: set[str]) -> int:
    """Tokens of the documents that these questions were made of: the paper's way of counting."""
    documents = pl.read_parquet(job.files["documents"])
    texts = documents.filter(pl.col("doc_id").is_in(list(doc_ids)))["text"].to_list()
    return sum(len(ids) for ids in tokenizer(texts)["input_ids"]) if texts else 0


def _rows(path: str) -> list[Row]:
    frame = pl.read_parquet(path)
    return [
        {
            "id": row["example_id"],
            "doc_id": row["doc_id"],
            "prompt": json.loads(row["prompt"]),
            "completion": [{"role": "assistant", "content": row["completion"]}],
        }
        for row in frame.iter_rows(named=True)
    ]


def _times(rows: list[Row], epochs: float, seed: int) -> list[Row]:
    """The rows so many times, each time in another order, drawn from the seed."""
    drawn, found = random.Random(seed), []
    for _ in range(math.ceil(epochs)):
        found += drawn.sample(rows, len(rows))
    return found[: max(round(epochs * len(rows)), 1)]


def _for_budget(rows: list[Row], tokens: int, lengths: dict[str, int], seed: int) -> list[Row]:
    drawn, found, left = random.Random(seed + 1), [], tokens
    while left > 0:
        for row in drawn.sample(rows, len(rows)):
            found.append(row)
            left -= lengths[row["id"]]
            if left <= 0:
                break
    return found


def _lengths(tokenizer: Any, rows: list[Row], limit: int) -> dict[str, int]:
    """Tokens of prompt and completion of every row; all must fit into the context."""
    prompts = check_prompts(tokenizer, {row["id"]: row["prompt"] for row in rows}, limit - 1)
    said = [row["completion"][0]["content"] for row in rows]
    answers = tokenizer(said, add_special_tokens=False)["input_ids"]
    lengths = {
        row["id"]: len(prompts[row["id"]]) + len(ids) + 1
        for row, ids in zip(rows, answers, strict=True)
    }
    worst = max(lengths, key=lambda name: lengths[name])
    if lengths[worst] > limit:
        raise TrainingError(
            f"the answer of example {worst} ends at token {lengths[worst]}, the limit is {limit}; "
            "raise sft_checkpoint.max_length or lower sft_answers.max_answer_tokens"
        )
    return lengths


def _counted(rows: list[Row], lengths: dict[str, int], batch: int, steps: int) -> list[int]:
    """Tokens seen after each step, without padding; the last batch is filled from the start."""
    counted = [0]
    for step in range(steps):
        seen = [rows[at % len(rows)] for at in range(step * batch, (step + 1) * batch)]
        counted.append(counted[-1] + sum(lengths[row["id"]] for row in seen))
    return counted


if __name__ == "__main__":
    main(run)
