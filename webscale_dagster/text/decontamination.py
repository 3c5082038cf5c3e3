"""Finds benchmark questions in documents and in question-answer pairs.

Reads rows of benchmark_ngrams, the benchmark questions, and a frame of texts; makes a frame of
hits; writes nothing. N-grams only nominate: where the benchmark's text is published, a hit is
confirmed by comparing words, so that neither a stock phrase nor a formula is enough.

    rule               what was found
    question           the question, word for word
    question_numbers   the question with other numbers
    question_overlap   most of the question in its order, words weighted by their rarity
    question_part      (pairs) most of the pair's question within a longer benchmark question
    context            the passage a benchmark question is asked of
    fingerprint        the published hashes of an item whose text is withheld
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.recipe import DecontaminatedSet
from webscale_dagster.text.alignment import Alignment, Question, align, cluster, window
from webscale_dagster.text.benchmark_index import Hit, Index, Text
from webscale_dagster.text.fingerprints import Fingerprints
from webscale_dagster.text.ngrams import Places, ngram_rows

__all__ = ["Decontaminator", "ngram_rows"]

# A candidate shares this many runs with a question or half of them, and this share in any case.
_RUNS, _HALF, _SHARE = 3, 0.5, 0.15
# A sentence that states what a short question asks shares most of its words ("the largest moon in
# the Solar System"). In documents and answers, up to 10 words nearly all are wanted, from 16 the
# recipe's share: of 12,212 documents of 13 corpora, most hits on shorter ones were statements.
_SHORT, _LONG, _SHORT_OVERLAP = 10, 16, 0.95
# A pair whose question is a piece of a longer benchmark question: runs it must have, and share.
_PART_RUNS, _PART_OVERLAP = 4, 0.9
_SCHEMA = {
    "id": pl.String,
    "benchmark": pl.String,
    "benchmark_id": pl.String,
    "rule": pl.String,
    "score": pl.Float64,
    "match": pl.String,
}


class Decontaminator:
    """An index of benchmark questions, in about 80 bytes per word of them, and its two searches."""

    def __init__(
        self, ngrams: pl.DataFrame, questions: pl.DataFrame, settings: DecontaminatedSet
    ) -> None:
        self._settings = settings
        self._index = Index(ngrams, questions)
        self._fingerprints = Fingerprints(self._index.fingerprints, least=settings.max_containment)

    def find(self, documents: pl.DataFrame) -> pl.DataFrame:
        """Hits in documents (columns ``id`` and ``text``), one row per document and question."""
        rows: list[tuple[object, ...]] = []
        for doc_id, raw in documents.select("id", "text").iter_rows():
            text = Text(raw or "")
            rows += self._rows(doc_id, [*self._in_text(text), *self._fingers(raw or "")])
        return pl.DataFrame(rows, _SCHEMA, orient="row")

    def find_pairs(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Hits in pairs (columns ``id``, ``question`` and ``answer``), one row per question."""
        rows: list[tuple[object, ...]] = []
        for pair_id, question, answer in pairs.select("id", "question", "answer").iter_rows():
            asked, raw = Text(question or ""), f"{question or ''}\n{answer or ''}"
            found = [
                *self._same_question(asked),
                *self._by_runs(asked, stated=False),
                *self._as_part(asked),
                *self._in_text(Text(raw)),
                *self._fingers(raw),
            ]
            rows += self._rows(pair_id, found)
        return pl.DataFrame(rows, _SCHEMA, orient="row")

    def _rows(self, row_id: object, hits: list[Hit]) -> Iterator[tuple[object, ...]]:
        best: dict[int, Hit] = {}
        for hit in hits:
            if hit.owner not in best or hit.score > best[hit.owner].score:
                best[hit.owner] = hit
        for hit in best.values():
            yield str(row_id), *self._index.keys[hit.owner], hit.rule, hit.score, hit.match

    def _in_text(self, text: Text) -> Iterator[Hit]:
        yield from self._by_runs(text, stated=True)
        yield from self._by_whole(text)
        yield from self._by_context(text)

    def _by_runs(self, text: Text, *, stated: bool) -> Iterator[Hit]:
        runs = self._index.runs("question", text)
        for owner, places in self._candidates(runs.places, runs.owners):
            question = self._index.question(owner)
            if question is None:
                continue
            found = cluster(question, runs.hashes[places], places)
            shared = found.runs / self._index.totals["question"][owner]
            if shared < _SHARE or (found.runs < _RUNS and shared < _HALF):
                continue
            around = window(question, text.words, text.plain, found)
            aligned = align(question.words, around, self._index.weight)
            if aligned is not None and aligned.overlap >= self._wanted(question, stated):
                yield Hit(owner, _rule(aligned), aligned.overlap, aligned.match)

    def _candidates(
        self, places: Places, owners: npt.NDArray[np.int32]
    ) -> Iterator[tuple[int, Places]]:
        if not len(owners):
            return
        order = np.argsort(owners, kind="stable")
        known, starts, counts = np.unique(owners[order], return_index=True, return_counts=True)
        totals = self._index.totals["question"][known]
        enough = (counts >= _SHARE * totals) & ((counts >= _RUNS) | (counts >= _HALF * totals))
        for owner, start, count in zip(known[enough], starts[enough], counts[enough], strict=True):
            yield int(owner), places[order[start : start + count]]

    def _wanted(self, question: Question, stated: bool) -> float:
        """The overlap that counts, in a text that may state what the question asks, or not."""
        least = self._settings.max_overlap
        if not stated:
            return least
        share = (_LONG - len(question.words)) / (_LONG - _SHORT)
        return least + (max(least, _SHORT_OVERLAP) - least) * min(max(share, 0.0), 1.0)

    def _by_whole(self, text: Text) -> Iterator[Hit]:
        """Questions too short or too common for runs: the whole question must be there."""
        runs = self._index.runs("short_question", text)
        for at, owner in zip(runs.places.tolist(), runs.owners.tolist(), strict=True):
            question = self._index.question(owner)
            if question is None:
                continue
            if _stands_at(question.words, text.words, at, runs.n):
                yield Hit(owner, "question", 1.0, " ".join(question.words))

    def _by_context(self, text: Text) -> Iterator[Hit]:
        runs = self._index.runs("context", text)
        if not len(runs.owners):
            return
        for owner in np.unique(runs.owners).tolist():
            at = runs.places[runs.owners == owner]
            total = self._index.totals["context"][owner]
            if len(at) < self._settings.max_containment * total:
                continue
            known = self._index.context_runs(owner, runs.n)
            found = [tuple(text.words[i : i + runs.n]) for i in at.tolist()]
            share = len(known.intersection(found)) / total
            if share >= self._settings.max_containment:
                first = next(words for words in found if words in known)
                yield Hit(owner, "context", min(share, 1.0), " ".join(first))

    def _same_question(self, text: Text) -> Iterator[Hit]:
        for owner in self._index.same_words(text.words):
            yield Hit(owner, "question", 1.0, " ".join(text.words))

    def _as_part(self, text: Text) -> Iterator[Hit]:
        runs = self._index.runs("question", text)
        least = max(_PART_RUNS, _HALF * len(runs.hashes))
        for owner in np.unique(runs.owners).tolist():
            question = self._index.question(owner)
            if question is None or np.count_nonzero(runs.owners == owner) < least:
                continue
            aligned = align(text.words, question.words, self._index.weight)
            if aligned is not None and aligned.overlap >= _PART_OVERLAP:
                yield Hit(owner, "question_part", aligned.overlap, aligned.match)

    def _fingers(self, raw: str) -> Iterator[Hit]:
        for owner, share, match in self._fingerprints.find(raw):
            yield Hit(owner, "fingerprint", share, match)


def _stands_at(wanted: list[str], tokens: list[str], at: int, n: int) -> bool:
    """Whether the words stand in a text whose run of ``n`` words at ``at`` is one of theirs."""
    run = tokens[at : at + n]
    return any(
        wanted[offset : offset + n] == run
        and at >= offset
        and tokens[at - offset : at - offset + len(wanted)] == wanted
        for offset in range(len(wanted) - n + 1)
    )


def _rule(aligned: Alignment) -> str:
    if aligned.verbatim:
        return "question"
    return "question_numbers" if aligned.only_numbers_differ else "question_overlap"
