"""Whether a question means the same to a reader who has only the question.

Reads questions, clauses and the names of a document; makes completed questions, or None where
one must not be asked. Four things need the document: an owner known by surname alone, the
characters of exercises, words that continue an earlier sentence, and things a description has
brought up before.
"""

from __future__ import annotations

import re

from webscale_dagster.llm.clauses import Clause
from webscale_dagster.llm.names import KNOWN_NAMES, Names, is_plural_like
from webscale_dagster.llm.phrases import FIXED, UNIQUE, is_name
from webscale_dagster.llm.verbs import PAST, PRESENT, word_set

DEFINITIONS = frozenset({"term", "called", "another_name", "called_object"})

_OWNER = re.compile(
    r"(?P<before>\S+ )?\b(?P<name>[A-Z](?:[a-z]+|[A-Z]))(?P<s>['’]s) (?P<thing>[a-z]+)"
)
# Kepler's laws, Parkinson's disease: the owner is part of the name of the thing
_EPONYMS = word_set(
    "disease diseases syndrome disorder law laws principle theorem effect equation equations "
    "constant theory paradox rule method triangle algorithm formula inequality lemma conjecture "
    "hypothesis test sign palsy sarcoma lymphoma tumor cells number ratio modulus cycle model "
    "tunnel lemmas comet razor anemia esophagus contracture chorea ataxia"
)
_SUPERLATIVE_YEAR = re.compile(
    r"\bthe (?:\w+est|best|worst|peak|record|most \w+) (?:single )?years?\b", re.IGNORECASE
)
_CONTINUES = re.compile(
    r"(?<!is )(?<!are )(?<!was )(?<!were )\balso\b(?! known| called)"
    r"|\b[Tt]he distance to\b(?!.* from )"  # from where?
    r"|\b(?:then(?!-)|too|as well|in turn|in response(?! to)|follow(?:ed)? (?:with|up|suit)|"
    r"of (?:their|its|his|her) own)\b"
)
_VAGUE_ONE = re.compile(
    r"(?:^|\b(?:does|do|did|is|was|has|can|of|by) )an? (?:\d|(?:very )?(?:popular|typical|certain|"
    r"particular|recent|similar|given|small|large|local|new|nearby)\b"
    r"(?! (?:percentage|number|fraction|proportion|portion|part|minority|amount)\b))",
    re.IGNORECASE,
)
_INNER_THE = re.compile(r"(?<=[a-z] )the (?P<noun>[a-z-]+)(?P<after>.*)$")
_IDENTIFIED = re.compile(
    r"^(?: [a-z-]+){0,2} (?:of|that|which|who|whose|where|in which|by which)\b|^(?: [a-z-]+)? [A-Z]"
)
# What there is one of in every case that a definition speaks of.
_GENERIC = FIXED | word_set(
    "nervous digestive immune ground air water bone chest abdomen neck face mind law market "
    "economy surface surroundings observer reader same most other opposite left right center "
    "centre middle top bottom outside inside first second last whole difference "
    "relationship distance angle ratio boundary"
)
_TITLES = word_set(
    "King Queen Lord Lady Sir President Pope Emperor Prince Princess Saint Duke Captain General "
    "Professor Reverend Mount Lake North South East West New"
)
_HAS = word_set("has have")
# names that need no given name
_FAMOUS = KNOWN_NAMES | word_set(
    "Newton Maxwell Kepler Freud Stalin Lenin Hitler Churchill Marx Euclid Mendel Pasteur Faraday "
    "Gandhi Cleopatra Obama Reagan Nixon Eisenhower Truman Lincoln Copernicus Descartes Leibniz"
)
_HEADED = re.compile(r"^[A-Z][a-z]+(?: [a-z]+)+ [A-Z][a-z]+$")  # "Contact lenses Ann"
_YEAR = re.compile(r"\b[12]\d{3}\b")
_BASES = frozenset(PRESENT.values())
_DEED_WORDS = 9  # a longer rest says enough of the deed
# What the characters of exercises do, in the present tense.
_EXERCISES = word_set(
    "spend sell want earn pay buy borrow invest save walk drive ride throw bake deposit charge "
    "rent need own expect plan receive purchase make produce"
)
_FIRM = re.compile(
    r"\b(?:Industries|Company|Co|Inc|Incorporated|Corporation|Corp|Enterprises|Manufacturing|"
    r"Products|Stores|Ltd|LLC|Limited|Brothers|Sons|Associates)\.?$"
)
_FIRM_INSIDE = re.compile(
    r"(?<!the )\b(?P<firm>[A-Z][A-Za-z]+ (?:Industries|Company|Corporation|Enterprises|"
    r"Manufacturing|Products|Stores))\b"
)
_LOCAL = re.compile(r" (?:School|Class|Store|Shop|Bakery|Restaurant|Farm)$")
_PRICED = re.compile(r"[$£€]\d|\d ?%|\bpercent\b")
_INDEFINITE = re.compile(r"(?:(?:out|up|in|on|off) )?(?:an?|some|several|many) ")


