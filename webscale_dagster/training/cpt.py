"""Program ``cpt``: continual pretraining on packed documents, for a budget of tokens.

Reads ``texts`` (parquet: text); writes the job's ``model/``. The documents are gone over as often
as the budget asks for. Run: ``python -m webscale_dagster.training.cpt JOB``.
"""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from webscale_dagster.training.job import Job
from webscale_dagster.training.model_folder import context_length, load_model, load_tokenizer
from webscale_dagster.training.program import Report, TrainingError, main
from webscale_dagster.training.supervised import train


def run(job: Job, report: Report) -> dict[str, Any]:
    """Blocks of ``max_length`` tokens until the budget is reached, within half a step."""
    tokenizer = load_tokenizer(job.model, job.what.get("revision"))
    model = load_model(job.model, "fp32", job.what.get("revision")).train()
    settings, length = job.settings, job.settings["max_length"]
    if length > context_length(model.config):
        raise TrainingError(
            f"cpt_checkpoint.max_length is {length}, the model reads "
            f"{context_length(model.config)} tokens; lower it"
        )
    texts = pl.read_parquet(job.files["texts"])["text"].to_list()
    source = sum(len(ids) for ids in tokenizer(texts)["input_ids"])
    if source < length:
        raise TrainingError(
            f"{len(texts)} documents of {source} tokens make no block of {length}; "
            "lower cpt_checkpoint.max_length or give more documents"
        )
    block = settings["batch"] * length
    steps = max(round(job.what["budget_tokens"] / block), 1)
    report.say(f"cpt: {steps} steps of {block:,} tokens, {steps * block / source:.2f} epochs")
    train(
        job,
        report,
        model=model,
        tokenizer=tokenizer,
        rows=[{"text": text} for text in texts],
        steps=steps,
        packed=True,
        tokens_of_step=lambda step: step * block,
    )
    seen = min(steps * block / source, 1.0)
    return {
        "steps": steps,
        "training_tokens": steps * block,
        "source_tokens": math.ceil(seen * source),
        "generated_tokens": 0,
    }


if __name__ == "__main__":
    main(run)
