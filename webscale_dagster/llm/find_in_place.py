"""Facts asked for where they stand: "... is about how many metres wide?".

The sentence keeps its order and only the value gives way to "how many", "in what year" and the
like. Used where no finder could turn the sentence round. Makes ``Fact`` values; writes nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from webscale_dagster.llm.clauses import shorten
from webscale_dagster.llm.find_numbers import VAGUE, plural_phrase
from webscale_dagster.llm.find_times import ANY_YEAR, OTHER_EVENT, WHEN
from webscale_dagster.llm.lexicon import DURATIONS, NUMBER, RATES
from webscale_dagster.llm.lines import Fact, Line, told
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.phrases import complete, squeeze
from webscale_dagster.llm.verbs import PAST, PRESENT, word_set

MAX_WORDS = 26
_MARK = "@@"
_RANGE_AFTER = re.compile(
    r"^\s?(?:to|and|or|[-–—])\s?(?:\w+ )?(?:\d|two|three|four|five|six|seven|ten)"
)
_MEASURE = re.compile(
    rf"(?<![\w.,$£€-])(?P<num>{NUMBER}) "
    rf"(?P<unit>{RATES})(?![\w-])"
)
_PERCENT = re.compile(rf"(?<![\w.,-])(?P<num>{NUMBER})(?P<sign>%| percent| per cent)(?= of )")
_COUNT = re.compile(rf"(?<![\w.,$£€-])(?P<num>{NUMBER}) (?P<tail>[a-z].*)$")
_FRONT = re.compile(r"^(?:In|On|At|Under|During) [^,]{3,45}, [^,]*$")
_DURATION = re.compile(rf"^(?:{DURATIONS})$")
_BAD_START = re.compile(
    r"^(?:In (?:contrast|addition|general|particular|fact|short|other|this|these|most|some|"
    r"many|all|"
    r"turn|total|New)\b|Of course|By default|For |As |About|Approximately|Over|More|Less|"
    r"Nearly|Almost|Only|Up to|Around|People|Patients|Then|Next|First|Second|Third|Last|Any|Every|"
    r"[A-Z][a-z]+(?:ing|ly)\b|\d)"
)
# sums and examples: the numbers hold for one exercise only
_CALCULATED = re.compile(
    r"[=×÷“”\"]|\b(?:equals?|minus|times|divided by|multiplied|too|each|example|group of students|"
    r"catch(?:es)?|passes|carries|touchdowns?|innings|"
    r"would|could|if|when|one|subsec|par)\b"
)
_LEADS = word_set(
    "of in by for with at to within over about approximately around nearly almost than least "
    "most only roughly every after before into contain have has had make reach hold "
    "cover include last exactly just under is are was were"
)
_SMALL = word_set("two three 1 2 3")


def in_place(line: Line, names: Names) -> Fact | None:
    """The first value of the sentence that can be asked for where it stands."""
    del names
    if line.clause is None or line.subject is None:
        return None
    if _BAD_START.match(line.plain) or _CALCULATED.search(line.plain):
        return None
    named = bool(re.search(r"[A-Z]", line.subject))
    if line.clause.aux in ("can", "could", "may", "might") and not line.anchor:
        return None
    if re.search(r"\b[12]\d{3}\b", line.clause.subject):
        return None
    if re.match(r"(?:the )?(?:maximum|minimum|default|average|total)\b(?!.* of )", line.subject):
        return None
    if " " not in line.subject and line.clause.aux in ("has", "have"):
        return None
    if not named and line.clause.verb in (
        "occurs",
        "occur",
        "begins",
        "begin",
        "starts",
        "appears",
    ):
        return None  # of what?
    if not named and (told(line.clause) or line.subject.startswith(("a ", "an "))):
        return None
    for find in (_measure, _percent, _year, _count):
        fact = find(line, named)
        if fact is not None:
            return _in_full(fact, line.clause.subject, line.subject)
    return None


def _in_full(fact: Fact, short: str, full: str) -> Fact:
    """The fact with its question's subject in full: "Begala was" -> "Paul Begala was"."""
    asks = fact.slots["asks"]
    if short.lower() == full.lower() or not asks.startswith(short):
        return fact
    return replace(fact, slots={"asks": full[0].upper() + full[1:] + asks[len(short) :]})


