"""The export ``verl``: RL examples as verl's RLHFDataset takes them, and their reward function.

Makes a parquet file for each split that has examples, ``webscale_reward.py`` and ``README.md``.
Reads rl_splits and decontaminated_set at the versions that a release pins. verl hands a row's
``data_source``, ``reward_model.ground_truth`` and ``extra_info`` to the reward function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

import polars as pl

from webscale_dagster.content import parquet
from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.exports.rl_examples import examples, readme
from webscale_dagster.exports.webscale_reward import PREFIX

REWARD = "webscale_reward.py"
EXTRA = (
    *("example_id", "qa_id", "doc_id", "answer_type", "verifier_options", "question"),
    *("closed_book_rate", "open_book_rate", "band"),
)


def files(release: Pinned, splits: Sequence[str]) -> Mapping[str, bytes]:
    """A parquet file for each split, the reward module and the README, always the same bytes."""
    rows = examples(release, splits)
    found = {split: verl_rows(rows.filter(pl.col("split") == split)) for split in splits}
    made = {f"{split}.parquet": parquet(frame) for split, frame in found.items() if frame.height}
    text = readme(
        "verl",
        release=release.name,
        counts=[(f"{split}.parquet", frame.height) for split, frame in found.items()],
        kinds=sorted(rows["answer_type"].unique()),
    )
    return {**made, REWARD: reward_module(), "README.md": text.encode()}


def verl_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Examples with their questions as verl's rows; ``index`` counts those of a split."""
    index = pl.int_range(pl.len(), dtype=pl.Int64).over("split").alias("index")
    return rows.select(
        data_source=pl.lit(PREFIX) + pl.col("answer_type"),
        prompt=pl.col("prompt"),
        ability=pl.col("domain"),
        reward_model=pl.struct(pl.lit("rule").alias("style"), "ground_truth"),
        extra_info=pl.struct("split", index, *EXTRA),
    )


def reward_module() -> bytes:
    """``webscale_reward.py`` as it travels to verl."""
    return (resources.files("webscale_dagster") / "exports" / REWARD).read_bytes()
