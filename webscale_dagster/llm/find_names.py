"""Facts about who, which and what it is called: definitions, names, makers, places.

Each finder reads a ``Line`` and makes a ``Fact`` or None; writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import shorten
from webscale_dagster.llm.lexicon import (
    DEFINING,
    NOT_PEOPLE,
    PERSON_NOUNS,
    PERSON_VERBS,
    PLACE_NOUNS,
    TOO_GENERAL,
)
from webscale_dagster.llm.find_numbers import is_plural
from webscale_dagster.llm.lines import Fact, Line
from webscale_dagster.llm.phrases import (
    KNOWN_NAMES,
    PREPOSITIONS,
    Names,
    complete,
    hangs,
    head_noun,
    is_name,
    squeeze,
)
from webscale_dagster.llm.verbs import PARTICIPLE, PAST, simple_past

_RELATIVE = re.compile(
    r"^(?P<det>an?|any|the) (?P<np>[^,]+?),? (?P<rel>that|which|who) (?P<vp>.+)$"
)
_DEFINED = re.compile(
    r"^(?:(?P<det>an?|any|the) )?(?P<np>[^,]+?) (?P<rel>that|which|in which|by which|at which|through which|used to|"
    r"used for|caused by|characterized by|consisting of|composed of|made of|made from|made up of|"
    r"containing|designed to|of|between|for) (?P<vp>.+)$"
)
_REDUCED = re.compile(
    r"^(?P<det>an?) (?P<np>[^,]+?),? (?P<part>[a-z]+(?:ed|en|wn|ld|lt|de|rn)|found|led|set|known|held|run) "
    r"(?P<vp>(?:by|in|on|for|as|to|from|with|after|at|of) .+)$"
)
_KIND_OF = re.compile(
    r"\b(?:special|particular|certain|specific|common|important|similar|single|one|simple|other|different) "
    r"(?:types?|kinds?|forms?|cases?|class|examples?|ways?|versions?)\b|\bfor which (?:holds|is|are)\b"
)
_CALLED = re.compile(
    r"^(?P<np>.+?) (?P<be>is|are|was|were) (?P<adv>(?:also|often|sometimes|commonly|usually|generally|now) )?"
    r"(?P<verb>called|known as|termed|referred to as|nicknamed|dubbed) (?P<x>.+)$"
)
_CALLED_OBJECT = re.compile(
    r"^(?P<pre>.*?)\b(?:an?|the) (?P<np>(?:[a-z-]+ ){0,3}[a-z-]+),? (?:called|known as|named|termed) (?P<x>.+)$"
)
_TERM_END = re.compile(
    r",| (?:and|or|because|which|that|who|when|where|while|if|after|in|on|for|by|to|with|but|as|since|due|at|from|is|are|was) "
)
_AGENT = re.compile(r"^(?P<part>[a-z]+)(?P<mid>(?: [^,]+?)?) by (?P<who>.+)$")
_MADE_BY = re.compile(
    r"\b(?P<part>directed|written|composed|painted|sung|designed|invented|discovered) by (?P<who>.+)$"
)
_PERSON = re.compile(
    r"^(?P<who>(?:(?:Sir|Dr\.|Professor|King|Queen|President|Emperor|Pope|Saint|St\.) )?"
    r"[A-Z][\w'’é-]+(?: (?:[A-Z]\.|(?:de|van|von|der|la|le|di|da|del|bin|ibn|al-)|[A-Z][\w'’é-]+)){1,4})(?P<tail>$|[ ,].*$)"
)
_DEFINITE = re.compile(
    r"^the (?:(?:very|world's|world’s|nation's|country's) )?(?P<key>first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|"
    r"tenth|last|only|most|least|main|capital|founder|inventor|author|director|creator|discoverer|[a-z]+est|"
    r"\d+(?:st|nd|rd|th)|official|national|chemical|main)\b.+$"
)
_CAPITAL = re.compile(
    r"(?:^|[a-z] )(?P<x>[A-Z][a-z]+(?: [A-Z][a-z]+)?), the (?P<np>(?:capital(?: city)?|largest city|largest island|national "
    r"language|currency)) of (?P<of>(?:the )?[A-Z][a-z]+(?: [A-Z][a-z]+)*)(?:,|$)"
)
_ALIAS = re.compile(
    r"^(?P<x>[^,]{3,60}), (?P<how>also|better|formerly|commonly|originally|previously|popularly) (?:known as|called) "
    r"(?P<y>(?:the )?[^,]{2,50}), "
)
_PLACED = re.compile(r"^(?:located|situated) (?:in|on|at|near) (?P<place>(?:the )?[A-Z].*)$")
_COUNTRY_END = re.compile(
    rf"^an? (?:[A-Za-z-]+ ){{0,3}}?(?P<noun>{PLACE_NOUNS}) (?:located |situated )?(?:in|on|of) (?:[^.]+, |(?:the )?(?:[\w-]+ ){{0,4}}of )?"
    r"(?P<country>[A-Z][a-z]+(?: [A-Z][a-z]+)?)$"
)
_NAMED_AFTER = re.compile(r"^named (?P<prep>after|for|in honou?r of) (?P<y>(?:the )?[A-Z].*)$")
_GENE = re.compile(
    r"^(?P<what>Mutations|Variants|Changes|Deletions) in the (?P<gene>[A-Z][A-Z0-9-]{2,9}) gene (?P<vp>(?:can |may )?(?:cause|causes|lead to|are responsible for|are the most common cause of|are a common cause of) .+)$"
)
_GENE_AFTER = re.compile(
    r"^[^,]+? (?P<vp>(?:is|are|can be) caused by (?:mutations|changes|variants)|results? from (?:mutations|changes)) "
    r"in the (?P<gene>[A-Z][A-Z0-9-]{2,9}) gene$"
)
_PATTERN = re.compile(
    r"^(?P<pre>inherited) in an? (?P<x>[a-z-]+(?: [a-z-]+){0,2}) (?P<noun>pattern|manner)(?P<tail>$|[ ,].*)"
)
_STANDS = re.compile(r"^for (?P<x>[A-Za-z][A-Za-z '’-]{4,60})$")
_DEEDS = frozenset(
    "founded invented discovered wrote created directed composed designed developed established "
    "pioneered assassinated painted built coined introduced proved won".split()
)


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


def _bare_term(line: Line) -> str | None:
    """The subject as a term: without its article; None for names and long phrases."""
    subject = line.subject
    if subject is None or subject.startswith("the "):
        return None
    term = re.sub(r"^an? ", "", subject)
    if not 1 <= len(term.split()) <= 4 or " of " in term and len(term.split()) > 3:
        return None
    if re.search(r"\b(?:and|or|that|which|in|for|with|to|on)\b", term):
        return None
    return term


def defined(line: Line, names: Names) -> Fact | None:
    """ "A prion is a protein that ..." -> the term."""
    del names
    parsed, term = line.clause, _bare_term(line)
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
    if len(body.split()) < 7 or not complete(body):
        return None
    return Fact("term", term, "term", line.sentence, {"what": body})


def which(line: Line, names: Names) -> Fact | None:
    """ "NAME is a Y that ..." -> the name, asked for as "which Y"."""
    del names
    parsed, subject = line.clause, line.subject
    if parsed is None or subject is None or not parsed.is_be or parsed.front or parsed.adverb:
        return None
    if not is_name(subject.removeprefix("the ")) or len(parsed.rest.split()) > 30:
        return None
    found = _RELATIVE.match(parsed.rest)
    if found is None:
        return _which_made(line, subject)
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


def _which_made(line: Line, subject: str) -> Fact | None:
    """ "NAME is a 1942 film directed by Y" -> "which 1942 film was directed by Y"."""
    parsed = line.clause
    assert parsed is not None
    found = _REDUCED.match(parsed.rest)
    if found is None or len(found.group("np").split()) > 7 or not re.search(r"\d", parsed.rest):
        return None
    if PARTICIPLE.get(found.group("part")) not in PERSON_VERBS:
        return None
    body = f"{parsed.aux} {found.group('part')} {shorten(found.group('vp'))}"
    if not _specific(f"{found.group('np')} {body}") or not complete(body):
        return None
    return Fact(
        "which", subject, "entity", line.sentence, {"what": found.group("np"), "verb": body}
    )


def _specific(text: str) -> bool:
    """Whether a description narrows down to one thing: it names or counts something."""
    named = [
        word
        for word in re.findall(r"\b[A-Z][\w’'-]{2,}", text)
        if not word.endswith(("an", "ish", "ese"))
    ]
    return bool(named or re.search(r"\b[12]\d{3}\b", text)) and len(text.split()) >= 5


def called(line: Line, names: Names) -> Fact | None:
    """ "The process by which ... is called X" -> the term."""
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
    if re.match(r",? ?(?:and|or|by)\b", after) or after.startswith("as "):
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


def _a_name_for_it(term: str, text: str) -> bool:
    """Whether a term names the thing; "called complete" only describes it."""
    return (
        not re.match(r"(?:complete|perfect|simple|closed|open|free|pure|normal|regular)$", term)
        or " if " in text
    )


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
    if found is None or re.search(r"\b(?:that|which|and|who|,)\b|,", found.group("pre")):
        return None
    short = _short_term(found.group("x"))
    if short is None or short[1] and not found.group("x")[len(short[0]) :].startswith(","):
        return None
    verb = f"{parsed.aux} {parsed.verb}"
    slots = {
        "what": found.group("np"),
        "clause": squeeze(f"{line.subject} {verb} {found.group('pre')}"),
    }
    kind = "term" if short[0].islower() else "entity"
    return Fact("called_object", short[0], kind, line.sentence, slots)


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
    """ "X was written by ANN LEE" -> who wrote it."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not parsed.is_be or parsed.front:
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
    if (
        re.match(r"and\b|&", tail)
        or tail
        and (not complete(tail) or not re.match(r"(?:in|on|at|for|as|to|from) ", tail))
    ):
        return None
    slots = {"verb": past, "what": squeeze(f"{line.subject}{found.group('mid')} {tail}")}
    return Fact("who", name, "entity", line.sentence, slots)


