"""Near-duplicates and benchmark leaks planted on purpose, so that what is found can be counted.

Makes rows from given documents and benchmark questions by a seed; reads and writes nothing. What is
true of a row is known without the engine: a near-duplicate carries its exact Jaccard, a clean
document shares no run of eight words with any question.

    near-duplicates   exact, edits_to_8 (0.5-8 % of the words), edits_5 … edits_40,
                      paragraph_shuffle, boilerplate_wrap, truncate_25, case_space_punctuation
    leaks             verbatim, wrapped, upper_case, no_punctuation, filler, reworded,
                      numbers_changed; in a document or as a pair, and split over a pair
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from webscale_dagster.text.normalise import words
from webscale_dagster.text.rewording import reword

CLEAN_RUN = 8  # words; the labelled sets of benchmark leakage use the same
_HEAD = """Skip to main content
Home | About us | Products | Support | Contact | Log in | Register
You are here: Home > Library > Reading
Share this page: Facebook Twitter LinkedIn Mail Print

"""
_FOOT = """

Related articles | Most read this week | Subscribe to our newsletter
We use cookies to improve your experience. By browsing on you agree to our terms of use.
Copyright all rights reserved. Sitemap Imprint Accessibility Careers Press Back to top
"""
_FILLERS = ("well", "basically", "you know", "of course", "so to speak", "as it happens")
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_TO_SPACE = str.maketrans(dict.fromkeys(string.punctuation.replace("_", ""), " "))
_OF_PROSE = str.maketrans("", "", ".,;:!?'\"()-’“”")  # what is left of a formula is a formula


class Copy(NamedTuple):
    """A near-duplicate of the document with this number, and their exact Jaccard."""

    kind: str
    original: int
    text: str
    jaccard: float


class Leak(NamedTuple):
    """A benchmark question in a document (``text``) or a pair (``question``, ``answer``)."""

    kind: str
    form: str  # document | pair
    text: str = ""
    question: str = ""
    answer: str = ""


def near_duplicates(documents: Sequence[str], *, n: int, seed: int) -> list[Copy]:
    """One copy of each document, of every kind in turn; ``n`` words make a shingle."""
    kinds = list(COPIES)
    copies = []
    for index, text in enumerate(documents):
        kind = kinds[index % len(kinds)]
        copy = COPIES[kind](text, random.Random(f"{seed} {index}"))
        copies.append(Copy(kind, index, copy, exact_jaccard(text, copy, n)))
    return copies


def exact_jaccard(one: str, other: str, n: int) -> float:
    """Jaccard of two texts' sets of word shingles, by the definition."""
    a, b = _shingles(one, n), _shingles(other, n)
    return len(a & b) / len(a | b) if a or b else 0.0


def leaks(
    questions: Sequence[tuple[str, str]], documents: Sequence[str], *, seed: int
) -> list[Leak]:
    """Each question (with its answer) in every kind, in a document and as a pair by turns."""
    found = []
    for index, (question, answer) in enumerate(questions):
        draw = random.Random(f"{seed} {index}")
        for place, (kind, change) in enumerate(LEAKS.items()):
            changed = change(question, draw)
            if changed is None:
                continue
            if documents and (index + place) % 2 == 0:
                found.append(Leak(kind, "document", text=_within(draw.choice(documents), changed)))
            else:
                found.append(Leak(kind, "pair", question=changed, answer=answer))
        found.append(_split(question, answer))
    return found


def clean(documents: Sequence[str], benchmark_texts: Iterable[str]) -> list[int]:
    """Numbers of the documents that share no run of eight words with any benchmark text."""
    holders: dict[str, list[int]] = {}
    for index, text in enumerate(documents):
        for run in set(_runs(text)):
            holders.setdefault(run, []).append(index)
    dirty: set[int] = set()
    for text in benchmark_texts:
        for run in _runs(text):
            dirty.update(holders.get(run, ()))
    return [index for index in range(len(documents)) if index not in dirty]


def clean_pairs(documents: Sequence[str]) -> list[tuple[str, str]]:
    """A sentence of each document as a question, and the words that follow it as its answer."""
    found = []
    for text in documents:
        sentences = [part for part in _SENTENCES.split(text) if 8 <= len(part.split()) <= 40]
        if len(sentences) > 1:
            found.append((sentences[0], " ".join(sentences[1].split()[:6])))
    return found


