"""Contracts of the tables of documents: raw_corpus, near_duplicates, filtered_docs, personas."""

from __future__ import annotations

import polars as pl

from webscale_dagster.contracts.check import Check, not_blank, not_json_object
from webscale_dagster.recipe import Recipe


def raw_corpus(recipe: Recipe) -> tuple[Check, ...]:
    """Documents are readable text with an identity."""
    del recipe
    return (
        Check("text_present", "every document has text", not_blank("text")),
        Check(
            "text_is_clean",
            "no NUL or lone surrogate survived normalisation",
            pl.col("text").str.contains("\x00", literal=True),
        ),
        Check("words_counted", "n_words is positive", pl.col("n_words").fill_null(0) < 1),
        Check("language_known", "lang is a code or `und`", ~pl.col("lang").str.contains("^[a-z]")),
    )


def near_duplicates(recipe: Recipe) -> tuple[Check, ...]:
    """A duplicate names another document and reaches the threshold."""
    settings = recipe.near_duplicates
    return (
        Check(
            "keeps_another",
            "no document is its own duplicate in the same shard",
            (pl.col("doc_id") == pl.col("keep_doc_id")) & (pl.col("jaccard") < 1),
        ),
        Check(
            "reaches_threshold",
            f"exact Jaccard is at least {settings.threshold} and at most 1",
            ~pl.col("jaccard").is_between(settings.threshold, 1.0),
        ),
    )


def filtered_docs(recipe: Recipe) -> tuple[Check, ...]:
    """Only documents of the recipe's languages and lengths are asked about."""
    settings = recipe.filtered_docs
    return (
        Check("text_present", "every document has text", not_blank("text")),
        Check(
            "language_wanted",
            f"lang is one of {', '.join(settings.languages)}",
            ~pl.col("lang").is_in(list(settings.languages)),
        ),
        Check(
            "length_wanted",
            f"{settings.min_words} to {settings.max_words} words",
            ~pl.col("n_words").is_between(settings.min_words, settings.max_words),
        ),
        Check("measures_kept", "every rule's value is kept", not_json_object("measures")),
    )


def personas(recipe: Recipe) -> tuple[Check, ...]:
    """Every persona says something, and a document has at most as many as the recipe allows."""
    limit = recipe.personas.max_personas
    return (
        Check("persona_present", "every persona is described", not_blank("persona")),
        Check("domain_present", "every document has a domain", not_blank("domain")),
        Check(
            "persona_count",
            f"persona_index is from 0 to {limit - 1}",
            ~pl.col("persona_index").is_between(0, limit - 1),
        ),
        Check(
            "one_domain",
            "a document has one domain",
            pl.col("domain").n_unique().over("doc_id") > 1,
        ),
    )
