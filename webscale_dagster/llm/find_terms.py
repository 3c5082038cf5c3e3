"""Facts about what a thing is called: definitions, terms, other names, abbreviations.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import shorten
from webscale_dagster.llm.find_numbers import is_plural
from webscale_dagster.llm.lexicon import DEFINING, PERSON_NOUNS, TOO_GENERAL
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.names import PREPOSITIONS, Names
from webscale_dagster.llm.phrases import complete, hangs, head_noun, is_name, squeeze
from webscale_dagster.llm.verbs import PARTICIPLE, word_set

_DEFINED = re.compile(
    r"^(?:(?P<det>an?|any|the) )?(?P<np>[^,]+?) (?P<rel>that|which|in which|by which|at which|"
    r"through which|used to|"
    r"used for|caused by|characterized by|consisting of|composed of|made of|made from|made up of|"
    r"containing|designed to|of|between|for) (?P<vp>.+)$"
)
_NON_UNIQUE = word_set(
    "condition disorder disease syndrome infection defect cancer tumor "
    "animal plant bird fish insect mammal reptile tree flower fruit vegetable spice mineral"
)
_KIND_OF = re.compile(
    r"^The (?:portion|part|piece|region|area|side|end|section|point|line|number|value|"
    r"one)\b(?! of)|"
    r"\b(?:special|key|particular|certain|specific|common|important|similar|single|one|simple|"
    r"other|different) (?:process|types?|kinds?|forms?|cases?|class|examples?|ways?|versions?|"
    r"symbol)\b|\bfor which (?:holds|is|are)\b"
)
_CALLED = re.compile(
    r"^(?P<np>.+?) (?P<be>is|are|was|were) (?P<adv>(?:also|often|sometimes|commonly|usually|"
    r"generally|now) )?"
    r"(?P<verb>called|known as|termed|referred to as|nicknamed|dubbed) (?P<x>.+)$"
)
_CALLED_OBJECT = re.compile(
    r"^(?P<pre>.*?)\b(?:an?|the) (?P<np>(?:[a-z-]+ ){0,3}[a-z-]+),? (?:called|known as|named|"
    r"termed) (?P<x>.+)$"
)
_TERM_END = re.compile(
    r",| (?:and|or|because|which|that|who|when|where|while|if|after|in|on|for|by|to|with|but|"
    r"as|since|due|at|from|into|onto|through|during|inside|within|under|over|is|are|was) "
)
_ALIAS = re.compile(
    r"^(?P<x>[^,]{3,60}), (?P<how>also|better|formerly|commonly|originally|previously|"
    r"popularly) (?:known as|called) "
    r"(?P<y>(?:the )?[^,]{2,50}), "
)
_STANDS = re.compile(r"^for (?:the )?[\"“'‘]?(?P<x>[A-Za-z][A-Za-z ,'’-]{4,90}?)[\"”'’]?$")
_SMALL = word_set("a an and at by for in of on or the to with")


def _short_term(text: str) -> tuple[str, str] | None:
    """The name at the head of ``text`` (at most five words), and what follows it."""
    end = _TERM_END.search(text + " ")
    term = text[: end.start()] if end else text
    term = re.sub(r"^(?:an?|the) ", "", term.strip(" \"“”'‘’"))
    if not 1 <= len(term.split()) <= 5 or not complete(term) or hangs(term) or len(term) < 3:
        return None
    if re.search(r"[\"“”\d]", term):
        return None
    return term, text[end.start() :].strip() if end else ""


def bare_term(line: Line) -> str | None:
    """The subject as a term: without its article; None for names and long phrases."""
    subject = line.subject
    if subject is None or subject.startswith("the "):
        return None
    term = re.sub(r"^an? ", "", subject)
    if not 1 <= len(term.split()) <= 4 or (" of " in term and len(term.split()) > 3):
        return None
    if re.search(r"\b(?:and|or|that|which|in|for|with|to|on)\b", term):
        return None
    return term


def _the_term(line: Line, names: Names) -> str | None:
    """``greenhouse effect`` for "The greenhouse effect is ...", unless "a ..." brought it up."""
    found = re.match(
        r"The ((?:[a-z-]+ ){0,2}([a-z]{4,}))$", line.clause.subject if line.clause else ""
    )
    if found is None or re.match(
        r"The (?:most|least|first|last|only|next|best|main|following|above|below|present|"
        r"current|second|third|fourth|former|latter|other|\w+est)\b",
        found.group(),
    ):
        return None
    if found.group(2) in PERSON_NOUNS or names.is_generic(found.group(1)):
        return None
    return found.group(1) if found.group(2) not in TOO_GENERAL else None


def defined(line: Line, names: Names) -> Fact | None:
    """From "A prion is a protein that ..." -> the term."""
    parsed = line.clause
    term = bare_term(line) or _the_term(line, names)
    if (
        parsed is None
        or term is None
        or parsed.front
        or parsed.aux not in ("is", "are")
        or parsed.adverb
    ):
        return None
    if is_name(term) or term in TOO_GENERAL:
        return None
    found = _DEFINED.match(parsed.rest)
    if found is None:
        return None
    noun, rel = found.group("np"), found.group("rel")
    if not found.group("det") and not is_plural(head_noun(noun)):
        return None
    if not bare_term(line) and rel not in ("that", "which", "in which", "by which", "used to"):
        return None
    if not found.group("det") and rel in ("of", "between", "for", "containing"):
        return None
    if rel in ("of", "between", "for") and head_noun(noun) not in DEFINING:
        return None
    if len(noun.split()) > 5 or noun.split()[0] in (
        "type",
        "kind",
        "form",
        "part",
        "example",
        "lot",
        "number",
        "key",
        "good",
        "great",
        "major",
        "common",
    ):
        return None
    if not found.group("det") and (parsed.aux != "are" or noun.split()[0] in PARTICIPLE):
        return None
    if (
        found.group("det") == "the"
        and rel in ("of", "between", "for")
        and head_noun(noun) not in DEFINING
    ):
        return None
    body = parsed.rest if len(parsed.rest.split()) <= 26 else shorten(parsed.rest)
    if head_noun(noun) in ("same", "means", "way", "reason", "place", "time", "one", "task"):
        return None
    if head_noun(noun) in _NON_UNIQUE and len(body.split()) < 15:
        return None
    if len(body.split()) < 7 or not complete(body):
        return None
    return Fact("term", term, "term", line.sentence, {"what": body})


def called(line: Line, names: Names) -> Fact | None:
    """From "The process by which ... is called X" -> the term."""
    found = _CALLED.match(line.plain)
    if found is None:
        return _called_object(line)
    phrase = found.group("np")
    if _KIND_OF.search(phrase):
        return None
    if re.search(r"\b(?:would|will|may|might|could|what|itself|[b-zB-HJ-Z])\b", phrase):
        return None
    if re.search(r"\b(?:is|are|was|were|has|have|can|be)\b", phrase) and not re.search(
        r"\b(?:that|which|who|where|whose|whom)\b", phrase
    ):
        return None
    short = _short_term(found.group("x"))
    if (
        short is None
        or hangs(phrase)
        or "," in phrase
        or not 2 <= len(phrase.split()) <= 22
        or not complete(phrase)
    ):
        return None
    term, after = short
    if re.match(r",? ?(?:and|or|by|on|of|to|for)\b", after) or after.startswith("as "):
        return None
    condition = after if re.match(r"(?:if|when) ", after) else ""
    if not condition and len(phrase.split()) < 4 and not found.group("adv") and not is_name(phrase):
        return None
    subject = _described(phrase, names)
    if subject is None:
        return None
    adverb = (found.group("adv") or "").strip()
    kind = (
        "another_name" if adverb in ("also", "sometimes", "often", "commonly", "now") else "called"
    )
    slots = {"what": subject, "be": found.group("be"), "verb": f"{found.group('verb')} {condition}"}
    return Fact(kind, term, "term", line.sentence, slots)


def _described(phrase: str, names: Names) -> str | None:
    """A description in mid-sentence spelling; None when its first word is unclear."""
    first = phrase.split()[0]
    if first in ("The", "A", "An"):
        return phrase[0].lower() + phrase[1:]
    if first.lower() in PREPOSITIONS or first.endswith("ing"):
        return None
    subject = names.subject(phrase)
    if subject or len(phrase.split()) <= 2:
        return subject
    if names.is_proper(first) is False:
        return phrase[0].lower() + phrase[1:]
    return None


def _called_object(line: Line) -> Fact | None:
    parsed = line.clause
    if parsed is None or line.subject is None or parsed.front or parsed.is_be:
        return None
    found = _CALLED_OBJECT.match(parsed.rest)
    if found and found.group("pre").endswith(("due to ", " of ", " to ")):
        return None
    if found and len(found.group("pre").split()) + len(line.subject.split()) > 11:
        return None
    if found is None or re.search(r"—|\b(?:that|which|and|who|,)\b|,", found.group("pre")):
        return None
    short = _short_term(found.group("x"))
    inner = found.group("np").split()
    if inner[-1] in PERSON_NOUNS:
        return None
    if any(word in PREPOSITIONS or word in PARTICIPLE for word in inner[:-1]):
        return None  # "a protein found in structures called mitochondria" names the structures
    if short is None or (short[1] and not found.group("x")[len(short[0]) :].startswith(",")):
        return None
    verb = f"{parsed.aux} {parsed.verb}"
    slots = {
        "what": found.group("np"),
        "clause": squeeze(f"{line.subject} {verb} {found.group('pre')}"),
    }
    kind = "term" if short[0].islower() else "entity"
    if kind == "entity" and line.subject.startswith(("a ", "an ")):
        return None  # "a rescue party follows a dog named Rex"
    return Fact("called_object", short[0], kind, line.sentence, slots)


def stands_for(line: Line, names: Names) -> Fact | None:
    """From "DNA stands for deoxyribonucleic acid" -> what it stands for."""
    del names
    parsed = line.clause
    if parsed is None or parsed.aux or parsed.verb != "stands" or not parsed.subject.isupper():
        return None
    acronym = parsed.subject.removeprefix("THE ")
    for rest in (parsed.rest, shorten(parsed.rest)):
        found = _STANDS.match(rest)
        if found and _spells(acronym.lower(), re.findall(r"[a-z]+", found.group("x").lower())):
            slots = {"what": acronym}
            return Fact("stands_for", found.group("x"), "short_phrase", line.sentence, slots)
    return None


def _spells(acronym: str, words: list[str]) -> bool:
    """Whether the words' first letters make the acronym, with letters inside words if need be."""
    if not words:
        return not acronym
    first, rest = words[0], words[1:]
    if first in _SMALL and _spells(acronym, rest):
        return True
    if not acronym.startswith(first[0]):
        return False
    place = 0
    for taken, letter in enumerate(acronym, 1):
        place = first.find(letter, place) + 1
        if not place:
            return False
        if _spells(acronym[taken:], rest):
            return True
    return False


def alias(line: Line, names: Names) -> Fact | None:
    """From "X, also known as Y," : Y."""
    found = _ALIAS.match(line.plain)
    if found is None:
        return None
    subject = names.subject(found.group("x"))
    short = _short_term(found.group("y").removeprefix("the "))
    if subject is None or short is None or short[1]:
        return None
    kind = "entity" if short[0][0].isupper() else "term"
    slots = {"what": subject, "how": found.group("how")}
    return Fact("alias", short[0], kind, line.sentence, slots)
