"""Finds benchmark questions in documents and in question-answer pairs.

Reads rows of benchmark_ngrams, the benchmark questions, and a frame of texts; makes a frame of
hits; writes nothing. N-grams only nominate: where the benchmark's text is published, a hit is
confirmed by comparing words, so that neither a stock phrase nor a formula is enough.

    rule               what was found
    question           the question, word for word
    question_numbers   the question with other numbers
    question_overlap   most of the question in its order, content words weighted by their rarity
    question_part      (pairs) most of the pair's question within a longer benchmark question
    context            the passage a benchmark question is asked of
    fingerprint        the published hashes of an item whose text is withheld
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from webscale_dagster.recipe import DecontaminatedSet
from webscale_dagster.text.benchmark_index import Hit, Index, Texts, grouped
from webscale_dagster.text.confirmation import Confirmation
from webscale_dagster.text.fingerprints import Fingerprints
from webscale_dagster.text.ngrams import ngram_rows

__all__ = ["Decontaminator", "ngram_rows"]

_BLOCK = 4_096  # texts whose words are held at a time
_SCHEMA = {
    "id": pl.String,
    "benchmark": pl.String,
    "benchmark_id": pl.String,
    "rule": pl.String,
    "score": pl.Float64,
    "match": pl.String,
}
Row = tuple[int, Hit]


class Decontaminator:
    """An index of benchmark questions, in about 80 bytes per word of them, and its two searches."""

    def __init__(
        self, ngrams: pl.DataFrame, questions: pl.DataFrame, settings: DecontaminatedSet
    ) -> None:
        self._settings = settings
        self._index = Index(ngrams, questions)
        self._confirm = Confirmation(self._index, settings)
        self._fingerprints = Fingerprints(self._index.fingerprints, least=settings.max_containment)

    def find(self, documents: pl.DataFrame) -> pl.DataFrame:
        """Hits in documents (columns ``id`` and ``text``), one row per document and question.

        A short question that very many of the documents have is a quotation or a saying: it is
        no hit.
        """
        rows: list[tuple[object, ...]] = []
        for block in documents.select("id", "text").iter_slices(_BLOCK):
            rows += self._rows(block["id"], self._in_texts(Texts(block["text"])))
        return self._without_sayings(pl.DataFrame(rows, _SCHEMA, orient="row"))

    def find_pairs(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Hits in pairs (columns ``id``, ``question`` and ``answer``), one row per question."""
        rows: list[tuple[object, ...]] = []
        for block in pairs.select("id", "question", "answer").iter_slices(_BLOCK):
            question, answer = block["question"].fill_null(""), block["answer"].fill_null("")
            asked, both = Texts(question), Texts(question + "\n" + answer)
            found = [*self._asked(asked, answer), *self._in_texts(both)]
            rows += self._rows(block["id"], found)
        return pl.DataFrame(rows, _SCHEMA, orient="row")

    def _rows(self, ids: pl.Series, found: list[Row]) -> Iterator[tuple[object, ...]]:
        best: dict[tuple[int, int], Hit] = {}
        for text, hit in found:
            if hit.rule == "question_numbers" and self._settings.number_changed == "keep":
                continue
            key = (text, hit.owner)
            if key not in best or hit.score > best[key].score:
                best[key] = hit
        for text, owner in sorted(best):
            hit = best[text, owner]
            yield str(ids[text]), *self._index.keys[owner], hit.rule, hit.score, hit.match

    def _in_texts(self, texts: Texts) -> list[Row]:
        return [
            *self._by_runs(texts, None),
            *self._by_anchor(texts, None),
            *self._by_whole(texts),
            *self._by_context(texts),
            *self._fingerprints.find(texts.raw),
        ]

    def _asked(self, asked: Texts, answers: pl.Series) -> Iterator[Row]:
        """Benchmark questions that are the pair's question, or of which it is a part."""
        for text in range(len(asked.raw)):
            for same in self._confirm.same(asked.words(text)):
                yield text, same
        yield from self._by_runs(asked, answers)
        yield from self._by_anchor(asked, answers)
        n_runs = np.maximum(
            np.diff(asked.content.words.offsets) - self._index.length("question") + 1, 0
        )
        for found in grouped(self._index.hits("question", asked), self._confirm.some):
            hit = self._confirm.part(found, asked, int(n_runs[found.text]))
            if hit is not None:
                yield found.text, hit

    def _by_runs(self, texts: Texts, answers: pl.Series | None) -> Iterator[Row]:
        for found in grouped(self._index.hits("question", texts), self._confirm.enough):
            hit = self._confirm.runs(found, texts, None if answers is None else answers[found.text])
            if hit is not None:
                yield found.text, hit

    def _by_anchor(self, texts: Texts, answers: pl.Series | None) -> Iterator[Row]:
        """Questions of few content words."""
        hits = self._index.hits("anchor", texts)
        for text, at, owner in zip(
            hits.texts.tolist(), hits.places.tolist(), hits.owners.tolist(), strict=True
        ):
            answer = None if answers is None else answers[text]
            hit = self._confirm.anchor(owner, texts, text, at, answer)
            if hit is not None:
                yield text, hit

    def _by_whole(self, texts: Texts) -> Iterator[Row]:
        """Sums and templates: all content words and all numbers must be there."""
        hits = self._index.hits("short_question", texts)
        for text, at, owner in zip(
            hits.texts.tolist(), hits.places.tolist(), hits.owners.tolist(), strict=True
        ):
            hit = self._confirm.whole(owner, texts.words(text), at)
            if hit is not None:
                yield text, hit

    def _by_context(self, texts: Texts) -> Iterator[Row]:
        for found in grouped(self._index.hits("context", texts), self._confirm.passage):
            hit = self._confirm.context(found, texts.words(found.text))
            if hit is not None:
                yield found.text, hit

    def _without_sayings(self, hits: pl.DataFrame) -> pl.DataFrame:
        key = ["benchmark", "benchmark_id"]
        often = (
            hits.group_by(key)
            .agg(pl.col("id").n_unique().alias("n"))
            .filter(pl.col("n") > self._settings.max_documents_per_saying)
        )
        if often.is_empty():
            return hits
        short = [self._confirm.is_short(*names) for names in often.select(key).rows()]
        return hits.join(often.filter(pl.Series(short, dtype=pl.Boolean)), on=key, how="anti")