def complete_owners(question: str, names: Names) -> str | None:
    """The question with its owners in full ("Wilde's" -> "Olivia Wilde's"), or None."""
    for found in reversed(list(_OWNER.finditer(question))):
        name, before = found.group("name"), (found.group("before") or "").strip()
        if _owner_stands(name, before, found.group("thing"), names):
            continue
        full = names.full_name(name)
        if full is None:
            return None
        question = question[: found.start("name")] + full + question[found.end("name") :]
    return question


def _owner_stands(name: str, before: str, thing: str, names: Names) -> bool:
    lower = name.lower()
    if thing in _EPONYMS or name in _FAMOUS or name in ("US", "UK", "EU", "UN") or lower in UNIQUE:
        return True
    if before[:1].isupper() and before not in ("In", "On", "What", "Who", "By", "From"):
        # a given name or a title stands before it, but not a heading: "Kitchen Ann's"
        return before in _TITLES or not names.is_common(before) or names.is_common(name)
    if before in ("the", "The"):
        return names.is_proper(name) is not False  # the Church's, the Titanic's
    return names.title.split()[:1] == [name] and len(names.title.split()) == 1


def continues(question: str) -> bool:
    """Whether the question goes on from a sentence that the reader has not seen."""
    return bool(_CONTINUES.search(question) or _SUPERLATIVE_YEAR.search(question))


def names_a_firm(question: str, quote: str, names: Names) -> bool:
    """Whether the question names a firm of an exercise: untitled, and in no year."""
    found = _FIRM_INSIDE.search(question)
    if found is None or _YEAR.search(quote) or found.group("firm") in names.title:
        return False
    return found.group("firm").split()[0] not in KNOWN_NAMES


def is_vague(question: str) -> bool:
    """Whether the question asks after some popular, typical or recent thing."""
    return bool(_VAGUE_ONE.search(question))


def brought_up_before(description: str) -> bool:
    """Whether a definition names "the string" or "the end points" without saying which."""
    rest = description
    while found := _INNER_THE.search(rest):
        noun, after = found.group("noun"), found.group("after")
        known = noun in _GENERIC or noun.endswith(("est", "er", "or"))  # the seller, the longest
        if not known and not _IDENTIFIED.match(after):
            return True
        rest = "x" + after
    return False


def unnamed_deed(parsed: Clause) -> bool:
    """Whether "also" or "then" adds one deed among others: "also worked out a compromise"."""
    past = parsed.verb in PAST and len(parsed.rest.split()) <= _DEED_WORDS
    return past and parsed.adverb in ("also", "then") and bool(_INDEFINITE.match(parsed.rest))


def from_exercise(parsed: Clause, subject: str, text: str, names: Names) -> bool:
    """Whether the subject is a character, a firm or a piece of jargon of its document alone."""
    base = PRESENT.get(parsed.verb) or ("have" if parsed.aux in _HAS else "")
    base = base or (parsed.verb if parsed.verb in _BASES - PAST.keys() else "")
    if base and _HEADED.match(parsed.subject) and is_plural_like(parsed.subject.split()[-2]):
        return True
    if not is_name(subject) or subject.lower() in names.title.lower():
        return False
    words = subject.split()
    if words[0] == "the" or words[0] in KNOWN_NAMES:
        return False
    if _FIRM.search(subject) and (base or not _YEAR.search(text)):
        return True
    if base and _LOCAL.search(subject):
        return True
    if base in _EXERCISES or (base == "have" and _PRICED.search(text)):
        return True
    if not base or len(words) == 1:
        return False
    if is_plural_like(words[-1]) and parsed.verb not in PRESENT and parsed.aux != "has":
        return True  # "Boost Mode Challenges": of which game?
    lone = words[-1].isalpha() and words[-1].istitle() and not names.is_common(words[-1])
    return lone and any(names.is_common(word) for word in words[:-1])  # heading and given name
