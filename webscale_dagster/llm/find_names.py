"""Facts about named places, genes and modes of inheritance, and what things are named after.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import shorten
from webscale_dagster.llm.lexicon import PLACE_NOUNS
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import KNOWN_NAMES, Names
from webscale_dagster.llm.phrases import complete, hangs, is_name

_PLACED = re.compile(r"^(?:located|situated) (?:in|on|at|near) (?P<place>(?:the )?[A-Z].*)$")
_COUNTRY_END = re.compile(
    rf"^an? (?:[A-Za-z-]+ ){{0,3}}?(?P<noun>{PLACE_NOUNS}) (?:located |situated )?(?:in|on|"
    rf"of) (?:[^.]+, |(?:the )?(?:[\w-]+ ){{0,4}}of )?"
    r"(?P<country>[A-Z][a-z]+(?: [A-Z][a-z]+)?)$"
)
_NAMED_AFTER = re.compile(r"^named (?P<prep>after|for|in honou?r of) (?P<y>(?:the )?[A-Z].*)$")
_GENE = re.compile(
    r"^(?P<what>Mutations|Variants|Changes|"
    r"Deletions) in the (?P<gene>[A-Z][A-Z0-9-]{2,9}) gene (?P<vp>(?:can |may )?(?:cause|"
    r"causes|lead to|are responsible for|are the most common cause of|"
    r"are a common cause of) .+)$"
)
_GENE_AFTER = re.compile(
    r"^[^,]+? (?P<vp>(?:is|are|can be) caused by (?:mutations|changes|variants)|"
    r"results? from (?:mutations|changes)) "
    r"in the (?P<gene>[A-Z][A-Z0-9-]{2,9}) gene$"
)
_PATTERN = re.compile(
    r"^(?P<pre>inherited) in an? (?P<x>[a-z-]+(?: [a-z-]+){0,2}) (?P<noun>pattern|"
    r"manner)(?P<tail>$|[ ,].*)"
)


def placed(line: Line, names: Names) -> Fact | None:
    """From "X is a village in ..., Poland" -> the country; "X is located in Y" -> the place."""
    del names
    parsed, subject = line.clause, line.subject
    if parsed is None or subject is None or not parsed.is_be or parsed.front:
        return None
    found = _COUNTRY_END.match(parsed.rest)
    if found and found.group("country") in KNOWN_NAMES and is_name(subject.removeprefix("the ")):
        noun = found.group("noun")
        inside = noun.split()[-1] in subject.lower() or noun in ("island", "river")
        what = (
            subject
            if inside
            else f"the {noun} of {subject}"
            if noun
            in ("village", "town", "city", "municipality", "commune", "suburb", "parish", "hamlet")
            else f"{subject}, a {noun},".replace(" a a", " an a").replace(" a i", " an i")
        )
        if what.endswith(","):
            return None
        return Fact(
            "country",
            found.group("country"),
            "entity",
            line.sentence,
            {"be": parsed.aux, "what": what},
        )
    found = _PLACED.match(parsed.rest)
    if found is None:
        return None
    place = found.group("place")
    if (
        len(place.split()) > 7
        or not is_name(place.replace(",", ""))
        or re.search(r"\band\b", place)
    ):
        return None
    return Fact("where", place, "entity", line.sentence, {"be": parsed.aux, "what": subject})


def named_after(line: Line, names: Names) -> Fact | None:
    """From "X is named after Y" -> Y."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not parsed.is_be or parsed.front:
        return None
    found = _NAMED_AFTER.match(parsed.rest)
    if found is None:
        return None
    name = re.split(r",| (?:who|which|in|because|when|and|for|by) ", found.group("y"))[0]
    if not is_name(name) or len(name.split()) > 6:
        return None
    slots = {"be": parsed.aux, "what": line.subject, "prep": found.group("prep")}
    return Fact("named_after", name, "entity", line.sentence, slots)


def gene(line: Line, names: Names) -> Fact | None:
    """From "Mutations in the GJB2 gene cause X" -> GJB2."""
    del names
    found = _GENE.match(line.plain)
    if found is None:
        return _gene_after(line)
    rest = shorten(found.group("vp")).split(", and ")[0]
    if not complete(rest) or hangs(rest):
        return None
    return Fact(
        "gene",
        found.group("gene"),
        "entity",
        line.sentence,
        {"what": found.group("what"), "verb": rest},
    )


def _gene_after(line: Line) -> Fact | None:
    """From "X is caused by mutations in the GJB2 gene" -> GJB2."""
    parsed = line.clause
    found = _GENE_AFTER.match(line.plain)
    if found is None or parsed is None or line.subject is None or parsed.front:
        return None
    slots = {"what": f"{line.subject[0].upper()}{line.subject[1:]} {found.group('vp')}"}
    return Fact("gene_after", found.group("gene"), "entity", line.sentence, slots)


def pattern(line: Line, names: Names) -> Fact | None:
    """From "X is inherited in an autosomal recessive pattern" -> the pattern."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not parsed.is_be or parsed.front:
        return None
    found = _PATTERN.match(parsed.rest)
    if found is None:
        return None
    slots = {"noun": found.group("noun"), "asks": parsed.inverted(line.subject, found.group("pre"))}
    return Fact("pattern", found.group("x"), "short_phrase", line.sentence, slots)
