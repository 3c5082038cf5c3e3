"""Program ``base``: a model made on the spot, pretrained from scratch on documents.

Reads ``texts`` (parquet: text) and the recipe's ``[training.tiny]``; writes the job's ``model/``.
Run: ``python -m webscale_dagster.training.base JOB``.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from webscale_dagster.experiment import TinyModel
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import Report, main
from webscale_dagster.training.supervised import train


def run(job: Job, report: Report) -> dict[str, Any]:
    """Tokenizer, random weights, then so many steps over the packed documents."""
    from webscale_dagster.training.tiny_model import make_model, make_tokenizer

    tiny = TinyModel.model_validate(job.what["tiny"])
    texts = pl.read_parquet(job.files["texts"])["text"].to_list()
    tokenizer = make_tokenizer(texts, tiny.vocabulary)
    model = make_model(tokenizer, tiny)
    block = tiny.batch * tiny.context
    report.say(
        f"base: {sum(p.numel() for p in model.parameters()):,} parameters, {len(texts):,} documents"
    )
    train(
        job,
        report,
        model=model,
        tokenizer=tokenizer,
        rows=[{"text": text} for text in texts],
        steps=max(tiny.steps, 1),
        packed=True,
        tokens_of_step=lambda step: step * block,
    )
    source = sum(len(ids) for ids in tokenizer(texts)["input_ids"])
    return {
        "steps": tiny.steps,
        "training_tokens": tiny.steps * block,
        "source_tokens": source,
        "generated_tokens": 0,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


if __name__ == "__main__":
    main(run)
