"""Facts about shares, sums and odds: percentages, money, one in so many.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import shorten
from webscale_dagster.llm.find_numbers import (
    _BASES,
    _LEAD,
    _QUALIFIED,
    _clean_tail,
    _generic,
    _how,
    _lead_fits,
)
from webscale_dagster.llm.lexicon import NUMBER, QUALIFIER
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.phrases import complete, squeeze
from webscale_dagster.llm.verbs import PAST, PRESENT, word_set

_PERCENT_FIRST = re.compile(
    rf"^(?:(?P<qual>{QUALIFIER}) )?(?P<num>{NUMBER})(?P<sign>%| percent| per cent) (?P<of>of .+)$",
    re.IGNORECASE,
)
_PERCENT_OBJECT = re.compile(
    rf"^{_LEAD}{_QUALIFIED}(?P<sign>%| percent| per cent)(?: (?P<of>of .+)|"
    rf"(?P<tail>(?: (?:from|in|between|to|per) .+)?))$"
)
_MONEY = re.compile(
    rf"^{_LEAD}(?:(?P<qual>{QUALIFIER}) )?(?P<num>(?:US|C|A|"
    rf"NZ)?[$£€]\d[\d,]*(?:\.\d+)?(?: (?:million|billion|trillion|thousand))?)"
    r"(?P<tail>[ ,].*|)$"
)
_ODDS = re.compile(
    rf"^(?P<pre>(?:in )?)(?:(?:{QUALIFIER}) )?(?:1|one) (?P<mid>in|"
    rf"out of)(?: every)? (?P<num>\d[\d,]*(?: to \d[\d,]*)?)(?: (?P<tail>[a-z].*))?$"
)
_ANYBODY = re.compile(
    r"of (?:all |the )*(?:time|patients|cases|people|participants|respondents|subjects|students|"
    r"those|children|"
    r"women|men|users|individuals|them|affected|infants|animals|samples|"
    r"companies)\b(?! (?:with|aged|in [A-Z]))"
)
_AUX = word_set("is are was were has have had will can do does did")


def percent(line: Line, names: Names) -> Fact | None:
    """From "About 20 percent of X are Y" and "X makes up 20 percent of Y" -> the percentage."""
    first = _PERCENT_FIRST.match(line.plain)
    if first and len(re.findall(r"%|percent|per cent", line.plain)) == 1:
        rest = shorten(first.group("of"))
        if complete(rest) and has_verb(rest) and not _ANYBODY.match(rest):
            slots = {"how": _how(first.group("qual"), "what percentage"), "asks": rest}
            return Fact(
                "percent", first.group("num") + first.group("sign"), "percent", line.sentence, slots
            )
        return None
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or parsed.front:
        return None
    found = _PERCENT_OBJECT.match(parsed.rest)
    if found is None or len(re.findall(r"%|percent|per cent", line.plain)) != 1:
        return None
    pre = found.group("pre").strip()
    if not _lead_fits(parsed, pre, _generic(line)):
        return None
    answer = found.group("num") + found.group("sign")
    if parsed.verb.startswith(
        ("estimate", "claim", "say", "said", "report", "find", "found", "show")
    ):
        return None
    if found.group("of"):
        of = _clean_tail(found.group("of"))
        if of is None:
            return None
        how = _how(found.group("qual"), "what percentage") + f" {of}"
        slots = {"how": how, "asks": parsed.inverted(line.subject, pre)}
        return Fact("percent", answer, "percent", line.sentence, slots)
    if pre != "by":
        return None
    tail = _clean_tail(found.group("tail") or "")
    if tail is None:
        return None
    slots = {
        "how": "By " + _how(found.group("qual"), "what percentage").lower(),
        "asks": parsed.inverted(line.subject, tail),
    }
    return Fact("percent", answer, "percent", line.sentence, slots)


def has_verb(text: str) -> bool:
    """Whether a finite verb follows the first two words."""
    tokens = text.split()[2:]
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in _AUX or token in PRESENT or token in _BASES:
            return True
        if token in PAST and after not in ("in", "by", "of", "for", "at", "to", "with", "on"):
            return True
    return False


def money(line: Line, names: Names) -> Fact | None:
    """From "X cost $20 million" -> the sum."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or len(re.findall(r"[$£€]", line.plain)) != 1:
        return None
    found = _MONEY.match(parsed.rest)
    if found is None or (parsed.front and not parsed.front.startswith("In ")):
        return None
    if parsed.aux in ("has", "have", "had"):
        return None  # people in exercises have money
    pre = found.group("pre").strip()
    tail = _clean_tail(found.group("tail"))
    if tail is None or tail.startswith("worth"):
        return None
    front = f" in {parsed.front[3:]}" if parsed.front else ""
    if parsed.is_be and not pre:
        if not (line.subject.startswith("the ") and " of " in line.subject):
            return None
        slots = {"be": parsed.aux, "what": squeeze(f"{line.subject} {tail}{front}")}
        return Fact("property", found.group("num"), "currency", line.sentence, slots)
    if not _lead_fits(parsed, pre, _generic(line)):
        return None
    slots = {
        "how": _how(found.group("qual"), "how much money"),
        "asks": parsed.inverted(line.subject, f"{pre} {tail}") + front,
    }
    return Fact("percent", found.group("num"), "currency", line.sentence, slots)


def odds(line: Line, names: Names) -> Fact | None:
    """From "X affects 1 in 2,500 newborns" -> the 2,500."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or parsed.front or parsed.is_be:
        return None
    found = _ODDS.match(parsed.rest)
    if found is None:
        return None
    tail = _clean_tail(found.group("tail") or "people")
    if tail is None:
        return None
    verb = f"{parsed.aux} {parsed.verb}".strip()
    slots = {
        "asks": squeeze(f"{line.subject} {verb} {found.group('pre')}"),
        "noun": tail,
        "mid": found.group("mid"),
    }
    return Fact("odds", found.group("num"), "number", line.sentence, slots)
