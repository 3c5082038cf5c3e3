"""Facts turned into questions, and the questions that are good enough to ask.

Reads ``Fact`` values; makes ``Pair`` values, best first, from distinct sentences. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from webscale_dagster.llm.facts import MAX_FACTS, MAX_SCANNED, facts_in, lines_of
from webscale_dagster.llm.lexicon import NOT_PEOPLE, PLACE_NOUNS
from webscale_dagster.llm.lines import Fact
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.phrases import complete, hangs, squeeze, words
from webscale_dagster.llm.standing import (
    DEFINITIONS,
    brought_up_before,
    complete_owners,
    continues,
    is_vague,
    names_a_firm,
)
from webscale_dagster.llm.verbs import word_set

MAX_QUESTION_WORDS, MIN_QUESTION_WORDS = 34, 5
MAX_ANSWER_WORDS = 8

_TEMPLATES: dict[str, str] = {
    "year": "In what year {asks}?",
    "month": "In what month and year {asks}?",
    "day": "On what date {asks}?",
    "span": "From {from} until what year {asks}?",
    "born_on": "On what date was {name} born?",
    "died_on": "On what date did {name} die?",
    "died_in": "In what year did {name} die?",
    "count": "{how} {noun} {asks}?",
    "dimension": "{how} {asks}?",
    "property": "What {be} {what}?",
    "percent": "{how} {asks}?",
    "odds": "{asks} one {mid} how many {noun}?",
    "term": "What is the term for {what}?",
    "which": "Which {what} {verb}?",
    "called": "What {be} {what} {verb}?",
    "another_name": "By what other name {be} {what} known?",
    "called_object": "What is the name of the {what} that {clause}?",
    "who": "Who {verb} {what}?",
    "identity": "{who} {be} {what}?",
    "alias": "By what other name is {what} {how} known?",
    "country": "In which country {be} {what} located?",
    "where": "Where {be} {what} located?",
    "named_after": "Who or what {be} {what} named {prep}?",
    "gene": "{what} in which gene {verb}?",
    "gene_after": "{what} in which gene?",
    "pattern": "In what {noun} {asks}?",
    "in_place": "{asks}?",
    "stands_for": "What does {what} stand for?",
}
# Kinds by how often a strict reader accepts them; better ones are asked first.
_WEIGHT = {
    "odds": 9,
    "dimension": 9,
    "property": 9,
    "gene": 9,
    "gene_after": 9,
    "stands_for": 8,
    "named_after": 8,
    "who": 8,
    "identity": 8,
    "called": 7,
    "term": 7,
    "count": 7,
    "percent": 7,
    "year": 7,
    "day": 7,
    "month": 7,
    "alias": 6,
    "another_name": 6,
    "which": 6,
    "called_object": 6,
    "pattern": 5,
    "country": 5,
    "born_on": 5,
    "died_on": 5,
    "died_in": 5,
    "span": 4,
    "in_place": 3,
    "where": 4,
}
_NAMED = word_set("who identity which term")
_SMALL = word_set("a an the of in on at by for to and or is was percent per cent")
_CLASSES = frozenset(PLACE_NOUNS.split("|")) | NOT_PEOPLE


# quotation marks on the wrong side of a space, numbered parts of a book
_POORLY_SET = re.compile(
    r"[a-z]\" [A-Z]|\.[”\"]|\b(?:Theorem|Lemma|Equation|Proposition|Definition|Example|Problem|"
    r"Exercise|Chapter|"
    r"Section|Part|Unit|Step|Case|Model|Algorithm|Table|Figure|Question|Paragraph) [\dIVX(]"
)
# within a definition these point to something the definition itself has named
_INSIDE_DEFINITION = re.compile(r"\b(?:it|them|they|same|others?|another|both|different|either)\b")
_INVENTED = re.compile(
    r"\b((?:invent|patent|discover|isolat|coin|develop|introduc)(?:ed|e)?) the (?=[a-z])"
)
_WHOSE = re.compile(r"\b(?:was|did|is|were|has|had) (?:the|a) .*\b(?:his|her)\b")
_TWO_PREPOSITIONS = re.compile(
    r"\b(?:in|of|by|for|with|at|into|from) (?:in|of|by|for|with|at|from|as|on)\b"
)
_CAPITALISED = re.compile(r"\bthe ([A-Z][a-z]+)\b(?! [A-Z])")


@dataclass(frozen=True)
class Pair:
    """A question, its answer, and the sentence that proves it: ``quote == text[start:end]``."""

    question: str
    answer: str
    answer_type: str
    quote: str
    start: int
    end: int
    options: dict[str, str]


def ask(fact: Fact) -> str:
    """The fact's question in words."""
    question = squeeze(_TEMPLATES[fact.kind].format(**fact.slots))
    question = re.sub(r"\s+([,?])", r"\1", question).replace(",?", "?").replace(",,", ",")
    if fact.anchor:
        first = question.split(" ", 1)[0]
        lower = first[1:].islower() or len(first) == 1
        return fact.anchor + (question[0].lower() + question[1:] if lower else question)
    return question[0].upper() + question[1:]


