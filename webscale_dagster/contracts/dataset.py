"""Contracts of benchmarks, rl_splits and evaluation."""

from __future__ import annotations

import polars as pl

from webscale_dagster.contracts.check import Check, not_blank, not_json_object
from webscale_dagster.recipe import BANDS, Recipe
from webscale_dagster.verifiers import ANSWER_TYPES

SPLITS = ("sft", "train", "validation", "test")


def benchmarks(recipe: Recipe) -> tuple[Check, ...]:
    """A question has text, or its published fingerprints stand for it."""
    del recipe
    return (
        Check("benchmark_named", "every question names its benchmark", not_blank("benchmark")),
        Check(
            "question_present_or_fingerprinted",
            "a question is null only where fingerprints stand for it",
            pl.col("question").is_null() & (pl.col("n_words").fill_null(0) > 0),
        ),
    )


def rl_splits(recipe: Recipe) -> tuple[Check, ...]:
    """Examples are complete, typed, unique, of wanted bands; no family straddles two splits."""
    wanted = recipe.rl_splits.bands
    band = pl.col("band")
    return (
        Check(
            "split_known", f"split is one of {', '.join(SPLITS)}", ~pl.col("split").is_in(SPLITS)
        ),
        Check("prompt_present", "every example has a prompt", not_blank("prompt")),
        Check("truth_present", "every example has a ground truth", not_blank("ground_truth")),
        Check(
            "answer_type_known",
            "the answer's type has a verifier",
            ~pl.col("answer_type").is_in(sorted(ANSWER_TYPES)),
        ),
        Check("options_are_json", "verifier_options is JSON", not_json_object("verifier_options")),
        Check("prompt_unique", "no prompt occurs twice", pl.col("prompt").is_duplicated()),
        Check(
            "family_in_one_split",
            "documents of a family share a split",
            pl.col("split").n_unique().over("family") > 1,
        ),
        Check(
            "band_wanted",
            "the band is one that the recipe wants; unknown only where it wants them all",
            ~band.is_in(wanted) if wanted else band.is_not_null() & ~band.is_in(BANDS),
        ),
    )


def evaluation(recipe: Recipe) -> tuple[Check, ...]:
    """Scores are shares within their intervals, of at least one question."""
    del recipe
    value = pl.col("value")
    return (
        Check("metric_named", "every score names its metric", not_blank("metric")),
        Check(
            "value_is_a_share",
            "a score is from 0 to 1",
            (pl.col("metric") != "without_verdict_items")
            & (value.is_null() | value.is_nan() | ~value.is_between(0, 1)),
        ),
        Check(
            "value_in_interval",
            "a score lies in its interval",
            ((value < pl.col("low") - 1e-9) | (value > pl.col("high") + 1e-9)).fill_null(False),
        ),
        Check("items_counted", "every score counts at least one item", pl.col("n") < 1),
    )
