"""The export ``trl``: RL examples as TRL's GRPOTrainer takes them.

Makes a parquet file for each split that has examples (``train.parquet`` …) and ``README.md`` with
a trainer that runs. Reads rl_splits and decontaminated_set at the versions that a release pins.
All columns but ``prompt`` reach the reward functions, which route a row by its ``answer_type``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from webscale_dagster.content import parquet
from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.exports.rl_examples import examples, readme

COLUMNS = (
    *("prompt", "ground_truth", "answer_type", "verifier_options", "question"),
    *("example_id", "qa_id", "doc_id", "split", "domain", "license", "source"),
    *("closed_book_rate", "open_book_rate", "band"),
)


def files(release: Pinned, splits: Sequence[str]) -> Mapping[str, bytes]:
    """A parquet file for each split and the README, the same bytes whenever they are made."""
    rows = examples(release, splits)
    found = {split: trl_rows(rows.filter(pl.col("split") == split)) for split in splits}
    made = {f"{split}.parquet": parquet(frame) for split, frame in found.items() if frame.height}
    text = readme(
        "trl",
        release=release.name,
        counts=[(f"{split}.parquet", frame.height) for split, frame in found.items()],
        kinds=sorted(rows["answer_type"].unique()),
    )
    return {**made, "README.md": text.encode()}


def trl_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Examples with their questions as TRL's rows."""
    return rows.select(COLUMNS)