def _stem(word: str) -> str:
    return word.removesuffix("s")[:6]


def leaks(question: str, answer: str, options: dict[str, str]) -> bool:
    """Whether a content word of the answer, or its stem, stands in the question.

    The class of a named thing may: "which lake" does not give "Lake Victoria" away.
    """
    free = {*words(options.get("unit", "")), *_SMALL}
    asked = {_stem(word) for word in words(question)}
    content = [word for word in words(answer) if word not in free]
    shared = [word for word in content if _stem(word) in asked]
    named = re.findall(r"[A-Za-z]+", question)
    return len(shared) == len(content) or any(
        not (word in _CLASSES and word in named) for word in shared
    )


def acceptable(fact: Fact, question: str, names: Names) -> bool:
    """Whether the question reads well, stands alone and has one answer in its sentence."""
    n_words = len(question.split())
    if not MIN_QUESTION_WORDS <= n_words <= MAX_QUESTION_WORDS:
        return False
    body = question.removesuffix("?")
    if re.search(r"\b(\w+ \w+|\w{4,}) \1\b", f"{fact.answer} {body}"):
        return False  # garbled
    if (
        ":" in question
        or _WHOSE.search(question)
        or _POORLY_SET.search(question)
        or _TWO_PREPOSITIONS.search(question)
    ):
        return False
    if any(names.is_common(word) for word in _CAPITALISED.findall(body)):
        return False  # "the Market": a defined term of its document
    if continues(body) or (fact.kind not in DEFINITIONS and is_vague(body)):
        return False
    if names_a_firm(body, fact.sentence.text, names):
        return False
    if fact.kind in ("term", "called") and brought_up_before(fact.slots["what"]):
        return False
    if hangs(_read_for_hanging(fact, body)) or _unbalanced(body) or not _ends_well(fact, body):
        return False
    if not 1 <= len(fact.answer.split()) <= MAX_ANSWER_WORDS or leaks(
        question, fact.answer, fact.options
    ):
        return False
    # a name may come again ("Kepler ... Kepler's laws"); a number must not
    return fact.kind in _NAMED or squeeze(fact.sentence.text).count(fact.answer) == 1


def _read_for_hanging(fact: Fact, body: str) -> str:
    """The question without what cannot hang: words a definition refers back to, inventions."""
    if fact.kind in ("term", "called"):
        body = _INSIDE_DEFINITION.sub("", body)
    return _INVENTED.sub(r"\1 ", body)


def _ends_well(fact: Fact, body: str) -> bool:
    stranded = fact.kind in (
        "named_after",
        "called",
        "count",
        "percent",
        "called_object",
        "stands_for",
    )
    return stranded or complete(body)


def _unbalanced(text: str) -> bool:
    return (
        any(text.count(a) != text.count(b) for a, b in (("(", ")"), ("“", "”")))
        or text.count('"') % 2 == 1
    )


def accepted(text: str, title: str | None) -> Iterator[tuple[Fact, str]]:
    """Facts with acceptable questions, in the document's order, one per sentence."""
    names = Names(text[:MAX_SCANNED], title)
    asked: set[str] = set()
    for sentence in lines_of(text):
        for fact in facts_in(sentence, names):
            question = complete_owners(ask(fact), names)
            if question is None or question in asked or fact.answer not in sentence.text:
                continue
            if acceptable(fact, question, names):
                asked.add(question)
                yield fact, question
                break


def count_pairs(text: str, title: str | None, enough: int) -> int:
    """How many pairs could be written; stops counting at ``enough``."""
    return sum(1 for _ in islice(accepted(text, title), enough))


def write_pairs(text: str, title: str | None, n: int) -> list[Pair]:
    """At most ``n`` pairs from distinct sentences, best first, kinds varied."""
    found = list(islice(accepted(text, title), MAX_FACTS))
    return [_pair(fact, question) for fact, question in _best_first(found)[:n]]


def _best_first(found: list[tuple[Fact, str]]) -> list[tuple[Fact, str]]:
    """By weight; each repetition of a kind counts for less. Earlier sentences win ties."""
    seen: dict[str, int] = {}
    keyed = []
    for place, (fact, question) in enumerate(found):
        again = seen.get(fact.kind, 0)
        seen[fact.kind] = again + 1
        keyed.append((-_WEIGHT[fact.kind] + 1.5 * again, place, fact, question))
    keyed.sort(key=lambda item: item[:2])
    return [(fact, question) for _, _, fact, question in keyed]


def _pair(fact: Fact, question: str) -> Pair:
    sentence = fact.sentence
    return Pair(
        question,
        fact.answer,
        fact.answer_type,
        sentence.text,
        sentence.start,
        sentence.end,
        fact.options,
    )
