"""Facts about who: makers, authors, finders, and the one who was the first.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import shorten
from webscale_dagster.llm.find_numbers import is_plural
from webscale_dagster.llm.find_terms import bare_term
from webscale_dagster.llm.lexicon import NOT_PEOPLE, PERSON_NOUNS, PERSON_VERBS
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import KNOWN_NAMES, Names
from webscale_dagster.llm.phrases import complete, head_noun, is_name, squeeze
from webscale_dagster.llm.verbs import PARTICIPLE, PAST, simple_past, word_set

_RELATIVE = re.compile(
    r"^(?P<det>an?|any|the) (?P<np>[^,]+?),? (?P<rel>that|which|who) (?P<vp>.+)$"
)
_OTHER_WORK = re.compile(r",? (?:[a-z-]+ed|written|co-written|shot|made)(?: by .*)?(?:,? and)?$")
_AGENT = re.compile(r"^(?P<part>[a-z]+)(?P<mid>(?: [^,]+?)?) by (?P<who>.+)$")
_MADE_BY = re.compile(
    r"\b(?P<part>directed|written|composed|painted|sung|designed|invented|"
    r"discovered) by (?P<who>.+)$"
)
_PERSON = re.compile(
    r"^(?P<who>(?:(?:Sir|Dr\.|Professor|King|Queen|President|Emperor|Pope|Saint|St\.) )?"
    r"(?:[A-Z][\w'’é-]+|(?:[A-Z]\. ?)+)(?: (?:[A-Z]\.|(?:de|van|von|der|la|le|di|da|del|bin|"
    r"ibn|al-)|[A-Z][\w'’é-]+)){1,4})(?P<tail>$|[ ,].*$)"
)
_DEFINITE = re.compile(
    r"^the (?:(?:very|world's|world’s|nation's|country's) )?(?P<key>first|second|third|fourth|"
    r"fifth|sixth|seventh|eighth|ninth|"
    r"tenth|last|only|most|least|main|capital|founder|inventor|author|director|creator|"
    r"discoverer|[a-z]+est|"
    r"\d+(?:st|nd|rd|th)|official|national|chemical|main)\b.+$"
)
_CAPITAL = re.compile(
    r"(?:^|[a-z] )(?P<x>[A-Z][a-z]+(?: [A-Z][a-z]+)?), the (?P<np>(?:capital(?: city)?|"
    r"largest city|largest island|national "
    r"language|currency)) of (?P<of>(?:the )?[A-Z][a-z]+(?: [A-Z][a-z]+)*)(?:,|$)"
)
_DEEDS = word_set(
    "founded invented discovered wrote created directed composed designed developed "
    "established pioneered assassinated painted built coined introduced proved won"
)


def which(line: Line, names: Names) -> Fact | None:
    """From "NAME is a Y that ..." -> the name, asked for as "which Y"."""
    del names
    parsed, subject = line.clause, line.subject
    if parsed is None or subject is None or not parsed.is_be or parsed.front or parsed.adverb:
        return None
    if not is_name(subject.removeprefix("the ")) or len(parsed.rest.split()) > 30:
        return None
    found = _RELATIVE.match(parsed.rest)
    if found is None:
        return None
    what, body = found.group("np"), shorten(found.group("vp"))
    first, head = body.split()[0], head_noun(what)
    if len(what.split()) > 8 or head in ("one", "name", "way", "member"):
        return None
    if not _specific(body) or not complete(body):
        return None
    if (found.group("rel") == "who" or head in PERSON_NOUNS) and first not in _DEEDS:
        return None  # "which actor played in ...": many did
    if first not in PAST and first not in ("is", "was", "has", "had") and not first.endswith("s"):
        return None
    return Fact("which", subject, "entity", line.sentence, {"what": what, "verb": body})


def _specific(text: str) -> bool:
    """Whether a description narrows down to one thing: it names or counts something."""
    named = [
        word
        for word in re.findall(r"\b[A-Z][\w’'-]{2,}", text)
        if not word.endswith(("an", "ish", "ese"))
    ]
    return bool(named or re.search(r"\b[12]\d{3}\b", text)) and len(text.split()) >= 5


def _person(text: str) -> tuple[str, str] | None:
    found = _PERSON.match(text)
    if found is None:
        return None
    name = found.group("who")
    if name.split()[0] in ("The", "A", "An", "In", "On", "At") or found.group("tail").startswith(
        ("'", "’")
    ):
        return None
    last = name.lower().split()
    if any(word in NOT_PEOPLE for word in last) or any(
        word in KNOWN_NAMES for word in name.split()
    ):
        return None
    return name, found.group("tail")


def agent(line: Line, names: Names) -> Fact | None:
    """From "X was written by ANN LEE" -> who wrote it."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not parsed.is_be or parsed.front:
        return None
    if line.subject.startswith(("a ", "an ")):
        return None
    if parsed.passive() is None:
        return _made_by(line)
    found = _AGENT.match(parsed.rest)
    if found is None or PARTICIPLE.get(found.group("part")) not in PERSON_VERBS:
        return None
    who = _person(found.group("who"))
    past = simple_past(found.group("part"))
    if who is None or past is None or re.match(r" (?:and|or)\b", found.group("mid")):
        return None
    name, tail = who
    tail = shorten(tail).strip(" ,")
    if re.match(r"and\b|&", tail) or (
        tail and (not complete(tail) or not re.match(r"(?:in|on|at|for|as|to|from) ", tail))
    ):
        return None
    slots = {"verb": past, "what": squeeze(f"{line.subject}{found.group('mid')} {tail}")}
    return Fact("who", name, "entity", line.sentence, slots)


