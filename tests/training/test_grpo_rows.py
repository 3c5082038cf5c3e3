"""Which questions GRPO asks, and in which order."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.training.jobs import examples, grpo_job
from webscale_dagster.training.grpo import _rows, reward_settings
from webscale_dagster.training.program import TrainingError


def test_bands_choose_and_a_curriculum_orders(tmp_path: Path) -> None:
    rows = examples(8).with_columns(
        closed_book_rate=pl.when(pl.int_range(8) == 3)
        .then(None)
        .otherwise(pl.col("closed_book_rate"))
    )
    job = grpo_job(tmp_path, "m", rows, 10, bands=["learnable"], curriculum="easy_first")
    found = _rows(job)
    assert [row["example_id"] for row in found] == ["e07", "e05", "e01", "e03"]
    assert found[0]["prompt"][0]["role"] == "user"
    assert len(_rows(grpo_job(tmp_path, "m", rows, 10))) == 8


def test_no_question_of_a_band_is_an_error(tmp_path: Path) -> None:
    job = grpo_job(tmp_path, "m", examples(4), 10, bands=["trivial"])
    with pytest.raises(TrainingError, match="widen"):
        _rows(job)


def test_the_recipe_s_reward_settings_arrive(tmp_path: Path) -> None:
    job = grpo_job(tmp_path, "m", examples(4), 10, weights={"number": 2.0}, soft=False)
    found = reward_settings(job.settings)
    assert found.weights == {"number": 2.0} and found.soft is False
    assert found.max_completion_tokens == 6 and found.format_weight == 0.5
