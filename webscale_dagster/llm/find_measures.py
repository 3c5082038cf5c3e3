"""Facts about how large: dimensions, and properties with a number.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.find_numbers import _DURATION, _QUALIFIED, _SOFT, _clean_tail, _how
from webscale_dagster.llm.lexicon import RATES
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.verbs import word_set

_DIMENSION = re.compile(
    rf"^{_QUALIFIED} (?P<unit>{RATES}) (?P<dim>long|tall|high|wide|deep|thick|old|in length|"
    rf"in height|"
    r"in width|in diameter|in depth|above sea level)\b(?P<tail>.*)$"
)
_PROPERTY = re.compile(
    rf"^(?:an? )(?P<prop>(?:[a-z]+[ -]){{0,2}}[a-z]+) of {_QUALIFIED}(?: (?P<unit>{RATES})"
    rf")?(?P<tail>[ ,].*|)$"
)
_WITH_PROPERTY = re.compile(
    rf"(?:,)? with an? (?P<prop>(?:[a-z]+ )?(?:population|area|length|height|diameter|"
    rf"elevation|capacity)) of "
    rf"{_QUALIFIED}(?: (?P<unit>{RATES}))?$"
)
_IS_NUMBER = re.compile(
    rf"^{_QUALIFIED}(?P<pct>%| percent| per cent)?(?: (?P<unit>{RATES}))?(?P<tail>[ ,].*|)$"
)
_NO_PROPERTY = word_set("total number minimum maximum series variety range")
_YEAR = re.compile(r"1\d{3}|20\d\d")


def dimension(line: Line, names: Names) -> Fact | None:
    """From "X is 324 metres tall" -> how tall it is."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not parsed.is_be or parsed.front:
        return None
    found = _DIMENSION.match(parsed.rest)
    if found is None or found.group("dim") == "old" or line.subject.startswith(("a ", "an ")):
        return None
    if re.search(r"[A-Z][a-z]+[’']s [a-z]", line.subject):
        return None
    adjective = {"in length": "long", "in height": "tall", "in width": "wide", "in depth": "deep"}
    dim = adjective.get(found.group("dim"), found.group("dim"))
    tail = _clean_tail(found.group("tail"))
    if tail is None:
        return None
    asks = parsed.inverted(line.subject, tail)
    if dim in ("in diameter", "above sea level"):
        slots = {
            "how": _how(found.group("qual"), f"how many {found.group('unit')}"),
            "asks": f"{asks} {dim}",
        }
    else:
        slots = {"how": _how(found.group("qual"), f"how {dim}"), "asks": asks}
    return _measure("dimension", line, found, slots)


def _exact(found: re.Match[str]) -> bool:
    """Whether the sentence gives the number itself, or near enough, and no bound."""
    return _SOFT.get((found.group("qual") or "").lower(), "About") in ("About", "Approximately")


def _measure(kind: str, line: Line, found: re.Match[str], slots: dict[str, str]) -> Fact:
    number, unit = found.group("num"), found.group("unit")
    if not unit and _YEAR.fullmatch(number) and re.search(r"\byear\b", slots["what"]):
        return Fact(kind, number, "date", line.sentence, slots)
    if not unit:
        return Fact(kind, number, "number", line.sentence, slots)
    answer_type = "duration" if _DURATION.match(unit) else "number"
    return Fact(kind, f"{number} {unit}", answer_type, line.sentence, slots, {"unit": unit})


def measured(line: Line, names: Names) -> Fact | None:
    """From "X has a population of 5,000" and "the population of X is 5,000" -> the number."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or parsed.front:
        return None
    if parsed.aux in ("has", "have", "had"):
        found = _PROPERTY.match(parsed.rest)
        if found is None or found.group("prop").split()[-1] in _NO_PROPERTY:
            return None
        if line.subject.startswith(("a ", "an ")) or not _exact(found):
            return None  # "a ball has a mass of 2 kg": one exercise's ball
        tail = _clean_tail(found.group("tail"))
        if tail is None or (
            found.group("tail")
            and not found.group("unit")
            and tail[:1].islower()
            and not re.match(r"(?:in|as of|at|by|on|per|according) ", tail)
        ):
            return None
        be = "was" if parsed.aux == "had" else "is"
        slots = {"be": be, "what": f"the {found.group('prop')} of {line.subject} {tail}".strip()}
        return _measure("property", line, found, slots)
    with_found = _WITH_PROPERTY.search(parsed.rest)
    if with_found and parsed.is_be and _exact(with_found):
        slots = {"be": parsed.aux, "what": f"the {with_found.group('prop')} of {line.subject}"}
        return _measure("property", line, with_found, slots)
    return _property_first(line)


def _property_first(line: Line) -> Fact | None:
    parsed = line.clause
    assert parsed is not None and line.subject is not None
    if not parsed.is_be or not line.subject.startswith("the ") or " of " not in line.subject:
        return None
    found = _IS_NUMBER.match(parsed.rest)
    if found is None or not _exact(found):
        return None
    of = line.subject.split(" of ", 1)[1]
    if not (
        re.search(r"[A-Z]", of)
        or (found.group("unit") and len(of.split()) <= 2 and not of.startswith(("the ", "a ")))
    ):
        return None
    tail = None if re.match(r",? ?\d", found.group("tail")) else _clean_tail(found.group("tail"))
    if tail is None or (tail and not re.match(r"(?:in|at|as of|per|by|on|for|from) ", tail)):
        return None
    slots = {"be": parsed.aux, "what": f"{line.subject} {tail}".strip()}
    if found.group("pct"):
        answer = found.group("num") + found.group("pct")
        return Fact("property", answer, "percent", line.sentence, slots)
    return _measure("property", line, found, slots)
