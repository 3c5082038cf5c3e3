"""Benchmark questions in memory: n-grams in arrays, words made when a candidate needs them.

Reads rows of benchmark_ngrams and the benchmark questions; writes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl

from webscale_dagster.text.alignment import Question, is_spelled
from webscale_dagster.text.content_words import content_words
from webscale_dagster.text.kernels.postings import Hits
from webscale_dagster.text.kernels.tokens import Hashes, prepare, tokenise
from webscale_dagster.text.kernels.utf8 import Offsets as Numbers
from webscale_dagster.text.normalise import words
from webscale_dagster.text.postings import Postings, Words, content_of

_LEAST = 0.1  # weight of a word that nearly every question has
_FORMULA_SHARE = 0.2  # of its weight has a letter or command: any formula has some of them


class Hit(NamedTuple):
    """A benchmark question found: its number in the index, how, how much of it, and the words."""

    owner: int
    rule: str
    score: float
    match: str


class Texts:
    """Texts with their words, made once for all rules."""

    def __init__(self, raw: Sequence[str] | pl.Series) -> None:
        """Hashes the words of all; the words themselves are made for the few that need them."""
        self.raw = raw if isinstance(raw, pl.Series) else pl.Series(raw, dtype=pl.String)
        tokens = tokenise(prepare(self.raw))
        self.every = Words(tokens.hashes, tokens.offsets)
        self.content = content_of(tokens)
        self.words = lru_cache(maxsize=64)(self._words)

    def _words(self, text: int) -> list[str]:
        return words(self.raw[text] or "")

    def near(self, text: int, at: int, reach: int) -> set[int]:
        """Hashes of the content words around one of them."""
        first, last = self.content.words.offsets[text : text + 2]
        low, high = max(first, first + at - reach), min(last, first + at + reach)
        return set(self.content.words.hashes[low:high].tolist())

    def holds(self, text: int, wanted: Hashes, first: int, last: int) -> bool:
        """Whether words stand one after the other in a text, beginning between two places."""
        begin, end = self.every.offsets[text : text + 2]
        there = self.every.hashes[max(begin, begin + first) : min(end, begin + last + len(wanted))]
        starts = np.flatnonzero(there[: len(there) - len(wanted) + 1] == wanted[0])
        return any(np.array_equal(there[at : at + len(wanted)], wanted) for at in starts.tolist())

    def plain(self, text: int) -> Numbers:
        """Places of the content words without digits among a text's words."""
        ends = self.content.words.offsets
        return self.content.places[ends[text] : ends[text + 1]]


class Found(NamedTuple):
    """N-grams of one question in one text: their hashes, and places in the words looked up."""

    text: int
    owner: int
    places: Numbers
    hashes: Hashes


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
        self.texts: list[str | None] = texts["question"].to_list()
        self._contexts: list[str | None] = texts["context"].to_list()
        known = "answer" in texts.columns
        self.answers: list[str | None] = (
            texts["answer"].to_list() if known else [None] * len(self.texts)
        )
        self._parts: dict[str, Postings] = {}
        self.totals: dict[str, Numbers] = {}
        for part in ("question", "anchor", "short_question", "context"):
            self._load(part, owned.filter(pl.col("part") == part))
        self.weight = lru_cache(maxsize=100_000)(self._weight)
        self.question = lru_cache(maxsize=20_000)(self._question)
        self.context_runs = lru_cache(maxsize=2_000)(self._context_runs)

    def _load(self, part: str, rows: pl.DataFrame) -> None:
        lengths = rows["n"].unique().to_list()
        if len(lengths) > 1:
            raise ValueError(
                f"benchmark_ngrams: {part} has n-grams of {sorted(lengths)} words; build the"
                " table benchmarks again with one recipe"
            )
        owners = rows["owner"].to_numpy().astype(np.int64)
        hashes = rows["hash"].to_numpy().view(np.uint64)
        self.totals[part] = np.bincount(owners, minlength=len(self.keys))
        self._parts[part] = Postings(lengths[0] if lengths else 1, hashes, owners)

    @cached_property
    def _counted(self) -> tuple[dict[str, float], dict[str, list[int]], dict[str, list[int]]]:
        """Weights of content words, and questions by all their words and by their content."""
        seen: Counter[str] = Counter()
        same: dict[str, list[int]] = {}
        alike: dict[str, list[int]] = {}
        for owner, question in enumerate(self.texts):
            if question is not None:
                tokens = words(question)
                content = content_words(tokens)
                seen.update(set(content))
                same.setdefault(" ".join(tokens), []).append(owner)
                alike.setdefault(" ".join(content), []).append(owner)
        rarest = math.log(len(self.texts) + 1)
        weights = {word: max(rarest - math.log(n), _LEAST) for word, n in seen.items()}
        return weights, same, alike

    def _weight(self, word: str) -> float:
        """How rare a word is among the questions: logarithm of inverse document frequency."""
        rarity = self._counted[0].get(word, math.log(len(self.texts) + 1))
        return rarity if is_spelled(word) else _FORMULA_SHARE * rarity

    def same_words(self, tokens: list[str]) -> list[int]:
        """Questions with exactly these words."""
        return self._counted[1].get(" ".join(tokens), []) if tokens else []

    def same_content(self, content: list[str]) -> list[int]:
        """Questions with exactly these content words, numbers among them."""
        return self._counted[2].get(" ".join(content), []) if content else []

    def length(self, part: str) -> int:
        """Words in an n-gram of a part."""
        return self._parts[part].n

    def hits(self, part: str, texts: Texts) -> Hits:
        """The known n-grams of texts: of content words or of all, as the part wants."""
        plain = part in ("question", "anchor")
        return self._parts[part].find(texts.content.words if plain else texts.every)

    def _question(self, owner: int) -> Question | None:
        text = self.texts[owner]
        if text is None:
            return None
        return Question.of(words(text), self._parts["question"].n, is_latex="\\" in text)

    def _context_runs(self, owner: int, n: int) -> set[tuple[str, ...]]:
        tokens = words(self._contexts[owner] or "")
        return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}


def grouped(hits: Hits, least: Numbers) -> list[Found]:
    """Hits by text and question, where there are at least as many as the question wants."""
    if not len(hits.texts):
        return []
    order = np.lexsort((hits.places, hits.owners, hits.texts))
    texts, owners = hits.texts[order], hits.owners[order]
    starts = np.flatnonzero(np.append(True, (np.diff(texts) > 0) | (np.diff(owners) != 0)))
    counts = np.diff(np.append(starts, len(order)))
    enough = counts >= least[owners[starts]]
    return [
        Found(
            int(texts[s]),
            int(owners[s]),
            hits.places[order[s : s + c]],
            hits.hashes[order[s : s + c]],
        )
        for s, c in zip(starts[enough], counts[enough], strict=True)
    ]
