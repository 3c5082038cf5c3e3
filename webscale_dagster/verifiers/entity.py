"""The answer type ``entity``: a name of a person, place, organisation or work.

Case, accents, articles, titles and company suffixes do not count. A person may be named with
initials, an organisation by its acronym, ``ö`` be spelled ``oe``, and a name in Cyrillic or Greek
be transcribed. With option ``question`` its words need not be said again, and where it asks who, a
surname will do. Other names need ``aliases``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from webscale_dagster.verifiers.asked_type import asks_name
from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.phrases import ARTICLES, same_words, words_of
from webscale_dagster.verifiers.romanise import is_foreign, skeleton, without_umlauts
from webscale_dagster.verifiers.wordings import asked_words, exchanged, stem

_MOST_WORDS = 20
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "doctor", "prof", "professor", "sir", "dame"}
    | {"rev", "reverend"}
)
# Dropped only before a whole name: General Electric is not Electric.
_OFFICE_WORDS = (
    "president senator general"
    " admiral captain colonel lieutenant sergeant governor chancellor ambassador justice"
    " cardinal bishop archbishop philosopher physicist poet"
)
_OFFICES = frozenset(_OFFICE_WORDS.split())
# Kings are known with and without their title only where a number tells them apart:
# `King George VI` is `George VI`, but `King Lear` is not `Lear`.
_REGNAL_TITLES = frozenset(
    {"king", "queen", "pope", "emperor", "empress", "tsar", "czar", "prince", "sultan", "kaiser"}
)
_REGNAL_NUMBER = re.compile(r"[ivx]{1,6}")
_SUFFIXES = frozenset(
    {"jr", "junior", "phd", "md", "esq", "obe", "cbe", "mbe"}
    | {"inc", "incorporated", "ltd", "limited", "llc", "plc", "corp", "corporation", "gmbh"}
)
_PREPOSITIONS = frozenset({"in", "at", "by", "from", "on", "to"})
_SPELLED = {"st": "saint", "mt": "mount", "ft": "fort"}
_PRONOUNS = frozenset(
    {"he", "she", "it", "they", "him", "her", "them", "this", "that", "these", "those", "who"}
)
# Names with one of these words are no persons': their last word alone names something else.
_OTHER_NAMES = (
    "of and the for de la el los las new north south east west northern southern eastern western"
    " lower upper united great saint san santa mount lake river fort port cape city county state"
    " states island islands university college school institute museum center centre street avenue"
    " park house"
    " bank company group press award prize war battle treaty act church cathedral bridge tower"
    " theatre theater party league union army navy court council times hong costa sierra puerto"
    " rio buenos sri saudi papua windows world red blue black white green not no or never nor"
    " neither isnt wasnt arent except anything other than but instead"
)
_NO_PERSON = frozenset(_OTHER_NAMES.split())
_SMALL_WORDS = frozenset({"of", "and", "the", "for", "in", "on", "de", "la"})

# Where one name ends and another may begin: `Paris. London`, `Paris, London`.
_INITIAL = re.compile(r"\W*A\.")  # A. Einstein
_UMLAUTS = re.compile("[äöüÄÖÜ]")
_JOINT = re.compile(r"\w{3}[.!?]\s|[,;/&]|\b(?:and|or)\b", re.IGNORECASE)

Words = tuple[str, ...]


class Name(NamedTuple):
    """The words of a name, whether they may be more names than one, and whether it has umlauts."""

    words: Words
    joined: bool
    umlauts: bool


def parse(text: str, options: Options) -> Name:
    """The words that make the name."""
    del options
    if text.strip() in _PRONOUNS:
        raise ParseError("a pronoun is not a name")
    words = words_of(text, _MOST_WORDS, "name")
    articles = ARTICLES - {"a"} if _INITIAL.match(text) else ARTICLES
    for dropped, least in ((_PREPOSITIONS, 1), (articles, 1), (_TITLES, 1), (_OFFICES, 2)):
        while len(words) > least and words[0] in dropped:
            words = words[1:]
    if len(words) > 2 and words[0] in _REGNAL_TITLES and _REGNAL_NUMBER.fullmatch(words[-1]):
        words = words[1:]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words = words[:-1]
    spelled = tuple(_SPELLED.get(word, word) for word in words)
    return Name(spelled, bool(_JOINT.search(text)), bool(_UMLAUTS.search(text)))


def differs(answer: Name, truth: Name, options: Options) -> str | None:
    """Two names differ when a word that counts does, and no usual short form explains it."""
    mine, theirs = answer.words, truth.words
    if same_words(mine, theirs) or mine == _acronym(theirs) or theirs == _acronym(mine):
        return None
    if answer.umlauts != truth.umlauts and same_words(
        without_umlauts(mine), without_umlauts(theirs)
    ):
        return None
    if (truth.joined or not answer.joined) and _same_name(mine, theirs, options):
        return None
    return f"the name {' '.join(mine)!r} is not {' '.join(theirs)!r}"


def _same_name(answer: Words, truth: Words, options: Options) -> bool:
    by_surname = asks_name(str(options.get("question") or ""))
    if _is_short_for(answer, truth, by_surname) or _is_short_for(truth, answer, by_surname):
        return True
    if is_foreign(answer) != is_foreign(truth) and skeleton(answer) == skeleton(truth):
        return True
    asked = asked_words(options)
    if exchanged(tuple(map(stem, answer)), tuple(map(stem, truth)), asked):
        return False
    return same_words(_beyond(answer, asked), _beyond(truth, asked))


def _beyond(words: Words, asked: frozenset[str]) -> Words:
    """``vistula`` of ``vistula river``, where the question asks for a river."""
    return tuple(word for word in words if stem(word) not in asked) or words


def _is_short_for(short: Words, whole: Words, by_surname: bool) -> bool:
    """A surname, where it will do, or a name with initials or without its middle ones."""
    if not 2 <= len(whole) <= 4 or len(short) > len(whole) or short[-1] != whole[-1]:
        return False
    if (_NO_PERSON | _REGNAL_TITLES) & set(whole) or any(
        len(word) < 2 or not word.isalpha() for word in short[-1:]
    ):
        return False
    if len(short) == 1:
        return by_surname and len(short[0]) > 2 and not _REGNAL_NUMBER.fullmatch(short[0])
    return _are_initials(short[:-1], whole[:-1])


def _are_initials(short: Words, whole: Words) -> bool:
    """``j r r`` and ``john`` for ``john ronald reuel``; a full middle name is never left out."""
    if len(short) > len(whole) or any(len(word) > 1 for word in whole[len(short) :]):
        return False
    return all(
        mine == theirs or (1 in (len(mine), len(theirs)) and mine[0] == theirs[0])
        for mine, theirs in zip(short, whole, strict=False)
    )


def _acronym(words: Words) -> Words:
    """``nasa`` of four words; none of fewer than three."""
    letters = [word[0] for word in words if word not in _SMALL_WORDS]
    return ("".join(letters),) if len(letters) >= 3 else ()
