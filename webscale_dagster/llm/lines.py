"""What the finders of facts share: a sentence taken apart, and the fact they make of it.

Makes ``Line`` and ``Fact`` values; reads and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from webscale_dagster.llm.clauses import Clause, clause, plain
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.sentences import Sentence
from webscale_dagster.llm.standing import from_exercise, unnamed_deed
from webscale_dagster.llm.verbs import PARTICIPLE, PAST, word_set


@dataclass(frozen=True)
class Line:
    """A sentence, its plain text, its main clause, and the subject as it reads in mid-sentence."""

    sentence: Sentence
    plain: str
    clause: Clause | None
    subject: str | None
    anchor: str = ""  # "Under <title>, " where a rule is stated: rules hold somewhere only


@dataclass(frozen=True)
class Fact:
    """One thing a sentence says that can be asked for and checked."""

    kind: str  # names the question's template
    answer: str
    answer_type: str
    sentence: Sentence
    slots: dict[str, str]
    options: dict[str, str] = field(default_factory=dict)
    anchor: str = ""


_FOUND = word_set("invent discover coin isolate patent develop describe propose introduce")
Finder = Callable[[Line, Names], Fact | None]


def take_apart(sentence: Sentence, names: Names) -> Line:
    """The sentence with everything the finders look at."""
    text = plain(sentence.text)
    parsed = clause(text)
    if parsed is None:
        return Line(sentence, text, None, None)
    subject = names.subject(parsed.subject)
    anchor = ""
    if parsed.aux in ("shall", "must", "should", "may"):
        anchor = f"Under {names.citation}, " if names.citation else ""
        subject = subject if anchor else None
    elif subject and told(parsed) and not re.search(r"[A-Z]", subject) and not _made(parsed):
        subject = None  # "a constitution was enacted": of which country?
    if subject and (unnamed_deed(parsed) or from_exercise(parsed, subject, text, names)):
        subject = None
    return Line(sentence, text, parsed, subject, anchor)


def _made(parsed: Clause) -> bool:
    """Whether somebody named made or found the thing: "quicksort was invented by Tony Hoare"."""
    return PARTICIPLE.get(parsed.passive() or "") in _FOUND and " by " in parsed.rest


def told(parsed: Clause) -> bool:
    """Whether the clause tells of something past."""
    return parsed.aux in ("was", "were", "had", "could", "would") or parsed.verb in PAST