def _made_by(line: Line) -> Fact | None:
    """From "X is a 1942 film directed by Y" -> who directed X."""
    parsed = line.clause
    assert parsed is not None and line.subject is not None
    if not re.match(r"an? |the ", parsed.rest) or not is_name(line.subject.removeprefix("the ")):
        return None
    found = _MADE_BY.search(parsed.rest)
    if found is None or re.search(
        r"\b(?:based on|who|which|that|album|songs?)\b", parsed.rest[: found.start()]
    ):
        return None
    who = _person(found.group("who"))
    past = simple_past(found.group("part"))
    if who is None or past is None or re.match(r"\s*(?:and|&)\b|, [A-Z]", who[1]):
        return None
    described = _OTHER_WORK.sub("", parsed.rest[: found.start()].strip(" ,"))
    what = head_noun(re.sub(r"^(?:an?|the) ", "", described))
    if not what or what in PERSON_NOUNS or not what.isalpha():
        return None
    return Fact(
        "who", who[0], "entity", line.sentence, {"verb": past, "what": f"the {what} {line.subject}"}
    )


def doer(line: Line, names: Names) -> Fact | None:
    """From "ANN LEE discovered X" -> who discovered it."""
    parsed = line.clause
    if (
        parsed is None
        or parsed.aux
        or parsed.front
        or parsed.adverb
        or PAST.get(parsed.verb) not in PERSON_VERBS
    ):
        return None
    who = _person(parsed.subject)
    if who is None or who[1]:
        return None
    rest = shorten(parsed.rest)
    if not complete(rest) or not re.search(r"[A-Z]", rest) or len(rest.split()) < 2 or "," in rest:
        return None
    if re.search(r"\b(?:his|her|its|their)\b", rest):
        return None
    del names
    return Fact("who", who[0], "entity", line.sentence, {"verb": parsed.verb, "what": rest})


def identity(line: Line, names: Names) -> Fact | None:
    """From "X is the largest lake in Africa" -> X."""
    del names
    parsed, subject = line.clause, line.subject
    if parsed is None or subject is None or not parsed.is_be or parsed.front or parsed.adverb:
        return None
    if not _DEFINITE.match(parsed.rest) or not re.search(
        r"\b(?:of|in|to|on|for|at|that|from)\b", parsed.rest
    ):
        return None
    name = subject.removeprefix("the ")
    if re.match(
        r"the (?:best|worst|greatest|finest|most (?:important|interesting|beautiful))\b",
        parsed.rest,
    ):
        return None  # an opinion
    if not (is_name(name) or bare_term(line)) or len(subject.split()) > 6:
        return None
    what = shorten(parsed.rest)
    if "," in what or not complete(what) or not _identifies(what):
        return None
    if re.search(r"\b(?:his|her|its|their|since)\b", what):
        return None
    if re.fullmatch(r"[A-Z][a-z]+ and [A-Z][a-z]+", name) and not set(name.split()) & KNOWN_NAMES:
        return None  # two given names: an exercise
    head = head_noun(what)
    if parsed.aux in ("are", "were") and not is_plural(head):
        return None
    person = head in PERSON_NOUNS
    if person and not is_name(name):
        return None
    answer_type = "entity" if is_name(name) else "term"
    slots = {"who": "Who" if person else "What", "be": parsed.aux, "what": what}
    answer = subject if is_name(name) else str(bare_term(line))
    return Fact("identity", answer, answer_type, line.sentence, slots)


def _identifies(what: str) -> bool:
    """Whether "the first ..." names its field: a name, a number, or a long enough description."""
    return (
        bool(re.search(r"\b[A-Z][a-z]+|\d", what))
        or len(what.split()) >= 7
        or bool(re.search(r"\b(?:world|universe|human body|solar system|earth|body)\b", what))
    )


def capital(line: Line, names: Names) -> Fact | None:
    """From "Paris, the capital of France," : Paris."""
    del names
    found = _CAPITAL.search(line.plain)
    if found is None:
        return None
    what = f"the {found.group('np')} of {found.group('of')}"
    slots = {"who": "What", "be": "is", "what": what}
    return Fact("identity", found.group("x"), "entity", line.sentence, slots)
