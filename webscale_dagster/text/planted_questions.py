"""Pairs of questions of which it is known whether they ask the same, made from real ones.

Makes rows from given questions by a seed; reads and writes nothing. A positive says a question in
other words, to the same answer; a negative is another question that looks like it.

    the same      case_punctuation, no_articles, polite, function_words, clause_moved, inverted,
                  two_of_these, reword (a tenth to three tenths of the words by synonyms)
    another one   number_changed, unit_changed, name_changed, negated (with another answer each),
                  same_paragraph, same_template (of another subject), same_template_same_answer
"""

from __future__ import annotations

import random
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from webscale_dagster.text.normalise import words
from webscale_dagster.text.rewording import reword

_POLITE = (
    "Could you please tell me: {}",
    "Please tell me, {}",
    "I would like to know {}",
    "Do you know {}",
    "Can someone explain {}",
    "Hello, {} Thank you!",
    "{} Thanks in advance.",
    "Quick question: {}",
    "I was wondering, {}",
    "According to the passage, {}",
)
_OTHER_WORDS = """
    in=within on=upon about=regarding near=beside because=since during=throughout after=following
    which=what what=which did=had does=did is=was was=is are=were were=are has=had have=had
    can=could could=can will=would would=will by=via from=out_of to=towards into=to with=by_means_of
    that=which for=concerning while=whilst until=till also=too among=amongst
"""
_FUNCTION_WORDS = dict(pair.split("=") for pair in _OTHER_WORDS.split())
_UNITS = (
    *(("miles", "kilometres"), ("kilometers", "miles"), ("years", "months"), ("days", "weeks")),
    *(
        ("hours", "minutes"),
        ("million", "billion"),
        ("percent", "points"),
        ("percentage", "number"),
    ),
    *(("feet", "metres"), ("dollars", "euros"), ("pounds", "kilograms"), ("year", "month")),
)
_LEADING = re.compile(
    r"^((?:In|On|At|During|After|Before|Since|By|For|From|As of|According to) [^?,]{3,60}), "
)
_TRAILING = re.compile(r" ((?:in|on|at|during|after|before|since|between) (?:[\w'-]+ ?){1,6})\?$")
_WHAT_IS = re.compile(r"^(What|Who|Where) (is|are|was|were) (.+?) ?\?$")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")
_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*")
_AUXILIARY = re.compile(r"\b(is|are|was|were|did|does|do|can|could|will|would|has|have)\b")
_ARTICLE = re.compile(r"\b(?:the|an?) ", re.IGNORECASE)
_FEWEST, _MOST = 6, 40  # words of a question that is reworded
_SIGNS = str.maketrans("", "", string.punctuation)


class Source(NamedTuple):
    """A real question: its answer, and what it shares with others."""

    question: str
    answer: str
    paragraph: str  # questions of one paragraph have this in common
    template: str = ""  # the question without its subject, where it was made from a template


class Pair(NamedTuple):
    """Two questions with their answers, and whether they ask the same."""

    kind: str
    same: bool
    one: tuple[str, str]
    other: tuple[str, str]


def pairs(sources: Sequence[Source], per_kind: int, seed: int) -> list[Pair]:
    """So many pairs of every kind, fewer where the sources do not give them."""
    made: list[Pair] = []
    fit = [s for s in sources if _FEWEST <= len(s.question.split()) <= _MOST and s.answer]
    for kind, change in POSITIVES.items():
        draw = random.Random(f"{seed} {kind}")
        changed = ((s, change(s.question, draw)) for s in draw.sample(fit, len(fit)))
        told = (
            Pair(kind, True, (s.question, s.answer), (text, _same_answer(s.answer, draw)))
            for s, text in changed
            if text and text != s.question
        )
        made += [pair for pair, _ in zip(told, range(per_kind), strict=False)]
    for kind, find in NEGATIVES.items():
        draw = random.Random(f"{seed} {kind}")
        found = find(draw.sample(fit, len(fit)), draw)
        told = (Pair(kind, False, one, other) for one, other in found)
        made += [pair for pair, _ in zip(told, range(per_kind), strict=False)]
    return made


def _same_answer(answer: str, draw: random.Random) -> str:
    """What another writer would have put: as it is, in other case, with another end."""
    return draw.choice([answer, answer, answer.lower(), answer.strip(" .,") + ".", answer.upper()])


def case_punctuation(question: str, draw: random.Random) -> str:
    """In other case, without signs, with other spaces."""
    text = draw.choice([question.upper(), question.lower(), question])
    return draw.choice([" ", "  "]).join(text.translate(_SIGNS).split()) + draw.choice(
        ["", "?", " ?!"]
    )


def no_articles(question: str, draw: random.Random) -> str:
    """Without its articles."""
    del draw
    return _ARTICLE.sub("", question)


def polite(question: str, draw: random.Random) -> str:
    """With a polite phrase before or after it."""
    return draw.choice(_POLITE).format(question)


def function_words(question: str, draw: random.Random) -> str:
    """With one to three function words exchanged."""
    parts = question.split(" ")
    places = [at for at, word in enumerate(parts) if word.lower() in _FUNCTION_WORDS]
    for at in draw.sample(places, min(len(places), draw.randint(1, 3))):
        other = _FUNCTION_WORDS[parts[at].lower()].replace("_", " ")
        parts[at] = other.capitalize() if parts[at][0].isupper() else other
    return " ".join(parts)