def _made_by(line: Line) -> Fact | None:
    """ "X is a 1942 film directed by Y" -> who directed X."""
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
    what = head_noun(re.sub(r"^(?:an?|the) ", "", parsed.rest[: found.start()].strip(" ,")))
    if not what or what in PERSON_NOUNS or not what.isalpha():
        return None
    return Fact(
        "who", who[0], "entity", line.sentence, {"verb": past, "what": f"the {what} {line.subject}"}
    )


def doer(line: Line, names: Names) -> Fact | None:
    """ "ANN LEE discovered X" -> who discovered it."""
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
    """ "X is the largest lake in Africa" -> X."""
    del names
    parsed, subject = line.clause, line.subject
    if parsed is None or subject is None or not parsed.is_be or parsed.front or parsed.adverb:
        return None
    if not _DEFINITE.match(parsed.rest) or not re.search(
        r"\b(?:of|in|to|on|for|at|that|from)\b", parsed.rest
    ):
        return None
    name = subject.removeprefix("the ")
    if not (is_name(name) or _bare_term(line)) or len(subject.split()) > 6:
        return None
    what = shorten(parsed.rest)
    if "," in what or not complete(what) or not _identifies(what):
        return None
    if re.search(r"\b(?:his|her|its|their)\b", what):
        return None
    head = head_noun(what)
    if parsed.aux in ("are", "were") and not is_plural(head):
        return None
    person = head in PERSON_NOUNS
    if person and not is_name(name):
        return None
    answer_type = "entity" if is_name(name) else "term"
    slots = {"who": "Who" if person else "What", "be": parsed.aux, "what": what}
    answer = subject if is_name(name) else str(_bare_term(line))
    return Fact("identity", answer, answer_type, line.sentence, slots)


