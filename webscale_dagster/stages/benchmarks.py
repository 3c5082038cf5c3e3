"""The test sets to keep out of training, normalised and indexed.

Reads ``benchmark_files`` (benchmark, benchmark_id, question, answer, context, n_words, hashes,
ngram). Writes benchmarks (a question) and, beside it, benchmark_ngrams.
"""

from __future__ import annotations

from webscale_dagster.stages.protocol import Context, Frames, Result, Stage
from webscale_dagster.tables import TABLES


def run(frames: Frames, context: Context) -> Result:
    """Every question of every benchmark file, and the n-grams it is found by."""
    from webscale_dagster.text.decontamination import ngram_rows

    files = frames["benchmark_files"].sort("benchmark", "benchmark_id")
    questions = files.select(list(TABLES["benchmarks"].schema)).unique(
        ["benchmark", "benchmark_id"], keep="first", maintain_order=True
    )
    kept = files.join(
        questions.select("benchmark", "benchmark_id"), on=["benchmark", "benchmark_id"], how="semi"
    )
    grams = ngram_rows(kept, context.recipe.benchmarks)
    return Result(
        questions,
        TABLES["rejects"].empty(),
        {
            "benchmark_ngrams": grams.select(list(TABLES["benchmark_ngrams"].schema)).unique(
                maintain_order=True
            )
        },
    )


STAGE = Stage(
    name="benchmarks",
    reads=("benchmark_files",),
    run=run,
    version=2,
    settings=("benchmarks",),
    beside=("benchmark_ngrams",),
)