def _shingles(text: str, n: int) -> set[tuple[str, ...]]:
    tokens = words(text)
    if len(tokens) < n:
        return {tuple(tokens)} if tokens else set()
    return set(zip(*(tokens[at:] for at in range(n)), strict=False))


def _runs(text: str) -> list[str]:
    tokens = words(text)
    return [" ".join(tokens[at : at + CLEAN_RUN]) for at in range(len(tokens) - CLEAN_RUN + 1)]


def edit(text: str, share: float, draw: random.Random) -> str:
    """A text with this share of its words, one at least, replaced, left out or doubled."""
    parts = re.split(r"(\s+)", text)  # words at even places, white space between them
    places = [place for place in range(0, len(parts), 2) if parts[place]]
    vocabulary = [parts[place] for place in places]
    for place in draw.sample(places, min(len(places), max(1, round(share * len(places))))):
        other = draw.choice(vocabulary)
        kept = parts[place]
        parts[place] = draw.choice((other, other, "", f"{kept} {other}"))
    return "".join(parts)


def _edits(low: float, high: float) -> Callable[[str, random.Random], str]:
    return lambda text, draw: edit(text, draw.uniform(low, high), draw)


def _shuffle(text: str, draw: random.Random) -> str:
    parts, between = _PARAGRAPHS.split(text), "\n\n"
    if len(parts) < 3:
        parts, between = _SENTENCES.split(text), " "
    draw.shuffle(parts)
    return between.join(parts)


def _truncate(text: str, _: random.Random) -> str:
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    return text[: ends[len(ends) * 3 // 4 - 1]] if len(ends) > 1 else text


def _restyle(text: str, draw: random.Random) -> str:
    """Other case, spaces and punctuation: the same words to whoever compares words."""
    tokens = text.translate(_TO_SPACE).split()
    return "  ".join(t.upper() if t.isascii() and draw.random() < 0.3 else t for t in tokens)


COPIES: dict[str, Callable[[str, random.Random], str]] = {
    "exact": lambda text, _: text,
    "edits_to_8": _edits(0.005, 0.08),
    **{f"edits_{share}": _edits(share / 100, share / 100) for share in (5, 10, 20, 30, 40)},
    "paragraph_shuffle": _shuffle,
    "boilerplate_wrap": lambda text, _: f"{_HEAD}{text}{_FOOT}",
    "truncate_25": _truncate,
    "case_space_punctuation": _restyle,
}


def _wrapped(question: str, _: random.Random) -> str:
    tokens = question.split()
    return "\n".join(" ".join(tokens[at : at + 8]) for at in range(0, len(tokens), 8))


def _filled(question: str, draw: random.Random) -> str:
    """Filler before and after the question, and inside after every sixth to ninth word."""
    parts = ["Here is one more exercise for you, take your time."]
    tokens = question.split()
    while tokens:
        size = draw.randint(6, 9)
        parts += tokens[:size]
        tokens = tokens[size:]
        parts += [f"{draw.choice(_FILLERS)},"] if tokens else []
    return " ".join([*parts, "Thanks in advance for any help!"])


def _renumbered(question: str, draw: random.Random) -> str | None:
    """Every number another one of as many digits."""

    def other(found: re.Match[str]) -> str:
        low = 10 ** (len(found.group()) - 1) if len(found.group()) > 1 else 1
        value = draw.randrange(low, 10 * low if low > 1 else 10)
        return str(value if value != int(found.group()) else max(low, (value + 1) % (10 * low)))

    changed = re.sub(r"[0-9]+", other, question)
    return changed if changed != question else None


LEAKS: dict[str, Callable[[str, random.Random], str | None]] = {
    "verbatim": lambda question, _: question,
    "wrapped": _wrapped,
    "upper_case": lambda question, _: question.upper(),
    "no_punctuation": lambda question, _: " ".join(question.translate(_OF_PROSE).split()),
    "filler": _filled,
    "reworded": reword,
    "numbers_changed": _renumbered,
}


def _within(document: str, question: str) -> str:
    """A question between the two halves of a document."""
    half = len(document) // 2
    at = document.find(" ", half)
    at = half if at < 0 else at
    return f"{document[:at]}\n\n{question}\n\n{document[at:].lstrip()}"


def _split(question: str, answer: str) -> Leak:
    """A pair whose question is the first half of the benchmark's, the rest in its answer."""
    tokens = question.split()
    half = (len(tokens) + 1) // 2
    rest = " ".join([*tokens[half:], answer]).strip()
    return Leak("split", "pair", question=" ".join(tokens[:half]), answer=rest)
