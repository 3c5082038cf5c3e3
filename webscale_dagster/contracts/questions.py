"""Contracts of the tables of pairs: qa_pairs, verified_qa, decontaminated_set, difficulty."""

from __future__ import annotations

import polars as pl

from webscale_dagster.contracts.check import (
    Check,
    not_blank,
    not_json_object,
    question_says_answer,
)
from webscale_dagster.recipe import Difficulty, Recipe
from webscale_dagster.verifiers import ANSWER_TYPES


def qa_pairs(recipe: Recipe) -> tuple[Check, ...]:
    """A pair has a question, a typed answer and a quote with its place."""
    del recipe
    return (
        Check("question_present", "every pair has a question", not_blank("question")),
        Check("answer_present", "every pair has an answer", not_blank("answer")),
        Check(
            "answer_type_known",
            "the answer's type has a verifier",
            ~pl.col("answer_type").is_in(sorted(ANSWER_TYPES)),
        ),
        Check("options_are_json", "verifier_options is JSON", not_json_object("verifier_options")),
        Check("evidence_present", "every pair quotes its document", not_blank("evidence")),
    )


def verified_qa(recipe: Recipe) -> tuple[Check, ...]:
    """What verification promises, counted again from the rows."""
    lowest = recipe.verified_qa.min_quote_score
    by_rules = pl.col("verified_by") == "rules"
    verdicts = [pl.col(name) for name in ("correct", "self_contained", "leaks", "unique")]
    return (
        *qa_pairs(recipe),
        Check(
            "quote_has_its_place",
            "the quote's offsets span at least one character",
            pl.col("evidence_end") <= pl.col("evidence_start"),
        ),
        Check(
            "quote_is_found",
            f"the quote matches the text with a score of at least {lowest}",
            pl.col("quote_score").fill_null(0.0) < lowest,
        ),
        Check(
            "answer_is_supported",
            f"the quote holds at least {recipe.verified_qa.min_support} of the answer's words",
            pl.col("support").fill_null(0.0) < recipe.verified_qa.min_support,
        ),
        Check(
            "answer_not_in_question",
            "the question does not contain its answer",
            question_says_answer(),
        ),
        Check(
            "rules_give_no_model_verdict",
            "rows verified by rules carry no model verdicts",
            by_rules & pl.any_horizontal([verdict.is_not_null() for verdict in verdicts]),
        ),
        Check(
            "model_verdicts_are_good",
            "a model found its rows correct, self-contained, unique and without a leak",
            ~by_rules & ~_good(""),
        ),
        Check(
            "second_verdicts_are_good",
            "where a second checker was asked, it accepted too",
            pl.col("second_by").is_not_null() & ~_good("second_"),
        ),
    )


def _good(prefix: str) -> pl.Expr:
    """Whether a checker's four verdicts are there and speak for the pair."""
    right = [pl.col(prefix + name) for name in ("correct", "self_contained", "unique")]
    return pl.all_horizontal(*right, ~pl.col(f"{prefix}leaks")).fill_null(False)


decontaminated_set = verified_qa


def difficulty(recipe: Recipe) -> tuple[Check, ...]:
    """Rates are shares of samples with a verdict, and the band follows from them."""
    rates = {"closed": pl.col("closed_book_rate"), "open": pl.col("open_book_rate")}
    counts = {"closed": pl.col("n_closed"), "open": pl.col("n_open")}
    asked = pl.col("samples") > 0
    return (
        Check(
            "samples_accounted_for",
            "every sample has a verdict or is counted as one without",
            sum(counts.values(), pl.col("n_without_verdict")) != 2 * pl.col("samples"),
        ),
        Check(
            "policy_named",
            "there is a policy where there are samples, and none where there are none",
            asked != pl.col("policy").is_not_null(),
        ),
        Check(
            "rate_iff_verdicts",
            "a pass rate is null exactly where no sample has a verdict",
            pl.any_horizontal([rates[b].is_null() != (counts[b] == 0) for b in rates]),
        ),
        Check(
            "rate_is_a_share",
            "pass rates are from 0 to 1",
            pl.any_horizontal([~rate.fill_null(0.0).is_between(0, 1) for rate in rates.values()]),
        ),
        Check(
            "band_fits_rates",
            "the band follows from the pass rates, and is null where they do not decide it",
            ~pl.col("band").eq_missing(_band(recipe.difficulty)),
        ),
    )


def _band(settings: Difficulty) -> pl.Expr:
    """The band once more, as SQL would write it."""
    closed, opened = pl.col("closed_book_rate"), pl.col("open_book_rate")
    known = closed.is_not_null() & opened.is_not_null()
    return (
        pl.when(opened <= settings.broken_to)
        .then(pl.lit("broken"))
        .when(closed >= settings.trivial_from)
        .then(pl.lit("trivial"))
        .when(closed > 0)
        .then(pl.lit("learnable"))
        .when(known)
        .then(pl.lit("hard"))
    )