def _follows_well(before: str) -> bool:
    """Whether a number may stand here as an amount: after a verb or a preposition, not a noun."""
    if re.search(r"\d (?:to|by|in|of)$", before.rstrip()):
        return False  # "7 to 14 days"
    last = before.rstrip().rsplit(" ", 1)[-1]
    return last in _LEADS or last in PAST or last in PRESENT


def _asked(before: str, wanted: str, after: str) -> str | None:
    """The question with ``wanted`` in the value's place, cut after the clause that holds it."""
    if ("," in before and not _FRONT.match(before)) or re.search(
        r"\b(?:that|which|who|where|when|how|whether)\b", before
    ):
        return None  # inside an apposition or a second clause
    cut = shorten(f"{before}{_MARK}{after}")
    if _MARK not in cut:
        return None
    question = squeeze(cut.replace(_MARK, wanted)).rstrip(" ,")
    if len(question.split()) > MAX_WORDS or not complete(question) or ":" in question:
        return None
    return None if "," in cut.split(_MARK)[1] else question


def _measure(line: Line, named: bool) -> Fact | None:
    found = list(_MEASURE.finditer(line.plain))
    if len(found) != 1:
        return None
    value, unit = found[0], found[0].group("unit")
    before, after = line.plain[: value.start()], line.plain[value.end() :]
    if not _follows_well(before) or _RANGE_AFTER.match(after):
        return None
    if len(unit) < 3 or (not unit.endswith(("s", "feet", "ertz")) and " " not in unit):
        return None
    question = _asked(before, f"how many {unit}", after)
    if question is None:
        return None
    del named
    kind = "duration" if _DURATION.match(unit) else "number"
    answer = f"{value.group('num')} {unit}"
    return Fact("in_place", answer, kind, line.sentence, {"asks": question}, {"unit": unit})


def _percent(line: Line, named: bool) -> Fact | None:
    found = list(_PERCENT.finditer(line.plain))
    if len(found) != 1 or len(re.findall(r"%|percent|per cent", line.plain)) != 1:
        return None
    value = found[0]
    before, after = line.plain[: value.start()], line.plain[value.end() :]
    question = _asked(before, "what percentage", after) if _follows_well(before) else None
    if question is None:
        return None
    del named
    answer = value.group("num") + value.group("sign")
    return Fact("in_place", answer, "percent", line.sentence, {"asks": question})


def _year(line: Line, named: bool) -> Fact | None:
    if len(ANY_YEAR.findall(line.plain)) != 1 or line.clause is None or not told(line.clause):
        return None
    if line.clause.aux == "had":
        return None  # a state: it holds in other years too
    found = WHEN.search(line.plain)
    if found is None or found.start() == 0 or not named:
        return None
    kind = str(found.lastgroup)
    asked = {"year": "in what year", "month": "in what month and year", "day": "on what date"}[kind]
    before, after = line.plain[: found.start()], line.plain[found.end() :]
    if not complete(before) or re.match(r" (?:in|on) ", after) or OTHER_EVENT.search(before):
        return None
    question = _asked(before + " ", asked, after)
    if question is None:
        return None
    return Fact("in_place", found.group(kind), "date", line.sentence, {"asks": question})


def _count(line: Line, named: bool) -> Fact | None:
    value = _COUNT.search(line.plain)
    if value is None or not value.start() or not named:
        return None
    if value.group("num") in _SMALL or re.fullmatch(r"[12]\d{3}", value.group("num")):
        return None
    if len(re.findall(rf"\b(?:{NUMBER})\b", line.plain)) != 1:
        return None
    before, after = line.plain[: value.start()], line.plain[value.start("tail") :]
    split = plural_phrase(value.group("tail"))
    if split is None or not _follows_well(before) or split[0].split()[0] in VAGUE:
        return None
    question = _asked(before, "how many ", after)
    if question is None:
        return None
    return Fact("in_place", value.group("num"), "number", line.sentence, {"asks": question})
