"""Facts about how many and how large: counts, dimensions, properties.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import Clause, shorten
from webscale_dagster.llm.lexicon import DURATIONS, IRREGULAR_PLURALS, NUMBER, QUALIFIER, RATES
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import Names
from webscale_dagster.llm.phrases import complete
from webscale_dagster.llm.verbs import PARTICIPLE, PAST, PRESENT, word_set

_QUALIFIED = rf"(?:(?P<qual>{QUALIFIER}) )?(?P<num>{NUMBER})"
_LEAD = r"(?P<pre>(?:[a-z]+(?: up(?! to\b)| out)? )?(?:of |into |in |by |for |from |with |at )?)"
_COUNT = re.compile(rf"^{_LEAD}{_QUALIFIED} (?P<tail>[a-z].*)$")
_UNIT_HEAD = re.compile(rf"^(?P<unit>{RATES})(?![\w-])(?P<tail>.*)$")
_DURATION = re.compile(rf"^(?:{DURATIONS})$")
_THERE = re.compile(
    rf"^There (?P<be>are|were) {_QUALIFIED} (?P<np>(?:[a-z-]+ ){{1,4}})(?P<tail>(?:in|on|at|"
    rf"within|of|per) .+)$"
)
_DATED = re.compile(r"[^\d]*(?:in|by|since|from|of) (?:[A-Z][a-z]+ )?[12]\d{3}")
_BOUNDARY = word_set(
    "of in on at by for from with to that which who whose where when while and or but per as "
    "than into between during since under over through within across after before around "
    "among because if so is are was were has have had each every per annually yearly daily "
    "worldwide long wide tall high deep located called known named including such made "
    "containing using about via against throughout without along plus located younger older "
    "more less away apart earlier later ago"
)
VAGUE = word_set(
    "different main major key other more further millions thousands hundreds dozens billions "
    "basic separate new additional distinct important possible such related similar whole "
    "half"
)
_REFERENCES = word_set(
    "times pages chapters sections percent items figures tables points things ways examples "
    "sentences factors reasons steps others goals assists hits runs rebounds touchdowns saves "
    "shots strikeouts advantages disadvantages benefits wins losses options choices terms "
    "parameters arguments"
)
_SOFT = {
    "nearly": "About",
    "almost": "About",
    "around": "About",
    "roughly": "About",
    "some": "About",
    "an estimated": "About",
    "about": "About",
    "approximately": "Approximately",
    "over": "More than",
    "more than": "More than",
    "less than": "Less than",
    "fewer than": "Fewer than",
    "at least": "At least",
    "at most": "At most",
    "up to": "Up to",
    "just over": "Just over",
    "just under": "Just under",
    "as many as": "Up to",
}
_BASES = frozenset(PRESENT.values()) | frozenset(PAST.values())
_MADE_UP = word_set("compose comprise make divide")
# What a kind of thing has, always: "insects have six legs".
_POSSESSING = word_set(
    "have contain consist comprise compose make live last weigh measure hold produce release "
    "divide require need pump carry cover take beat"
)
# A player scores in every match, a company spends every year: no single answer.
_REPEATED = word_set(
    "add score hit play catch run throw record finish shoot win lose make take see find use "
    "spend get say know show give identify consider discuss present provide report try want "
    "collect examine test sample recruit enroll describe review select"
)


def _lead_fits(parsed: Clause, pre: str, generic: bool) -> bool:
    """Whether the words between the verb and the number belong to the verb."""
    first = pre.split(" ")[0]
    if parsed.is_be:
        base = PARTICIPLE.get(first, "be")
        return base not in ("be", "become", "have") and (not generic or base in _MADE_UP)
    if parsed.aux in ("has", "have", "had"):
        return not pre
    if parsed.aux:
        return first in _BASES and first != "be" and not generic
    base = PAST.get(parsed.verb) or PRESENT.get(parsed.verb) or parsed.verb
    if generic and base not in _POSSESSING:
        return False  # "players split into two groups": in which game?
    if parsed.verb in PAST and base in _REPEATED:
        return False
    return not pre or first in ("of", "into", "in", "by", "for", "from", "with", "at")


def _generic(line: Line) -> bool:
    """Whether the subject names a kind of thing; a rule with its place named is no such case."""
    return not line.anchor and not re.search(r"[A-Z]", line.subject or "")


def _how(qualifier: str | None, ask: str) -> str:
    """``How many`` with the qualifier that the sentence puts before its number."""
    soft = _SOFT.get((qualifier or "").lower())
    return f"{soft} {ask}" if soft else ask[0].upper() + ask[1:]


def plural_phrase(tail: str) -> tuple[str, str] | None:
    """``bones in the body`` -> (``bones``, ``in the body``); None unless it ends in a plural."""
    tokens = tail.split(" ")
    for index, token in enumerate(tokens):
        bare = token.rstrip(",")
        if bare in _BOUNDARY or index == 5 or not bare.replace("-", "").replace("’", "").isalpha():
            end = index
            break
        if token.endswith(","):
            end = index + 1
            break
    else:
        end = len(tokens)
    while (end and tokens[end - 1] in PARTICIPLE) or (
        end and tokens[end - 1].endswith(("ing", "ly"))
    ):
        end -= 1
    noun = [token.rstrip(",") for token in tokens[:end]]
    if not noun or not is_plural(noun[-1]) or noun[-1] in _REFERENCES:
        return None
    if tokens[end - 1].endswith(","):
        return " ".join(noun), ""  # what follows a comma adds something else
    return _with_modifier(" ".join(noun), tokens[end:])


def _with_modifier(noun: str, after: list[str]) -> tuple[str, str] | None:
    """Moves what describes the noun ("of museum visitors", "made of steel") into its phrase."""
    tail = " ".join(after)
    if not after or not (
        after[0] == "of" or after[0] in PARTICIPLE or after[0] in ("that", "who", "which")
    ):
        return noun, tail
    if after[0] != "of":
        modifier = shorten("x " + tail).removeprefix("x ")
        return (
            (f"{noun} {modifier}", "") if after[0] in PARTICIPLE and "," not in modifier else None
        )
    end = 1
    while (
        end < len(after)
        and (after[end] == "of" or after[end] not in _BOUNDARY)
        and not after[end - 1].endswith(",")
    ):
        end += 1
    modifier = " ".join(after[:end]).rstrip(",")
    rest = "" if after[end - 1].endswith(",") else " ".join(after[end:])
    return (f"{noun} {modifier}", rest) if complete(modifier) else None


def is_plural(word: str) -> bool:
    """Whether a noun looks like a plural."""
    if word in IRREGULAR_PLURALS:
        return True
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "ous")) and len(word) > 3


def _clean_tail(tail: str) -> str | None:
    """The rest of the clause when it can close a question; None when it cannot."""
    if tail.startswith(","):
        return ""  # what follows a comma adds something else
    tail = shorten("x " + tail).removeprefix("x").strip(" ,")
    if "," in tail or re.match(r"(?:and|or|to) ", tail) or (tail and not complete(tail)):
        return None
    if re.search(rf"\d|\b(?:{NUMBER})\b", tail) and not _DATED.fullmatch(tail):
        return None
    return tail


def count(line: Line, names: Names) -> Fact | None:
    """From "X has 206 bones" -> the number; "X covers 20 square kilometres" -> number and unit."""
    del names
    parsed = line.clause
    if (
        parsed is None
        or line.subject is None
        or (parsed.front and not parsed.front.startswith("In "))
    ):
        return None
    found = _COUNT.match(parsed.rest)
    if found is None:
        return None
    pre = found.group("pre").strip()
    if not _lead_fits(parsed, pre, _generic(line)):
        return None
    split = plural_phrase(found.group("tail"))
    if split is None:
        return None
    noun, tail_text = split
    tail = _clean_tail(tail_text)
    if tail is None or line.plain.count(noun) > 1:
        return None
    if re.fullmatch(r"[12]\d{3}", found.group("num")):
        return None  # a year
    if line.subject.startswith(("a ", "an ")) and found.group("num") in ("two", "three", "2", "3"):
        return None  # "a child has two wagons": an exercise
    if noun.split()[0] in VAGUE:
        return None
    front = f", {parsed.front[0].lower()}{parsed.front[1:]}" if parsed.front else ""
    slots = {
        "how": _how(found.group("qual"), "how many"),
        "noun": noun,
        "asks": parsed.inverted(line.subject, f"{pre} {tail}") + front.replace(",", "", 1),
    }
    unit = _UNIT_HEAD.match(noun)
    number = found.group("num")
    if unit and not unit.group("tail"):
        kind = "duration" if _DURATION.match(noun) else "number"
        return Fact("count", f"{number} {noun}", kind, line.sentence, slots, {"unit": noun})
    return Fact("count", number, "number", line.sentence, slots)


def there_are(line: Line, names: Names) -> Fact | None:
    """From "There are 206 bones in the human body" -> the number."""
    del names
    found = _THERE.match(line.plain)
    if found is None:
        return None
    noun, tail = found.group("np").strip(), _clean_tail(found.group("tail"))
    if tail is None or not is_plural(noun.split()[-1]) or noun.split()[-1] in _REFERENCES:
        return None
    slots = {
        "how": _how(found.group("qual"), "how many"),
        "noun": noun,
        "asks": f"{found.group('be')} there {tail}",
    }
    return Fact("count", found.group("num"), "number", line.sentence, slots)
