"""The n-grams by which benchmark text is recognised.

Reads a frame of benchmark questions; makes rows of the table ``benchmark_ngrams``; writes nothing.

    part            n                    what is hashed
    question        ngram_words          runs of the question's content words without numbers: the
                                         same question with other numbers, or asked in other
                                         words, has the same runs
    anchor          anchor_ngram_words   one such run, the rarest, of a question that has too few
                                         for the above
    short_question  short_ngram_words    one run of all words, the rarest, of such a question: sums
                                         and templates, which differ by their numbers only
    context         context_ngram_words  runs of the passage a question is asked of
    fingerprint     as published         hashes of an item whose text is withheld

A run that more than ``max_questions_per_ngram`` questions share is a stock phrase or a template:
it says nothing about any of them and is left out (marin issues 6852 and 7126: without such a
filter most hits of 13-grams were quotes and templates).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.recipe import Benchmarks
from webscale_dagster.tables import TABLES
from webscale_dagster.text.kernels.tokens import Hashes, prepare, tokenise
from webscale_dagster.text.postings import Words, content_of
from webscale_dagster.text.shingles import ngram_hashes

Numbers = npt.NDArray[np.int64]

# Fewer distinct runs than this are a phrase, not a question: such questions go by an anchor.
MIN_RUNS = 4


def ngram_rows(benchmarks: pl.DataFrame, settings: Benchmarks) -> pl.DataFrame:
    """The n-grams of questions, contexts and published fingerprints.

    Columns read: benchmark, benchmark_id, question, context, and where present ``hashes`` (16 hex
    digits per word run) with ``ngram`` (words per run).
    """
    questions = _texts(benchmarks, "question")
    contexts = _texts(benchmarks, "context").unique("text", keep="first", maintain_order=True)
    tokens = tokenise(prepare(questions["text"]))
    every, content = Words(tokens.hashes, tokens.offsets), content_of(tokens).words
    passages = tokenise(prepare(contexts["text"]))
    most = settings.max_questions_per_ngram
    n, least = settings.ngram_words, settings.anchor_ngram_words
    short, long = settings.short_ngram_words, settings.context_ngram_words
    runs = _runs(content, n).distinctive(most)
    few = np.bincount(runs.owners, minlength=len(questions)) < MIN_RUNS
    anchors = _runs(content, least).distinctive(most).rarest()
    whole = _runs(every, short).rarest()
    about = _runs(Words(passages.hashes, passages.offsets), long)
    parts = [
        _rows(questions, runs.where(~few[runs.owners]), "question", n),
        _rows(questions, anchors.where(few[anchors.owners]), "anchor", least),
        _rows(questions, whole.where(few[whole.owners]), "short_question", short),
        _rows(contexts, about.distinctive(most), "context", long),
        _fingerprints(benchmarks),
    ]
    return pl.concat(parts).unique(maintain_order=True)


def _texts(benchmarks: pl.DataFrame, column: str) -> pl.DataFrame:
    if column not in benchmarks.columns:
        return pl.DataFrame(schema=dict.fromkeys(("benchmark", "benchmark_id", "text"), pl.String))
    return benchmarks.select("benchmark", "benchmark_id", text=pl.col(column)).drop_nulls("text")


class _Runs(NamedTuple):
    """Distinct runs of many texts: the text's number and the run's hash, text by text."""

    owners: Numbers
    hashes: Hashes

    def where(self, keep: npt.NDArray[np.bool_]) -> _Runs:
        return _Runs(self.owners[keep], self.hashes[keep])

    def frequencies(self) -> Numbers:
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


def _runs(words: Words, n: int) -> _Runs:
    owners = np.repeat(np.arange(len(words.offsets) - 1), np.diff(words.offsets))
    hashes = ngram_hashes(words.hashes, n)
    inside = owners[: len(hashes)] == owners[n - 1 :]
    owners, hashes = owners[: len(hashes)][inside], hashes[inside]
    order = np.lexsort((hashes, owners))
    owners, hashes = owners[order], hashes[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(owners) > 0) | (hashes[1:] != hashes[:-1])
    return _Runs(owners[new], hashes[new])


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
