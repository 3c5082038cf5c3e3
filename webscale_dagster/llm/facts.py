"""Checkable facts of a document, best kinds first within a sentence.

Reads a document's text and title; makes ``Fact`` values; writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from webscale_dagster.llm import (
    find_in_place,
    find_makers,
    find_measures,
    find_names,
    find_numbers,
    find_shares,
    find_terms,
    find_times,
)
from webscale_dagster.llm.lines import Fact, Finder, take_apart
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.sentences import Sentence, split, stands_alone

MAX_SCANNED = 30_000  # characters of a document that are looked at
MAX_FACTS = 12  # enough to choose from; the rest of a long book is left alone

# In order: the first that finds something speaks for the sentence.
FINDERS: tuple[Finder, ...] = (
    find_names.gene,
    find_names.pattern,
    find_terms.stands_for,
    find_shares.odds,
    find_measures.dimension,
    find_measures.measured,
    find_names.named_after,
    find_shares.percent,
    find_shares.money,
    find_numbers.there_are,
    find_numbers.count,
    find_terms.called,
    find_terms.defined,
    find_makers.agent,
    find_makers.identity,
    find_names.placed,
    find_makers.capital,
    find_terms.alias,
    find_times.when,
    find_times.span,
    find_makers.doer,
    find_makers.which,
    find_times.life,
    find_in_place.in_place,
)
# A sentence without any of these carries nothing that the finders look for.
_HINT = re.compile(
    r"\d|%|percent|\b(?:is|are|was|were|called|known as|stands for|named)\b|\b(?:two|three|"
    r"four|five|six|"
    r"seven|eight|nine|ten|twelve)\b|[a-z]ed [A-Z]| wrote "
)


def lines_of(text: str) -> Iterator[Sentence]:
    """Sentences worth taking apart."""
    for sentence in split(text[:MAX_SCANNED]):
        if _HINT.search(sentence.text) and stands_alone(sentence.text):
            yield sentence


def facts_in(sentence: Sentence, names: Names) -> Iterator[Fact]:
    """What every finder makes of one sentence, in the finders' order."""
    line = take_apart(sentence, names)
    for finder in FINDERS:
        fact = finder(line, names)
        if fact is not None:
            yield replace(fact, anchor=line.anchor)


def find_facts(text: str, title: str | None) -> list[Fact]:
    """Every checkable fact of the document's first ``MAX_SCANNED`` characters."""
    names = Names(text[:MAX_SCANNED], title)
    return [fact for sentence in lines_of(text) for fact in facts_in(sentence, names)]
