"""Near-duplicate questions: which question asks what an earlier kept one has asked already.

Makes, for each question, the kept one it repeats and how similar they are; reads and writes
nothing. One question repeats another

- if both have the same words in the same order, but for articles and politeness; or
- if one is about all that the other is about, their answers agree, and they are similar.

Similar is what has a Jaccard of content words that reaches the threshold; where the answers are the
same, half of that is enough if the Jaccard of the runs of words or of the runs of characters
reaches it. What differs may then be a letter of a misspelt word too.

So a question is another one if any word is exchanged for another word: a name, a number, a unit, an
opposite, a disease. "What are the symptoms of measles?" and "... of mumps?" are two questions, even
if their answers are the same (249 questions of MedQuAD, each on a disease of its own, share one
answer). It is another one, too, if a negation comes or goes, if one asks who and the other where,
or if the answer is a yes, a no or a letter, which agree by chance, and more has changed than that a
clause was moved: "Did Ulm beat Bonn?" is not "Did Bonn beat Ulm?".

With an embedding model, a question repeats another one, too, if their vectors' cosine reaches its
threshold, their answers and telling words are the same, and it asks alike.

Stars, not chains, as for documents: a question is compared with those that were *kept*. Which to
compare it with is found by its rarest content words (a prefix filter): no pair is missed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from webscale_dagster.recipe import RlSplits
from webscale_dagster.text.asked import Asked, grams, read, runs

Agree = Callable[[str, str], bool]
_ROUNDING = 1e-9  # of a share times a size
_MISSPELT = 5  # letters; shorter words that are a letter apart are two words
_LONG = 30  # words of an answer that is compared as a whole only


class Repeated(NamedTuple):
    """The kept question that is repeated, by its place, and the similarity of the two."""

    place: int
    similarity: float


def same_words(one: str, other: str) -> bool:
    """Whether one answer's words are all among the other's, and most of them."""
    a, b = set(one.split()), set(other.split())
    return bool(a and b) and (a <= b or b <= a) and max(len(a), len(b)) <= 3 * min(len(a), len(b))


def similarity(one: Asked, other: Asked, settings: RlSplits, agree: Agree = same_words) -> float:
    """How similar two wordings of one question are; 0 where they are two questions."""
    if one.letters == other.letters:
        return 1.0
    mine, theirs = one.content, other.content
    exchanged = not (mine <= theirs or theirs <= mine)
    same = one.answer == other.answer and one.telling == other.telling and not one.little
    if exchanged and not (same and _spelled_alike(mine - theirs, theirs - mine)):
        return 0.0
    if (one.little or other.little) and not _is_turned(one.order, other.order):
        return 0.0
    found = jaccard(mine, theirs)
    if found < settings.question_similarity / 2 or not _asks_alike(one, other):
        return 0.0
    if same and found < settings.question_similarity:
        found = _of_shingles(one.said, other.said, settings)
    if found < settings.question_similarity or not _agree(one.answer, other.answer, agree):
        return 0.0
    return found


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Common members over all members; 0 where both sets are empty."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def _asks_alike(one: Asked, other: Asked) -> bool:
    """Whether neither denies what the other does not, nor asks who where the other asks when."""
    of_a_kind = one.kind == other.kind or not one.kind or not other.kind
    return of_a_kind and one.denials == other.denials


def _is_turned(one: str, other: str) -> bool:
    """Whether a question's first words are the other's last: a clause was moved, nothing else."""
    return len(one) == len(other) and f" {one} " in f" {other} {other} "


def _of_shingles(one: str, other: str, settings: RlSplits) -> float:
    n, m = settings.question_shingle_words, settings.question_shingle_characters
    return max(jaccard(runs(one, n), runs(other, n)), jaccard(grams(one, m), grams(other, m)))


def _spelled_alike(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether the words that differ are each other's misspellings."""
    pairs = zip(sorted(some), sorted(others), strict=False)
    return len(some) == len(others) and all(_one_letter_apart(*pair) for pair in pairs)


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether a letter is missing, too many, another, or two neighbours changed places."""
    if min(len(one), len(other)) < _MISSPELT or not f"{one}{other}".isalpha():
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _agree(one: str, other: str, agree: Agree) -> bool:
    if one == other:
        return True
    if max(one.count(" "), other.count(" ")) >= _LONG:
        return False
    return agree(one, other) or agree(other, one)


class DuplicateQuestions:
    """Questions in their order, and which of them are kept so far."""

    def __init__(
        self,
        questions: Sequence[str],
        answers: Sequence[str],
        settings: RlSplits,
        agree: Agree = same_words,
    ) -> None:
        """Read all questions; none is kept yet."""
        self._asked = [read(q, a) for q, a in zip(questions, answers, strict=True)]
        self._settings, self._agree = settings, agree
        counts = Counter(word for asked in self._asked for word in asked.content)
        # The rarest first; words of equal number in the order of their letters.
        order = sorted(counts, key=lambda word: (counts[word], word))
        self._rank = {word: place for place, word in enumerate(order)}
        self._answers = Counter(map(_answer_key, self._asked))
        self._said: dict[str, int] = {}
        self._alike = _Prefixes(settings.question_similarity)
        self._answered = _Prefixes(settings.question_similarity / 2)
        self._meant = _Meant(questions, settings) if settings.embedding_model else None

    def repeated(self, place: int) -> Repeated | None:
        """The kept question that is said alike, else the most similar; of several the earliest."""
        asked = self._asked[place]
        if (known := self._said.get(asked.letters)) is not None:
            return Repeated(known, 1.0)
        ranked = self._ranked(asked)
        found = self._alike.candidates(None, ranked)
        if self._is_answered_twice(asked):
            found |= self._answered.candidates(_answer_key(asked), ranked)
        best = None
        for other in found:
            seen = similarity(asked, self._asked[other], self._settings, self._agree)
            if seen and (best is None or (-seen, other) < (-best.similarity, best.place)):
                best = Repeated(other, seen)
        if best is None and self._meant is not None and self._is_answered_twice(asked):
            best = self._meant.repeated(place, asked)
        return best

    def keep(self, place: int) -> None:
        """Note that a question is kept."""
        asked = self._asked[place]
        self._said.setdefault(asked.letters, place)
        ranked = self._ranked(asked)
        self._alike.add(None, ranked, place)
        if self._is_answered_twice(asked):
            self._answered.add(_answer_key(asked), ranked, place)
            if self._meant is not None:
                self._meant.add(place, asked)

    def _ranked(self, asked: Asked) -> list[int]:
        return sorted(self._rank[word] for word in asked.content)

    def _is_answered_twice(self, asked: Asked) -> bool:
        return not asked.little and self._answers[_answer_key(asked)] > 1


def _answer_key(asked: Asked) -> tuple[str, frozenset[str]]:
    return asked.answer, asked.telling


class _Meant:
    """Finds questions of one meaning by their vectors, among those of one answer.

    Names, numbers and other telling words must be the same: models hardly tell them apart.
    """

    def __init__(self, questions: Sequence[str], settings: RlSplits) -> None:
        from webscale_dagster.text.question_vectors import question_vectors

        self._vectors = question_vectors(questions, settings.embedding_model)
        self._threshold = settings.embedding_threshold
        self._kept: dict[Hashable, list[int]] = {}

    def repeated(self, place: int, asked: Asked) -> Repeated | None:
        """The kept question of the most similar vector, if it is similar enough."""
        others = self._kept.get(_meaning_key(asked), [])
        if not others:
            return None
        cosines = self._vectors[others] @ self._vectors[place]
        best = int(cosines.argmax())
        found = min(float(cosines[best]), 1.0)
        return Repeated(others[best], found) if found >= self._threshold else None

    def add(self, place: int, asked: Asked) -> None:
        """Note that a question is kept."""
        self._kept.setdefault(_meaning_key(asked), []).append(place)


def _meaning_key(asked: Asked) -> Hashable:
    return (*_answer_key(asked), asked.denials, asked.kind)


class _Prefixes:
    """Finds sets by the rarest of their members.

    Two sets of n and m members with a Jaccard of t have at least t * n and t * m in common. So if
    the members of both are ranked, one of the first n - t * n + 1 of the one is among the first
    m - t * m + 1 of the other.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._places: dict[Hashable, list[int]] = {}
        self._sizes: dict[int, int] = {}

    def _prefix(self, ranked: Sequence[int]) -> Sequence[int]:
        least = math.ceil(self._threshold * len(ranked) - _ROUNDING)
        return ranked[: len(ranked) - max(least, 1) + 1]

    def add(self, group: Hashable, ranked: Sequence[int], place: int) -> None:
        """Put a set in, among those of its group."""
        self._sizes[place] = len(ranked)
        for member in self._prefix(ranked):
            self._places.setdefault((group, member), []).append(place)

    def candidates(self, group: Hashable, ranked: Sequence[int]) -> set[int]:
        """All sets of the group that may be so similar, and some that are not."""
        found = {
            place
            for member in self._prefix(ranked)
            for place in self._places.get((group, member), ())
        }
        least = self._threshold * len(ranked) - _ROUNDING
        most = len(ranked) / self._threshold + _ROUNDING
        sizes = self._sizes
        return {place for place in found if least <= sizes[place] <= most}
