"""Contracts of the tables of pairs: qa_pairs, verified_qa, decontaminated_set."""

from __future__ import annotations

import polars as pl

from webscale_dagster.contracts.check import (
    Check,
    not_blank,
    not_json_object,
    question_says_answer,
)
from webscale_dagster.recipe import Recipe
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
            ~by_rules
            & ~(
                pl.col("correct") & pl.col("self_contained") & pl.col("unique") & ~pl.col("leaks")
            ).fill_null(False),
        ),
    )


decontaminated_set = verified_qa
