"""How much of a question's content words a text has, in the question's order.

Makes an alignment of a question with the place in a text where its n-grams cluster; reads and
writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import NamedTuple

from webscale_dagster.text.content_words import asks, content_word
from webscale_dagster.text.kernels.tokens import Hashes
from webscale_dagster.text.kernels.utf8 import Offsets as Numbers
from webscale_dagster.text.normalise import is_unspaced
from webscale_dagster.text.shingles import ngram_hashes, word_hashes

# The words of a question may be spread over this multiple of its length: edits lengthen a text,
# a scatter of common words over a page is something else.
_MAX_SPAN, _SPARE_WORDS = 1.4, 2
_SLACK, MIN_SLACK = 0.2, 3  # by how many of its words an edited copy may be shifted against it
_SHOWN = 30  # words of a match that are shown
_SPELLED = 3  # letters
_COMMANDS = """
    frac dfrac tfrac sqrt pmatrix bmatrix vmatrix aligned vec cdot cdots ldots mathbf mathbb mathcal
    mathrm mathit textbf boxed overline infty sum_ int int_ prod prod_ lim lim_ log log_ sin cos tan
    sec csc cot arcsin arccos arctan exp alpha beta gamma delta theta lambda sigma omega phi psi rho
    tau epsilon quad qquad leq geq neq lfloor rfloor lceil rceil circ pmod bmod mod asy
"""
_MARKUP = frozenset(
    {"begin", "end", "left", "right", "array", "align", "equation", "matrix", "text"}
)
_FORMULA = frozenset(_COMMANDS.split())  # LaTeX's commands that are no words of prose


def has_digit(word: str) -> bool:
    """Whether a word is a number, or has one in it."""
    return not word.isalpha() and any(map(str.isdigit, word))


def is_spelled(word: str) -> bool:
    """Whether a word is more than a letter or a command of a formula."""
    return word not in _FORMULA and (len(word) >= _SPELLED or is_unspaced(word))


class Content(NamedTuple):
    """Content words, numbers among them, and their places among all words."""

    words: list[str]
    places: list[int]

    @classmethod
    def of(cls, tokens: Sequence[str]) -> Content:
        """Those of a text's words."""
        found = [(word, at) for at, token in enumerate(tokens) if (word := content_word(token))]
        return cls([word for word, _ in found], [at for _, at in found])


@dataclass(frozen=True)
class Question:
    """A question's words, its content words, and where each n-gram of them first stands."""

    words: list[str]
    content: list[str]
    n_plain: int  # content words without digits
    n_spelled: int  # different ones of these that are no letters or pieces of a formula
    n_numbers: int  # content words with digits
    asks: bool
    edges: tuple[int, int]  # places of its first and last content word among its words
    places: dict[int, int]
    hashes: frozenset[int]  # of its content words without digits
    all_hashes: Hashes  # of its words

    @classmethod
    def of(cls, tokens: list[str], n: int, *, is_latex: bool = False) -> Question:
        """From its words and the length of its n-grams."""
        content, at = Content.of(tokens)
        edges = (at[0], at[-1]) if at else (0, 0)
        plain = [word for word in content if not has_digit(word)]
        places: dict[int, int] = {}
        hashes = word_hashes(plain)
        for index, value in enumerate(ngram_hashes(hashes, n).tolist()):
            places.setdefault(value, index)
        markup = _MARKUP if is_latex else frozenset()
        n_spelled = sum(map(is_spelled, set(plain) - markup))
        n_numbers = len(content) - len(plain)
        known = frozenset(hashes.tolist())
        return cls(
            tokens,
            content,
            len(plain),
            n_spelled,
            n_numbers,
            asks(tokens),
            edges,
            places,
            known,
            word_hashes(tokens),
        )

    @property
    def shown(self) -> str:
        """How it begins, from its first content word on."""
        first, last = self.edges
        return " ".join(self.words[first : min(last + 1, first + _SHOWN)])

    @property
    def slack(self) -> int:
        """Words by which a copy may be shifted."""
        return max(MIN_SLACK, int(_SLACK * self.n_plain))


