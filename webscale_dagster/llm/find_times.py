"""Facts about when: years, dates, spans of years, births and deaths.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import Clause, shorten
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.phrases import MONTHS, complete, is_name, squeeze
from webscale_dagster.llm.verbs import PARTICIPLE, PAST, STATIVE

_DAY = rf"(?:(?:{MONTHS}) \d{{1,2}},? [12]\d{{3}}|\d{{1,2}} (?:{MONTHS}),? [12]\d{{3}})"
_MONTH = rf"(?:(?:{MONTHS}),? [12]\d{{3}})"
_YEAR = r"1\d{3}|20[0-4]\d"
WHEN = re.compile(
    rf"(?:^|\s)(?:(?:on) (?P<day>{_DAY})|in (?P<month>{_MONTH})|in (?P<year>{_YEAR}))"
    r"(?![-–\w/\u2060])(?! (?:to|through|until|BC|and (?:1|2)\d{3}))",
    re.IGNORECASE,
)
ANY_YEAR = re.compile(r"\b(?:1\d{3}|20[0-4]\d)s?\b")
_SPAN = re.compile(rf"\bfrom (?P<from>{_YEAR}) (?:to|until|till|through) (?P<to>{_YEAR})\b(?!-)")
_LIFE = re.compile(
    rf"^(?P<name>[A-Z][^()\d:;]{{4,60}}?) ?\(\s*(?:born |b\. )?(?:in )?(?P<born>{_DAY}|{_YEAR})"
    rf"(?: in [^()\d]+)?(?:\s*[-–—]\s*(?:c\. )?(?P<died>{_DAY}|{_YEAR}))?\s*\) (?P<aux>is|"
    rf"was) (?:an?|the) "
)
OTHER_EVENT = re.compile(
    r"\b(?:that|which|who|whose|how|whether|in response to|after|following|before|since|during)\b"
)
_INDEFINITE = re.compile(
    r"(?:an?|some|several|various|numerous|additional|certain|many|few|more|new|\w+ (?:an?|"
    r"new)) [\w-]+(?: [a-z-]+)?"
)


def _event(parsed: Clause) -> bool:
    """Whether the clause tells something that happens once."""
    if parsed.is_be:
        participle = parsed.passive()
        return participle is not None and PARTICIPLE[participle] not in STATIVE | {"base", "locate"}
    return not parsed.aux and parsed.verb in PAST and PAST[parsed.verb] not in STATIVE


def _tidy(rest: str) -> str:
    return squeeze(re.sub(r"\s+,", ",", rest)).strip(" ,")


def when(line: Line, names: Names) -> Fact | None:
    """From "X was founded in 1920 by Y" -> the year, month or day."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not _event(parsed):
        return None
    if len(ANY_YEAR.findall(line.plain)) != 1 or line.subject.startswith(("a ", "an ")):
        return None
    front = WHEN.search(parsed.front)
    if front:
        found, rest = front, shorten("x " + parsed.rest).removeprefix("x")
    else:
        inside = WHEN.search(parsed.rest)
        if inside is None:
            return None
        before, after = parsed.rest[: inside.start()], parsed.rest[inside.end() :]
        if ", and " in before or OTHER_EVENT.search(before):
            return None  # the year belongs to another clause
        if not (complete(before) or not before) or re.match(r"[A-Z”\"’]", after.strip(" ,")):
            return None
        cut = shorten(f"x {before} @@{after}").removeprefix("x")
        if "@@" not in cut:
            return None
        found, rest = inside, cut.replace(" @@", "").replace("@@", "")
    if not rest.strip() and parsed.rest.startswith("and "):
        return None  # "attacked and destroyed Baghdad"
    kind = str(found.lastgroup)
    place = "" if front else parsed.front
    if place:
        return None
    rest = _tidy(rest)
    if not complete(rest or "x") or _INDEFINITE.fullmatch(rest):
        return None
    slots = {"asks": parsed.inverted(line.subject, rest)}
    return Fact(kind, found.group(kind), "date", line.sentence, slots)


def span(line: Line, names: Names) -> Fact | None:
    """From "X reigned from 1509 to 1547" -> the year it ended."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or parsed.front:
        return None
    found = _SPAN.search(parsed.rest)
    if found is None or len(ANY_YEAR.findall(line.plain)) != 2 or found.end() < len(parsed.rest):
        return None
    rest = _tidy(parsed.rest[: found.start()])
    if not (complete(rest) or not rest) or re.search(r",|\b(?:that|which|who)\b", rest):
        return None
    if shorten(f"x {rest}") != f"x {rest}":
        return None
    slots = {"asks": parsed.inverted(line.subject, rest), "from": found.group("from")}
    return Fact("span", found.group("to"), "date", line.sentence, slots)


def life(line: Line, names: Names) -> Fact | None:
    """From "NAME (5 May 1818 - 14 March 1883) was a ..." -> a date of birth or death."""
    text = squeeze(line.sentence.text)
    found = _LIFE.match(text)
    if found is None:
        return None
    name = found.group("name").strip(" ,")
    if not is_name(name) or len(name.split()) < 2 or name.startswith("The "):
        return None
    died, born = found.group("died"), found.group("born")
    if found.group("aux") == "was" and not died and not re.search(r"\(\s*(?:born|b\.) ", text):
        return None  # one date of a dead person: of birth or of death?
    if found.group("aux") == "was" and died and len(died) > 4:
        kind, answer = "died_on", died
    elif len(born) > 4:
        kind, answer = "born_on", born
    elif died:
        kind, answer = "died_in", died
    else:
        return None
    return Fact(kind, answer, "date", line.sentence, {"name": name})
