"""Whether two wordings of a phrase say the same: by their words that count, and by what differs.

    truth                           also right                          not right
    the 42-story Cathedral          at the Cathedral, 42 stories        the Cathedral's 24 stories
    conflicting territorial claims  the issues of conflicting           conflicting claims or debts
                                    territorial claims
    carbon dioxide                  carbon dioxide gas                  carbon; dioxide; monoxide

Words that count are stems without function words; with the question at hand, words that it has
already said count only where nothing else is left. One wording may say more than the other, or
less, as long as the head (``claims``) stays, and nothing is gained or lost that tells two things
apart: numbers, single letters, negations, opposites, one of several items. Measured on the other
people's answers to 5,000 questions: ``benchmarks/verifiability.py``. Reads and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from webscale_dagster.verifiers.number_words import NUMBER_WORDS
from webscale_dagster.verifiers.outcome import OptionError, Options
from webscale_dagster.verifiers.phrases import digits_for_words, tokens

Words = frozenset[str]

_FUNCTION = (
    "the a an of in on at by to for from with as that this these those it its they their them there"
    " he she his her my we our you your is was were are be been being has have had do does did will"
    " would can could may might because so than then into onto upon about around approximately"
    " during within while when where which who whom what how very really"
    " just also only both either such per am if and or but via between among against through across"
    " along near toward towards throughout"
)
FUNCTION_WORDS = frozenset(_FUNCTION.split())
_NEGATION_WORDS = (
    "not no never without none nor cannot cant dont doesnt didnt isnt wasnt arent wont non"
)
_NEGATIONS = frozenset(_NEGATION_WORDS.split())
# A phrase ends where one of these stands: its head is the last word that counts before it.
_ENDING_WORDS = (
    "of in on at by to for from with as that which who whom whose where when while because since so"
    " than into onto upon about around during within after before until and or but via per if"
    " such between among against through across along near toward towards throughout"
)
_ENDS_PHRASE = frozenset(_ENDING_WORDS.split())
_OPPOSITES = (
    "north south east west northern southern eastern western northeast northwest southeast"
    " southwest upper lower left right pre post anti un under increase decrease increased decreased"
    " increasing decreasing higher lower male female positive negative before after except inner"
    " outer internal external half above below beyond outside inside behind beneath beside"
)
_DENIALS = "anything other rather instead except wrong incorrect false untrue opposite unlike"
_WEAK = (
    "many several most some various certain mostly large small little big very few much lot kind"
    " type sort form number great main major common entire whole simply own other different"
    " original"
)
_MONTH_NAMES = (
    "january february march april june july august september october november december jan feb mar"
    " apr jun jul aug sep sept oct nov dec"
)
_MONTHS = frozenset(_MONTH_NAMES.split())
_WAYS = frozenset({"to", "from"})
_ROMAN_NUMBER = re.compile(r"[ivx]{1,5}")
_REMARK = re.compile(r"\s*[(\[](?![^()]*\b(?:or|and|nor)\b)[^()\[\]]*[)\]]\s*", re.IGNORECASE)
_JOINT = re.compile(r"[,;/]\s|\n|\b(?:and|or|nor|also|versus|vs)\b|&|[.!?]\s+\w", re.IGNORECASE)
_MOST_EXTRA = 6  # words beside a number that is the whole truth: `in the fall of 1909`
_LEAST_SHARE = 0.5  # of the truth's words, in an answer that lacks its head


@dataclass(frozen=True)
class _Wording:
    """A phrase: its words that count, its head, at how many places it may go on to another."""

    counting: tuple[str, ...]
    head: str | None
    joints: int
    months: Words
    ways: Words  # to or from
    proper: Words  # words that count and are capitalised


def same_meaning(answer: str, truth: str, asked: Words = frozenset()) -> bool:
    """Whether an answer says what the truth says, perhaps with more words, or with fewer.

    ``asked`` are the words of the question, as ``asked_words`` makes them.
    """
    mine, theirs = _read(answer), _read(truth)
    if mine.ways and theirs.ways and not mine.ways & theirs.ways:
        return False
    if mine.counting == theirs.counting:
        return True
    if exchanged(mine.counting, theirs.counting, asked):
        return False
    a, t = _beyond(mine, asked), _beyond(theirs, asked)
    if a == t:
        return True
    said, true = frozenset(a), frozenset(t)
    if not said & true or _tells_apart(mine, theirs, said ^ true):
        return False
    if said == true:  # `habitat of loss` is no loss of habitat
        return mine.head == theirs.head or (mine.joints > 0 and theirs.joints > 0)
    if true <= said:
        return _says_more(mine, theirs, said, true, asked)
    return said <= true and _says_less(mine, theirs, said, true, asked)


def exchanged(mine: Sequence[str], theirs: Sequence[str], asked: Words) -> bool:
    """Whether two stemmed wordings name different things that the question offers both.

    "The Pacific or the Atlantic?": `Atlantic Ocean` is not `Pacific Ocean`, though the question has
    said all but `ocean`.
    """
    said, true = set(mine), set(theirs)
    return bool((said - true) & asked and (true - said) & asked)


def counting_words(text: str) -> tuple[str, ...]:
    """The words of weight of a text as stems, in order; all its words where none has weight."""
    words = digits_for_words(tokens(text))
    last = words[-1:]  # no article ends a phrase: `protein A`
    found = tuple(stem(word) for word in words[:-1] if word not in FUNCTION_WORDS)
    return found + tuple(stem(w) for w in last if w == "a" or w not in FUNCTION_WORDS) or words


def share_together(phrase: Sequence[str], text: Sequence[str], spare: int) -> float:
    """The largest share of a phrase's words in one stretch of a text, ``spare`` words longer.

    Of words that stand apart only those of one stretch count: `1 August 2014` is not in "On 1 May,
    and again in August 2014".
    """
    wanted = {word: phrase.count(word) for word in phrase}
    places = [at for at, word in enumerate(text) if word in wanted]
    best = 0
    for first, start in enumerate(places):
        held: dict[str, int] = {}
        for at in places[first:]:
            if at >= start + len(phrase) + spare:
                break
            held[text[at]] = min(held.get(text[at], 0) + 1, wanted[text[at]])
        best = max(best, sum(held.values()))
    return round(best / len(phrase), 4) if phrase else 0.0


def _tells_apart(mine: _Wording, theirs: _Wording, differing: Words) -> bool:
    """Whether what differs makes another thing of it: an opposite, a negation, a lost month."""
    negated = [frozenset(w.counting) & _NEGATIONS for w in (mine, theirs)]
    denied = frozenset(mine.counting) - frozenset(theirs.counting)
    return bool(
        differing & _opposites()
        or denied & _denials()
        or negated[0] != negated[1]
        or theirs.months - mine.months
    )


def _says_more(
    mine: _Wording,
    theirs: _Wording,
    said: Words,
    true: Words,
    asked: Words,
) -> bool:
    numbers, true_numbers = _identities(mine), _identities(theirs)
    if true_numbers and numbers - true_numbers:
        return False
    extra = len(said - true)
    if true_numbers and true <= true_numbers:
        return extra <= _MOST_EXTRA
    if extra > len(true) or mine.joints > theirs.joints:
        return False
    # `carbon dioxide carbon monoxide`: a list, without commas.
    if any(mine.counting.count(word) > theirs.counting.count(word) for word in true):
        return False
    return mine.head in true or mine.head in asked or (extra == 1 and len(true) > 1)


def _says_less(
    mine: _Wording,
    theirs: _Wording,
    said: Words,
    true: Words,
    asked: Words,
) -> bool:
    lost = true - said
    if any(map(_is_identity, lost)) or theirs.joints > mine.joints:
        return False
    if lost <= _weak():
        return True
    if len(said) == 1:  # `carbon` and `dioxide` are not carbon dioxide, Gorbachev is himself
        return theirs.head in said and bool(said & theirs.proper)
    return theirs.head in said or theirs.head in asked or len(said) / len(true) > _LEAST_SHARE


def _beyond(wording: _Wording, asked: Words) -> tuple[str, ...]:
    """The words that the question has not said already, if there are any."""
    return tuple(word for word in wording.counting if word not in asked) or wording.counting


def _identities(wording: _Wording) -> Words:
    return frozenset(filter(_is_identity, wording.counting))


def _is_identity(word: str) -> bool:
    """Numbers and letters tell things apart: vitamin C, World War II, the third floor."""
    if len(word) == 1 or _ROMAN_NUMBER.fullmatch(word) or word in _number_stems():
        return True
    return any(char.isdigit() for char in word)


@lru_cache(maxsize=50_000)
def _read(text: str) -> _Wording:
    outside = _REMARK.sub(" ", text).strip()
    plain = outside if any(char.isalnum() for char in outside) else text
    words = digits_for_words(tokens(plain))
    counting = tuple(stem(word) for word in words if word not in FUNCTION_WORDS)
    capitalised = {
        stem(each) for word in plain.split() if word[:1].isupper() for each in tokens(word)
    }
    return _Wording(
        counting or words,
        _head(words),
        len(_JOINT.findall(text)),
        frozenset(words) & _MONTHS,
        frozenset(words) & _WAYS,
        frozenset(capitalised) & frozenset(counting),
    )


def _head(words: tuple[str, ...]) -> str | None:
    """The last word that counts of the first phrase."""
    head = None
    for word in words:
        if word in _ENDS_PHRASE and head:
            return head
        if word not in _ENDS_PHRASE and word not in FUNCTION_WORDS:
            head = stem(word)
    return head


def asked_words(options: Options) -> Words:
    """The words that the question of the options has said: they need not be said again."""
    question = options.get("question") or ""
    if not isinstance(question, str):
        raise OptionError("question must be the question's text")
    return _asked(question)


@lru_cache(maxsize=20_000)
def _asked(question: str) -> Words:
    return frozenset(
        stem(word)
        for word in digits_for_words(tokens(question))
        if word not in FUNCTION_WORDS and not _is_identity(word)
    )


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A word without its regular English ending; applied to both sides, so a wrong cut is safe."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


@lru_cache(maxsize=1)
def _opposites() -> Words:
    return frozenset(map(stem, _OPPOSITES.split()))


@lru_cache(maxsize=1)
def _number_stems() -> Words:
    return frozenset(map(stem, NUMBER_WORDS))


@lru_cache(maxsize=1)
def _denials() -> Words:
    return frozenset(map(stem, _DENIALS.split()))


@lru_cache(maxsize=1)
def _weak() -> Words:
    return frozenset(map(stem, _WEAK.split()))