class Cluster(NamedTuple):
    """Where most of a question's n-grams fall on one stretch of a text."""

    runs: int  # distinct n-grams
    first: int  # where the question would begin, among the text's plain content words
    last: int  # the same by its last n-gram


def cluster(question: Question, hashes: Hashes, places: Numbers) -> Cluster:
    """The stretch with most of the question's n-grams in their places.

    ``hashes`` are n-grams of the text that the question has, at ``places``.
    """
    slack = question.slack
    starts = sorted(
        (at - question.places.get(value, 0), value)
        for at, value in zip(places.tolist(), hashes.tolist(), strict=True)
    )
    inside: Counter[int] = Counter()
    best = Cluster(0, 0, 0)
    low = 0
    for start, value in starts:
        inside[value] += 1
        while start - starts[low][0] > slack:
            left = starts[low][1]
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
            low += 1
        if len(inside) > best.runs:
            best = Cluster(len(inside), starts[low][0], start)
    return best


def span(question: Question, plain: Numbers, at: Cluster) -> tuple[int, int]:
    """From which word of a text to which an edited copy of the question may reach.

    ``plain`` are the places of the text's content words without digits.
    """
    first = max(0, at.first - question.slack)
    last = min(len(plain) - 1, at.last + question.n_plain + question.slack)
    return int(plain[first]), int(plain[last])


def around(tokens: Sequence[str], first: int, last: int, spare: int) -> list[str]:
    """The words from one place to another and some more at both ends."""
    return list(tokens[max(0, first - spare) : last + 1 + spare])


@dataclass(frozen=True)
class Alignment:
    """The share of a question's content words found in order, by weight, and how they differ."""

    overlap: float
    numbers: float  # share of its numbers; 1 if it has none
    verbatim: bool
    tight: bool  # all its words, and not many others between
    asks: bool  # a word that asks stands there
    match: str


def _span(blocks: Sequence[Match]) -> int:
    return blocks[-1].b + blocks[-1].size - blocks[0].b


def align(
    question: Question, tokens: Sequence[str], weight: Callable[[str], float]
) -> Alignment | None:
    """Align a question with words of a text; none if it has none of its content words."""
    if (at := _position(tokens, question.words)) is not None and question.content:
        return _verbatim(question, tokens, at)
    wanted, there = question.content, Content.of(tokens)
    matcher = SequenceMatcher(None, wanted, there.words, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    if not blocks:
        return None
    # Common words at the edges match anything: the smaller of the outermost pieces goes first.
    while _span(blocks) > _MAX_SPAN * len(wanted) + _SPARE_WORDS:
        blocks.pop(0 if blocks[0].size < blocks[-1].size else -1)
    matched = [word for block in blocks for word in wanted[block.a : block.a + block.size]]
    plain = [word for word in matched if not has_digit(word)]
    total = sum(weight(word) for word in wanted if not has_digit(word))
    begin = there.places[blocks[0].b]
    end = there.places[blocks[-1].b + blocks[-1].size - 1] + 1
    asking, match = _shown(tokens, begin, end)
    return Alignment(
        overlap=sum(map(weight, plain)) / total if total else float(len(matched) == len(wanted)),
        numbers=(len(matched) - len(plain)) / question.n_numbers if question.n_numbers else 1.0,
        verbatim=False,
        tight=len(plain) == question.n_plain and _span(blocks) <= len(wanted) + 1,
        asks=asking,
        match=match,
    )


def _verbatim(question: Question, tokens: Sequence[str], at: int) -> Alignment:
    """The question's words stand there one after the other, from a place on."""
    begin, end = at + question.edges[0], at + question.edges[1] + 1
    return Alignment(1.0, 1.0, True, True, *_shown(tokens, begin, end))


def _shown(tokens: Sequence[str], begin: int, end: int) -> tuple[bool, str]:
    """Whether a word that asks stands in a stretch or just before it, and how it begins."""
    asking = asks(tokens[max(0, begin - 2 * MIN_SLACK) : end])
    return asking, " ".join(tokens[begin : min(end, begin + _SHOWN)])


def _position(tokens: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where words stand among others, one after the other; None if they do not."""
    text = f" {' '.join(tokens)} "
    found = text.find(f" {' '.join(wanted)} ")
    return None if found < 0 else text.count(" ", 0, found)
