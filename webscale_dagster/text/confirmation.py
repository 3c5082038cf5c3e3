"""Whether a text that shares n-grams with a benchmark question has the question.

Reads candidates that the index nominates; makes hits; reads and writes nothing else.
"""

from __future__ import annotations

import numpy as np

from webscale_dagster.recipe import DecontaminatedSet
from webscale_dagster.text.alignment import (
    MIN_SLACK,
    Alignment,
    Content,
    Question,
    align,
    around,
    cluster,
    span,
)
from webscale_dagster.text.benchmark_index import Found, Hit, Index, Texts
from webscale_dagster.text.normalise import words

# A candidate shares this many runs with a question or half of them, and this share in any case.
_RUNS, _HALF, _SHARE = 2, 0.5, 0.15
# A sentence that states what a short question asks shares most of its words ("the largest moon in
# the Solar System"). Where nothing asks, up to 6 content words nearly all are wanted, from 10 the
# recipe's share; where something does, or in a pair, from 7.
_SHORT, _LONG, _ASKED_LONG, _SHORT_OVERLAP = 6, 10, 7, 0.95
_SAME_ANSWER, _OTHER_ANSWER = 0.55, 0.9  # overlap of a short question whose answer is known
_WHOLE = 0.95  # of a sum or a template
_NEAR = 0.6  # share of a short question's content words that must be around its anchor
# A phrase accuses no document: a question there has this many words. With fewer spelled words than
# this it is a formula, or very short, and counts only word for word or with all its numbers.
_MIN_WORDS, _MIN_SPELLED, _MIN_SPELLED_NUMBERED = 8, 4, 2
# A pair whose question is a piece of a longer benchmark question: runs it must have, and share.
_PART_RUNS, _PART_OVERLAP = 4, 0.9
_SAYING = 20  # words of a question that may be a quotation
# Answers that two unrelated questions often share.
_COMMON_ANSWERS = frozenset({"yes", "no", "true", "false", "none", "both", "all", *"abcde"})