def _identifies(what: str) -> bool:
    """Whether "the first ..." names its field: a name, a number, or a long enough description."""
    return (
        bool(re.search(r"\b[A-Z][a-z]+|\d", what))
        or len(what.split()) >= 7
        or bool(re.search(r"\b(?:world|universe|human body|solar system|earth|body)\b", what))
    )


def apposed(line: Line, names: Names) -> Fact | None:
    """ "Paris, the capital of France," -> Paris; "X, also known as Y," -> Y."""
    found = _CAPITAL.search(line.plain)
    if found:
        slots = {
            "who": "What",
            "be": "is",
            "what": f"the {found.group('np')} of {found.group('of')}",
        }
        return Fact("identity", found.group("x"), "entity", line.sentence, slots)
    alias = _ALIAS.match(line.plain)
    if alias is None:
        return None
    subject = names.subject(alias.group("x"))
    short = _short_term(alias.group("y").removeprefix("the "))
    if subject is None or short is None or short[1]:
        return None
    kind = "entity" if short[0][0].isupper() else "term"
    return Fact(
        "alias", short[0], kind, line.sentence, {"what": subject, "how": alias.group("how")}
    )


def placed(line: Line, names: Names) -> Fact | None:
    """ "X is a village in ..., Poland" -> the country; "X is located in Y" -> the place."""
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
    """ "X is named after Y" -> Y."""
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
    """ "Mutations in the GJB2 gene cause X" -> GJB2."""
    del names
    found = _GENE.match(line.plain)
    if found is None:
        return _gene_after(line)
    rest = shorten(found.group("vp"))
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
    """ "X is caused by mutations in the GJB2 gene" -> GJB2."""
    parsed = line.clause
    found = _GENE_AFTER.match(line.plain)
    if found is None or parsed is None or line.subject is None or parsed.front:
        return None
    slots = {"what": f"{line.subject[0].upper()}{line.subject[1:]} {found.group('vp')}"}
    return Fact("gene_after", found.group("gene"), "entity", line.sentence, slots)


def pattern(line: Line, names: Names) -> Fact | None:
    """ "X is inherited in an autosomal recessive pattern" -> the pattern."""
    del names
    parsed = line.clause
    if parsed is None or line.subject is None or not parsed.is_be or parsed.front:
        return None
    found = _PATTERN.match(parsed.rest)
    if found is None:
        return None
    slots = {"noun": found.group("noun"), "asks": parsed.inverted(line.subject, found.group("pre"))}
    return Fact("pattern", found.group("x"), "short_phrase", line.sentence, slots)


def stands_for(line: Line, names: Names) -> Fact | None:
    """ "DNA stands for deoxyribonucleic acid" -> what it stands for."""
    del names
    parsed = line.clause
    if parsed is None or parsed.aux or parsed.verb != "stands" or not parsed.subject.isupper():
        return None
    found = _STANDS.match(shorten(parsed.rest))
    if found is None:
        return None
    slots = {"what": parsed.subject.removeprefix("THE ")}
    return Fact("stands_for", found.group("x"), "short_phrase", line.sentence, slots)