def clause_moved(question: str, draw: random.Random) -> str | None:
    """With a clause of time or place moved from one end to the other."""
    del draw
    if found := _LEADING.match(question):
        rest, clause = question[found.end() :].rstrip(" ?"), found.group(1)
        return f"{rest[0].upper()}{rest[1:]} {clause[0].lower()}{clause[1:]}?"
    if found := _TRAILING.search(question):
        rest, clause = question[: found.start()], found.group(1)
        return f"{clause[0].upper()}{clause[1:]}, {rest[0].lower()}{rest[1:]}?"
    return None


def inverted(question: str, draw: random.Random) -> str | None:
    """``What is X?`` as ``X is what?``."""
    del draw
    found = _WHAT_IS.match(question)
    if found is None:
        return None
    asks, verb, subject = found.groups()
    return f"{subject[0].upper()}{subject[1:]} {verb} {asks.lower()}?"


def two_of_these(question: str, draw: random.Random) -> str | None:
    """Two changes, one after the other."""
    simple = [case_punctuation, no_articles, polite, function_words]
    first, second = draw.sample(simple, 2)
    return second(clause_moved(question, draw) or first(question, draw), draw)


Change = Callable[[str, random.Random], str | None]
_CHANGES: tuple[Change, ...] = (
    *(case_punctuation, no_articles, polite, function_words, clause_moved, inverted, two_of_these),
    reword,
)
POSITIVES = {getattr(change, "__name__", ""): change for change in _CHANGES}
Two = tuple[tuple[str, str], tuple[str, str]]


def _other_answer(answer: str, sources: Sequence[Source], draw: random.Random) -> str:
    """An answer of its kind that is not it: another number, else another question's answer."""
    if _NUMBER.search(answer):
        return _NUMBER.sub(lambda found: _other_number(found.group(), draw), answer)
    while (other := draw.choice(sources).answer).lower() in answer.lower():
        pass
    return other


def _other_number(number: str, draw: random.Random) -> str:
    last = max(at for at, char in enumerate(number) if char.isdigit())
    other = draw.choice([digit for digit in "123456789" if digit != number[last]])
    return f"{number[:last]}{other}{number[last + 1 :]}"


def number_changed(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """Another number is asked about."""
    for s in sources:
        found = _NUMBER.search(s.question)
        if found:
            changed = f"{s.question[: found.start()]}{_other_number(found.group(), draw)}"
            yield _against(s, changed + s.question[found.end() :], sources, draw)


def unit_changed(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """Another unit is asked for."""
    for s in sources:
        for unit, other in _UNITS:
            if re.search(rf"\b{unit}\b", s.question):
                yield _against(s, re.sub(rf"\b{unit}\b", other, s.question), sources, draw)
                break


def name_changed(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """Another person, place or thing of another question is asked about."""
    names = sorted({found for s in sources for found in _NAME.findall(s.question)})
    for s in sources:
        if found := _NAME.search(s.question):
            name = draw.choice(names)
            if name != found.group():
                changed = f"{s.question[: found.start()]}{name}{s.question[found.end() :]}"
                yield _against(s, changed, sources, draw)


def negated(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """The contrary is asked."""
    for s in sources:
        if " not " not in s.question and (found := _AUXILIARY.search(s.question)):
            changed = f"{s.question[: found.end()]} not{s.question[found.end() :]}"
            yield _against(s, changed, sources, draw)


def _against(s: Source, question: str, sources: Sequence[Source], draw: random.Random) -> Two:
    return (s.question, s.answer), (question, _other_answer(s.answer, sources, draw))


def same_paragraph(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """Two questions of one paragraph, with different answers."""
    yield from _of_groups(sources, lambda s: s.paragraph, same_answer=False, draw=draw)


def same_template(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """The same asked of two subjects, with different answers."""
    yield from _of_groups(sources, lambda s: s.template, same_answer=False, draw=draw)


def same_template_same_answer(sources: Sequence[Source], draw: random.Random) -> Iterator[Two]:
    """The same asked of two subjects that happen to have the same answer."""
    yield from _of_groups(sources, lambda s: s.template, same_answer=True, draw=draw)


def _of_groups(
    sources: Sequence[Source],
    key: Callable[[Source], str],
    *,
    same_answer: bool,
    draw: random.Random,
) -> Iterator[Two]:
    groups: dict[tuple[str, str], list[Source]] = defaultdict(list)
    for s in sources:
        if key(s):
            groups[key(s), s.answer if same_answer else ""].append(s)
    for s in sources:
        group = groups[key(s), s.answer if same_answer else ""] if key(s) else []
        other = draw.choice(group) if len(group) > 1 else s
        differ = words(other.question) != words(s.question)
        if differ and (other.answer == s.answer) == same_answer:
            yield (s.question, s.answer), (other.question, other.answer)


_FINDS: tuple[Callable[[Sequence[Source], random.Random], Iterator[Two]], ...] = (
    *(number_changed, unit_changed, name_changed, negated),
    *(same_paragraph, same_template, same_template_same_answer),
)
NEGATIVES = {getattr(find, "__name__", ""): find for find in _FINDS}