class Confirmation:
    """The questions of an index, compared word by word."""

    def __init__(self, index: Index, settings: DecontaminatedSet) -> None:
        self._index, self._settings = index, settings
        totals = index.totals["question"]
        shared = np.minimum(_RUNS, np.ceil(_HALF * totals))
        self.enough = np.maximum(np.maximum(shared, np.ceil(_SHARE * totals)), 1).astype(np.int64)
        self.some = np.full(len(totals), _PART_RUNS)
        contained = settings.max_containment * index.totals["context"]
        self.passage = np.maximum(np.ceil(contained), 1).astype(np.int64)

    def same(self, tokens: list[str]) -> list[Hit]:
        """Benchmark questions of exactly these words, or of exactly their content."""
        match = " ".join(tokens)
        found = [Hit(owner, "question", 1.0, match) for owner in self._index.same_words(tokens)]
        content = Content.of(tokens).words
        if len(content) < 3:
            return found
        alike = self._index.same_content(content)
        return found + [Hit(o, "question_overlap", 1.0 - 1e-6, match) for o in alike]

    def runs(self, found: Found, texts: Texts, answer: str | None) -> Hit | None:
        """A question with several runs in a text; ``answer`` is a pair's, none in a document."""
        question = self._index.question(found.owner)
        if question is None:
            return None
        at = cluster(question, found.hashes, found.places)
        if at.runs < self.enough[found.owner]:
            return None
        plain = texts.plain(found.text)
        first, last = span(question, plain, at)
        # Nearly all copies are verbatim: that needs no words, of which making costs most.
        spare = question.slack + MIN_SLACK
        if texts.holds(found.text, question.all_hashes, first - spare, last):
            accused = answer is not None or len(question.words) >= _MIN_WORDS
            return Hit(found.owner, "question", 1.0, question.shown) if accused else None
        nearby = around(texts.words(found.text), first, last, spare)
        aligned = align(question, nearby, self._index.weight)
        if aligned is None or aligned.overlap < self._wanted(
            found.owner, question, aligned, answer
        ):
            return None
        if answer is None and not _accuses(question, aligned):
            return None
        return _hit(found.owner, aligned)

    def anchor(
        self, owner: int, texts: Texts, text: int, at: int, answer: str | None
    ) -> Hit | None:
        """A question of few content words of which three stand in a text at ``at``."""
        question = self._index.question(owner)
        if question is None or question.n_plain > _LONG:  # longer ones are templates
            return None
        if answer is None and not _may_accuse(question):  # verbatim, ``whole`` finds it
            return None
        near = texts.near(text, at, 2 * question.n_plain + question.slack)
        if len(question.hashes & near) < _NEAR * len(question.hashes):
            return None
        plain, tokens = texts.plain(text), texts.words(text)
        first = int(plain[max(0, at - question.n_plain)])
        last = int(plain[min(len(plain) - 1, at + question.n_plain)])
        nearby = around(tokens, first, last, 2 * question.slack)
        aligned = align(question, nearby, self._index.weight)
        if aligned is None or aligned.overlap < self._wanted(owner, question, aligned, answer):
            return None
        if answer is None:
            accused = _accuses(question, aligned)
        else:  # a longer question that has a short one's words asks something else
            accused = len(Content.of(tokens).words) <= 2 * len(question.content)
        return _hit(owner, aligned) if accused else None

    def whole(self, owner: int, tokens: list[str], at: int) -> Hit | None:
        """A question of which no number may differ, around a place of a text."""
        question = self._index.question(owner)
        if question is None:
            return None
        size = len(question.words)
        aligned = align(question, around(tokens, at - size, at + size, 0), self._index.weight)
        if aligned is None or aligned.numbers < 1 or aligned.overlap < _WHOLE:
            return None
        return _hit(owner, aligned)

    def part(self, found: Found, asked: Texts, n_runs: int) -> Hit | None:
        """A pair's question that is a piece of a longer benchmark question."""
        question = self._index.question(found.owner)
        if question is None or len(found.places) < _HALF * n_runs:
            return None
        piece = Question.of(asked.words(found.text), self._index.length("question"))
        aligned = align(piece, question.words, self._index.weight)
        if aligned is None or aligned.overlap < _PART_OVERLAP:
            return None
        return Hit(found.owner, "question_part", aligned.overlap, aligned.match)

    def context(self, found: Found, tokens: list[str]) -> Hit | None:
        """The passage that a question is asked of."""
        total, n = self._index.totals["context"][found.owner], self._index.length("context")
        known = self._index.context_runs(found.owner, n)
        runs = [tuple(tokens[i : i + n]) for i in found.places.tolist()]
        share = min(len(known.intersection(runs)) / total, 1.0)
        if share < self._settings.max_containment:
            return None
        return Hit(found.owner, "context", share, " ".join(next(r for r in runs if r in known)))

    def is_short(self, benchmark: str, benchmark_id: str) -> bool:
        """Whether a question is short enough to be a quotation."""
        question = self._index.texts[self._index.keys.index((benchmark, benchmark_id))]
        return question is not None and len(words(question)) <= _SAYING

    def _wanted(
        self, owner: int, question: Question, aligned: Alignment, answer: str | None
    ) -> float:
        """The overlap that counts: more for short questions, where a text may state the same."""
        least = self._settings.max_overlap
        if answer is not None and question.n_plain <= _SHORT:
            known = self._index.answers[owner]
            if known is not None and known.strip():
                same = words(known) == words(answer) and not _COMMON_ANSWERS & set(words(known))
                return min(least, _SAME_ANSWER) if same else max(least, _OTHER_ANSWER)
        asked = answer is not None or (question.asks and aligned.asks)
        long = _ASKED_LONG if asked else _LONG
        share = min(max((long - question.n_plain) / (long - _SHORT), 0.0), 1.0)
        return least + (max(least, _SHORT_OVERLAP) - least) * share


def _may_accuse(question: Question) -> bool:
    """Whether a document can have a question in other words."""
    if len(question.words) < _MIN_WORDS:
        return False
    numbered = question.n_numbers > 0 and question.n_spelled >= _MIN_SPELLED_NUMBERED
    return question.n_spelled >= _MIN_SPELLED or numbered


def _accuses(question: Question, aligned: Alignment) -> bool:
    """Whether a document that has a question's content words has the question."""
    if aligned.verbatim:
        return len(question.words) >= _MIN_WORDS
    if not _may_accuse(question):
        return False
    if question.n_spelled < _MIN_SPELLED:
        return aligned.tight and aligned.numbers == 1
    return question.n_plain > _SHORT or (question.asks and aligned.asks)


def _hit(owner: int, aligned: Alignment) -> Hit:
    rule = "question_overlap"
    if aligned.verbatim:
        rule = "question"
    elif aligned.tight and aligned.numbers < 1:
        rule = "question_numbers"
    return Hit(owner, rule, aligned.overlap, aligned.match)
