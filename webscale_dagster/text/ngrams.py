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

from collections.abc import Iterable, Sequence
from typing import NamedTuple

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
    most = settings.max_questions_per_ngram
    n, short, long = settings.ngram_words, settings.short_ngram_words, settings.context_ngram_words
    runs = _runs((without_numbers(t) for t in tokens), n).distinctive(most)
    few = np.bincount(runs.owners, minlength=len(tokens)) < MIN_RUNS
    whole = _runs(map(word_hashes, tokens), short).rarest()
    passages = _runs((word_hashes(words(text)) for text in contexts["text"]), long)
    parts = [
        _rows(questions, runs.where(~few[runs.owners]), "question", n),
        _rows(questions, whole.where(few[whole.owners]), "short_question", short),
        _rows(contexts, passages.distinctive(most), "context", long),
        _fingerprints(benchmarks),
    ]
    return pl.concat(parts).unique(maintain_order=True)


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


class _Runs(NamedTuple):
    """Distinct runs of many texts: the text's number and the run's hash, text by text."""

    owners: Places
    hashes: Hashes

    def where(self, keep: npt.NDArray[np.bool_]) -> _Runs:
        return _Runs(self.owners[keep], self.hashes[keep])

    def frequencies(self) -> Places:
        """In how many texts each run is."""
        _, inverse, counts = np.unique(self.hashes, return_inverse=True, return_counts=True)
        return np.asarray(counts[inverse], np.int64)

    def distinctive(self, most: int) -> _Runs:
        """Those that at most so many texts have."""
        return self.where(self.frequencies() <= most)

    def rarest(self) -> _Runs:
        """Of each text the run that fewest others have."""
        order = np.lexsort((self.hashes, self.frequencies(), self.owners))
        first = np.ones(len(order), bool)
        first[1:] = np.diff(self.owners[order]) > 0
        return _Runs(self.owners[order[first]], self.hashes[order[first]])


def _runs(texts: Iterable[Hashes], n: int) -> _Runs:
    sets = [np.unique(ngram_hashes(hashes, n)) for hashes in texts]
    sizes = [len(members) for members in sets]
    return _Runs(
        np.repeat(np.arange(len(sets)), sizes), np.concatenate([np.empty(0, np.uint64), *sets])
    )


def _rows(texts: pl.DataFrame, runs: _Runs, part: str, n: int) -> pl.DataFrame:
    return texts[runs.owners].select(
        "benchmark",
        "benchmark_id",
        part=pl.lit(part, pl.String),
        n=pl.lit(n, pl.Int64),
        hash=pl.Series(runs.hashes.view(np.int64), dtype=pl.Int64),
    )


def _fingerprints(benchmarks: pl.DataFrame) -> pl.DataFrame:
    if not {"hashes", "ngram"} <= set(benchmarks.columns):
        return TABLES["benchmark_ngrams"].empty()
    listed = benchmarks.select("benchmark", "benchmark_id", "ngram", "hashes").explode("hashes")
    listed = listed.drop_nulls("hashes")
    values = [int(digits, 16) for digits in listed["hashes"]]
    return listed.select(
        "benchmark",
        "benchmark_id",
        part=pl.lit("fingerprint", pl.String),
        n=pl.col("ngram").cast(pl.Int64),
        hash=pl.Series([value - ((value >> 63) << 64) for value in values], dtype=pl.Int64),
    )
