"""The n-grams by which benchmark text is recognised, and a compact index of them.

Reads a frame of benchmark questions; makes rows of the table ``benchmark_ngrams``; writes nothing.

    part            n                    what is hashed
    question        ngram_words          runs of the question's words without numbers: the same
                                         question with other numbers has the same runs
    short_question  short_ngram_words    one run, the rarest, of a question that is too short or
                                         too much of a template for the above; a hit counts only
                                         if the whole question follows
    context         context_ngram_words  runs of the passage a question is asked of
    fingerprint     as published         hashes of an item whose text is withheld

A run that more than ``max_questions_per_ngram`` questions share is a stock phrase or a template:
it says nothing about any of them and is left out (marin issues 6852 and 7126: without such a
filter most hits of 13-grams were quotes and templates).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.recipe import Benchmarks
from webscale_dagster.tables import TABLES
from webscale_dagster.text.normalise import words
from webscale_dagster.text.shingles import Hashes, ngram_hashes, word_hashes

Places = npt.NDArray[np.int64]

# Fewer distinct runs than this are a phrase, not a question: such questions go by their whole text.
MIN_RUNS = 4
_SLOTS = np.uint64((1 << 24) - 1)  # of a table that rules most lookups out, 16 MB


def ngram_rows(benchmarks: pl.DataFrame, settings: Benchmarks) -> pl.DataFrame:
    """The n-grams of questions, contexts and published fingerprints.

    Columns read: benchmark, benchmark_id, question, context, and where present ``hashes`` (16 hex
    digits per word run) with ``ngram`` (words per run).
    """
    questions = _texts(benchmarks, "question")
    contexts = _texts(benchmarks, "context").unique("text", keep="first", maintain_order=True)
    tokens = [words(text) for text in questions["text"]]
    runs = _distinctive([_runs(without_numbers(t), settings.ngram_words) for t in tokens], settings)
    few = np.array([len(run) < MIN_RUNS for run in runs], bool)
    whole = _rarest([_runs(word_hashes(t), settings.short_ngram_words) for t in tokens])
    passages = [
        _runs(word_hashes(words(text)), settings.context_ngram_words) for text in contexts["text"]
    ]
    empty = np.empty(0, np.uint64)
    rows = partial(_rows, schema=TABLES["benchmark_ngrams"].schema)
    return pl.concat(
        [
            rows(
                questions,
                [empty if f else run for run, f in zip(runs, few, strict=True)],
                "question",
                settings.ngram_words,
            ),
            rows(
                questions,
                [run if f else empty for run, f in zip(whole, few, strict=True)],
                "short_question",
                settings.short_ngram_words,
            ),
            rows(
                contexts, _distinctive(passages, settings), "context", settings.context_ngram_words
            ),
            _fingerprints(benchmarks),
        ]
    ).unique(maintain_order=True)


def without_numbers(tokens: Sequence[str]) -> Hashes:
    """Hashes of the words that hold no digit."""
    hashes = word_hashes(tokens)
    return hashes[~has_digit(tokens)]


def has_digit(tokens: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which words hold a digit."""
    return np.fromiter(
        (not token.isalpha() and any(map(str.isdigit, token)) for token in tokens),
        bool,
        len(tokens),
    )


class Postings:
    """Which questions hold a hash: sorted arrays, 12 bytes per n-gram and a table of 16 MB."""

    def __init__(self, hashes: Hashes, owners: npt.NDArray[np.int32]) -> None:
        order = np.argsort(hashes, kind="stable")
        self._owners = owners[order]
        self._hashes, starts = np.unique(hashes[order], return_index=True)
        self._starts = np.append(starts, len(hashes)).astype(np.int32)
        self._table = np.zeros(int(_SLOTS) + 1, bool)
        self._table[self._hashes & _SLOTS] = True

    def find(self, hashes: Hashes) -> tuple[Places, npt.NDArray[np.int32]]:
        """Places in ``hashes`` that are known and, for each, one question that holds it."""
        places = np.flatnonzero(self._table[hashes & _SLOTS])
        if not len(places):
            return places, np.empty(0, np.int32)
        slots = np.searchsorted(self._hashes, hashes[places])
        slots[slots == len(self._hashes)] = 0
        known = self._hashes[slots] == hashes[places]
        places, slots = places[known], slots[known]
        counts = self._starts[slots + 1] - self._starts[slots]
        first = np.repeat(self._starts[slots] - np.cumsum(counts) + counts, counts)
        return np.repeat(places, counts), self._owners[first + np.arange(len(first))]


def _texts(benchmarks: pl.DataFrame, column: str) -> pl.DataFrame:
    if column not in benchmarks.columns:
        return pl.DataFrame(schema=dict.fromkeys(("benchmark", "benchmark_id", "text"), pl.String))
    return benchmarks.select("benchmark", "benchmark_id", text=pl.col(column)).drop_nulls("text")


def _runs(hashes: Hashes, n: int) -> Hashes:
    return np.unique(ngram_hashes(hashes, n))


def _counts(sets: Sequence[Hashes]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    return np.unique(np.concatenate([np.empty(0, np.uint64), *sets]), return_counts=True)


def _distinctive(sets: Sequence[Hashes], settings: Benchmarks) -> list[Hashes]:
    """The sets without members that too many of them share."""
    hashes, counts = _counts(sets)
    stock = hashes[counts > settings.max_questions_per_ngram]
    return [members[~np.isin(members, stock, assume_unique=True)] for members in sets]


def _rarest(sets: Sequence[Hashes]) -> list[Hashes]:
    """Of each set the member that fewest others have."""
    hashes, counts = _counts(sets)
    return [
        members[[counts[np.searchsorted(hashes, members)].argmin()]] if len(members) else members
        for members in sets
    ]


def _rows(
    texts: pl.DataFrame, sets: Sequence[Hashes], part: str, n: int, *, schema: pl.Schema
) -> pl.DataFrame:
    hashes = np.concatenate([np.empty(0, np.uint64), *sets]).view(np.int64)
    owner = np.repeat(np.arange(len(sets)), [len(members) for members in sets])
    return (
        texts[owner]
        .select(
            "benchmark",
            "benchmark_id",
            part=pl.lit(part, pl.String),
            n=pl.lit(n, pl.Int64),
            hash=pl.Series(hashes, dtype=pl.Int64),
        )
        .cast(schema)
    )


def _fingerprints(benchmarks: pl.DataFrame) -> pl.DataFrame:
    schema = TABLES["benchmark_ngrams"].schema
    if not {"hashes", "ngram"} <= set(benchmarks.columns):
        return TABLES["benchmark_ngrams"].empty()
    listed = benchmarks.select("benchmark", "benchmark_id", "ngram", "hashes").explode("hashes")
    values = [
        int(digits, 16) - ((int(digits, 16) >> 63) << 64)
        for digits in listed.drop_nulls("hashes")["hashes"]
    ]
    return (
        listed.drop_nulls("hashes")
        .select(
            "benchmark",
            "benchmark_id",
            part=pl.lit("fingerprint", pl.String),
            n=pl.col("ngram").cast(pl.Int64),
            hash=pl.Series(values, dtype=pl.Int64),
        )
        .cast(schema)
    )
