"""How much of a question's words a text has, in the question's order.

Makes an alignment of a question with the place in a text where its n-grams cluster; reads and
writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import NamedTuple

from webscale_dagster.text.ngrams import Places, has_digit, without_numbers
from webscale_dagster.text.shingles import Hashes, ngram_hashes

# The words of a question may be spread over this multiple of its length: edits lengthen a text,
# a scatter of common words over a page is something else.
_MAX_SPAN, _SPARE_WORDS = 1.4, 3
_SLACK, _MIN_SLACK = 0.2, 3  # by how many of its words an edited copy may be shifted against it
_SHOWN = 30  # words of a match that are shown


@dataclass(frozen=True)
class Question:
    """A question's words, and where in its number-free words each n-gram first stands."""

    words: list[str]
    n_plain: int
    places: dict[int, int]

    @classmethod
    def of(cls, tokens: list[str], n: int) -> Question:
        """From its words and the length of its n-grams."""
        plain = without_numbers(tokens)
        places: dict[int, int] = {}
        for index, value in enumerate(ngram_hashes(plain, n).tolist()):
            places.setdefault(value, index)
        return cls(tokens, len(plain), places)

    @property
    def slack(self) -> int:
        """Words by which a copy may be shifted."""
        return max(_MIN_SLACK, int(_SLACK * self.n_plain))


class Cluster(NamedTuple):
    """Where most of a question's n-grams fall on one stretch of a text."""

    runs: int  # distinct n-grams
    first: int  # where the question would begin, among the text's number-free words
    last: int  # the same by its last n-gram


def cluster(question: Question, hashes: Hashes, places: Places) -> Cluster:
    """The stretch with most of the question's n-grams in their places.

    ``hashes`` are n-grams of the text that the question has, at ``places``.
    """
    starts = sorted(
        (at - question.places.get(value, 0), value)
        for at, value in zip(places.tolist(), hashes.tolist(), strict=True)
    )
    inside: Counter[int] = Counter()
    best = Cluster(0, 0, 0)
    low = 0
    for start, value in starts:
        inside[value] += 1
        while start - starts[low][0] > question.slack:
            left = starts[low][1]
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
            low += 1
        if len(inside) > best.runs:
            best = Cluster(len(inside), starts[low][0], start)
    return best


def window(question: Question, tokens: Sequence[str], plain: Places, at: Cluster) -> list[str]:
    """The words of a text around a cluster, as far as an edited copy of the question may reach."""
    slack = question.slack
    first = max(0, at.first - slack)
    last = min(len(plain) - 1, at.last + question.n_plain + slack)
    return list(tokens[max(0, int(plain[first]) - slack) : int(plain[last]) + 1 + slack])


@dataclass(frozen=True)
class Alignment:
    """The share of a question's words found in order, by weight, and how they differ."""

    overlap: float
    verbatim: bool
    only_numbers_differ: bool
    match: str


def _span(blocks: Sequence[Match]) -> int:
    return blocks[-1].b + blocks[-1].size - blocks[0].b


def align(
    wanted: Sequence[str], tokens: Sequence[str], weight: Callable[[str], float]
) -> Alignment | None:
    """Align a question's words with words of a text; none if it has none of them."""
    matcher = SequenceMatcher(None, wanted, tokens, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    if not blocks:
        return None
    # Common words at the edges match anything: the smaller of the outermost pieces goes first.
    while _span(blocks) > _MAX_SPAN * len(wanted) + _SPARE_WORDS:
        blocks.pop(0 if blocks[0].size < blocks[-1].size else -1)
    begin, end = blocks[0].b, blocks[-1].b + blocks[-1].size
    matched = [word for block in blocks for word in wanted[block.a : block.a + block.size]]
    weights = sum(map(weight, wanted))
    plain = [word for word, digit in zip(wanted, has_digit(wanted), strict=True) if not digit]
    matched_plain = [w for w, digit in zip(matched, has_digit(matched), strict=True) if not digit]
    return Alignment(
        overlap=sum(map(weight, matched)) / weights if weights else 0.0,
        verbatim=len(blocks) == 1 and len(matched) == len(wanted),
        only_numbers_differ=len(matched_plain) == len(plain) and end - begin <= len(wanted),
        match=" ".join(tokens[begin : min(end, begin + _SHOWN)]),
    )
