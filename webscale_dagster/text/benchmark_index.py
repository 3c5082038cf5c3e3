"""Benchmark questions in memory: n-grams in sorted arrays, words made when a candidate needs them.

Reads rows of benchmark_ngrams and the benchmark questions; writes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.text.alignment import Question
from webscale_dagster.text.ngrams import Places, Postings, has_digit
from webscale_dagster.text.normalise import words
from webscale_dagster.text.shingles import Hashes, ngram_hashes, word_hashes


class Hit(NamedTuple):
    """A benchmark question found: its number in the index, how, how much of it, and the words."""

    owner: int
    rule: str
    score: float
    match: str


class Text:
    """A text's words and their hashes, made once for all rules."""

    def __init__(self, raw: str) -> None:
        self.words = words(raw)

    @cached_property
    def hashes(self) -> Hashes:
        """One per word."""
        return word_hashes(self.words)

    @cached_property
    def plain(self) -> Places:
        """Places of the words without digits."""
        return np.flatnonzero(~has_digit(self.words))


class Runs(NamedTuple):
    """N-grams of a text that are known: place of each in the text's n-grams, and its question."""

    n: int
    hashes: Hashes  # of all n-grams of the text
    places: Places
    owners: npt.NDArray[np.int32]


class Index:
    """The questions by number: ``keys`` names them, ``totals`` counts their n-grams by part."""

    def __init__(self, ngrams: pl.DataFrame, questions: pl.DataFrame) -> None:
        key = ["benchmark", "benchmark_id"]
        numbered = (
            pl.concat([questions.select(key), ngrams.select(key)])
            .unique(maintain_order=True)
            .with_row_index("owner")
        )
        self.keys: list[tuple[str, str]] = numbered.select(key).rows()
        owned = ngrams.join(numbered, on=key, how="left", maintain_order="left").drop(key)
        self.fingerprints = owned.filter(pl.col("part") == "fingerprint")
        texts = numbered.join(
            questions.unique(key, keep="first"), on=key, how="left", maintain_order="left"
        )
        self._questions: list[str | None] = texts["question"].to_list()
        self._contexts: list[str | None] = texts["context"].to_list()
        self._parts: dict[str, tuple[int, Postings]] = {}
        self.totals: dict[str, npt.NDArray[np.int64]] = {}
        for part in ("question", "short_question", "context"):
            self._load(part, owned.filter(pl.col("part") == part))
        self._count_words()
        self.question = lru_cache(maxsize=20_000)(self._question)
        self.context_runs = lru_cache(maxsize=2_000)(self._context_runs)

    def _load(self, part: str, rows: pl.DataFrame) -> None:
        lengths = rows["n"].unique().to_list()
        if len(lengths) > 1:
            raise ValueError(
                f"benchmark_ngrams: {part} has n-grams of {sorted(lengths)} words; build the"
                " table benchmarks again with one recipe"
            )
        owners = rows["owner"].to_numpy().astype(np.int32)
        hashes = rows["hash"].to_numpy().view(np.uint64)
        self.totals[part] = np.bincount(owners, minlength=len(self.keys))
        self._parts[part] = (lengths[0] if lengths else 1, Postings(hashes, owners))

    def _count_words(self) -> None:
        seen: Counter[str] = Counter()
        self._same: dict[str, list[int]] = {}
        for owner, question in enumerate(self._questions):
            if question is not None:
                tokens = words(question)
                seen.update(set(tokens))
                self._same.setdefault(" ".join(tokens), []).append(owner)
        self._unseen = math.log(len(self._questions) + 1)
        self._weights = {
            word: max(math.log((len(self._questions) + 1) / count), 0.1)
            for word, count in seen.items()
        }

    def weight(self, word: str) -> float:
        """How rare a word is among the questions: logarithm of inverse document frequency."""
        return self._weights.get(word, self._unseen)

    def same_words(self, tokens: list[str]) -> list[int]:
        """Questions with exactly these words."""
        return self._same.get(" ".join(tokens), []) if tokens else []

    def runs(self, part: str, text: Text) -> Runs:
        """The known n-grams of a text; those of questions leave out the words with digits."""
        n, postings = self._parts[part]
        hashes = text.hashes[text.plain] if part == "question" else text.hashes
        grams = ngram_hashes(hashes, n)
        return Runs(n, grams, *postings.find(grams))

    def _question(self, owner: int) -> Question | None:
        text = self._questions[owner]
        return None if text is None else Question.of(words(text), self._parts["question"][0])

    def _context_runs(self, owner: int, n: int) -> set[tuple[str, ...]]:
        tokens = words(self._contexts[owner] or "")
        return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}
