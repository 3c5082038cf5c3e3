"""What a short question asks, as far as two wordings of it can be compared.

    Could you tell me how many moons Jupiter has, please?
        said      how many moons jupiter has
        content   moon, jupiter           stems of the words that say what it is about
        telling   jupiter                 of these names, numbers, units, single letters

Makes values of a question and its answer; reads and writes nothing. Politeness and articles change
nothing that is asked. A word that tells two things apart (a name, a number, a unit) makes another
question, and so does a negation.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from webscale_dagster.text.content_words import content_word
from webscale_dagster.text.normalise import words

_ARTICLES = frozenset(["a", "an", "the"])
_LETTERS = frozenset(["a", "i"])
_DENIALS = frozenset(
    ["not", "no", "never", "none", "neither", "nor", "without", "except", "cannot", "unlike", "t"]
)  # "don't" is the words "don" and "t"
_LIGHT = """
    s t d m re ve ll don doesn didn isn wasn concerning regarding via means beside beneath amongst
    amid versus vs throughout till ever actually exactly usually really just only
"""
_LIGHT_WORDS = frozenset(_LIGHT.split())  # and what an apostrophe leaves
# What says hardly more than one bit: that two answers agree in it is chance.
_LITTLE = frozenset(["yes", "no", "true", "false", "maybe", "unknown", "correct", "incorrect"])
_UNITS = """
    percent percentage percentages cent cents dollar dollars euro euros pound pounds yen usd eur gbp
    second seconds minute minutes hour hours day days week weeks month months year years decade
    decades century centuries metre metres meter meters kilometre kilometres kilometer kilometers
    centimetre centimetres centimeter centimeters millimetre millimetres millimeter millimeters mile
    miles foot feet inch inches yard yards gram grams kilogram kilograms kg km cm mm mg ml litre
    litres liter liters gallon gallons ounce ounces ton tons tonne tonnes celsius fahrenheit kelvin
    degree degrees watt watts volt volts joule joules byte bytes bit bits hertz acre acres hectare
    hectares hundred hundreds thousand thousands million millions billion billions trillion
"""
_NUMBERS = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety zero half
    third quarter double twice first second fourth fifth sixth seventh eighth ninth tenth last
    ii iii iv vi vii viii ix xi xii
"""
# Words that are each other's opposites: where they differ, something else is asked.
_OPPOSED = """
    north south east west northern southern eastern western upper lower left right pre post increase
    decrease increased decreased increasing decreasing rise fall more less most least fewer higher
    highest lowest largest smallest biggest greatest longest shortest oldest youngest best worst
    maximum minimum max min male female positive negative before after inner outer internal external
    earlier later earliest latest above below inside outside begin began end ended open close
    advantage advantages disadvantage disadvantages acute chronic mother father son daughter brother
    sister husband wife king queen prince princess he she
"""
_TELLING = frozenset(f"{_UNITS} {_NUMBERS} {_OPPOSED}".split())
_YOU = "(?:can|could|would|will|please) (?:you|someone|anyone|somebody|anybody)"
_SAY = "(?:tell (?:me|us)|let (?:me|us) know|explain(?: to (?:me|us))?|say|clarify|remind me)"
_POLITE = re.compile(
    "^(?:(?:hi|hello|hey|please|kindly|ok|okay|so|well|now|basically|actually|excuse me|sorry"
    f"|{_YOU} (?:please |kindly )?(?:{_SAY}|help me (?:understand|find out))|{_SAY}"
    "|do you (?:happen to )?know|does anyone know|any idea|you know|of course|by the way"
    "|so to speak|as it happens|(?:i|we) (?:would like|d like|want|need|wish) to"
    " (?:know|find out|learn|ask|understand)|i (?:m |am |was )?wonder(?:ing)?|let me ask"
    "|(?:my|the|here is my|one|quick) question(?: to you)?(?: is)?|(?:just )?(?:curious|wondering)"
    "|out of curiosity|(?:may|might|can) i ask|answer (?:me )?(?:this|the following)(?: question)?"
    "|(?:according to|based on|in|from) (?:the|this) (?:text|passage|document|article|story)"
    ") )+"
)
_POLITE_END = re.compile(
    "(?: (?:please|kindly|(?:many )?thanks|thank you|very much|a lot|in advance|by the way|exactly"
    "|then|so to speak|do you know))+$"
)
_NAME = re.compile(r"(?<=\s)[\"'“‘(\[]*([^\W\d_a-z][^\W_]*(?:['’.&-][^\W_]+)*)")
_QUOTED = re.compile(r"[\"“„«']\b([^\"“”„«»']{1,60})[\"”“»']")
_KINDS = {word: word for word in ("who", "where", "when", "why", "how")}
_KINDS |= {"whom": "who", "whose": "who", "what": "", "which": ""}
_HOW = frozenset(["many", "much", "long", "old", "often", "far"])
_MOST_NAMES = 0.6  # of the words: more is a title's way of writing, which names nobody


class Asked(NamedTuple):
    """A question and its answer, ready to be compared."""

    said: str
    letters: str  # all that is said without its spaces: "e mail" and "email" are the same
    content: frozenset[str]
    order: str  # the content words as they follow each other
    telling: frozenset[str]
    denials: int
    kind: str  # who, where, when, why, how, how many …; empty for what, which and yes or no
    answer: str  # its words
    little: bool  # the answer is a yes, a no or a letter


def read(question: str, answer: str) -> Asked:
    """What is asked and answered."""
    said = _without_politeness(words(question))
    names = _names(question, len(said))
    found = _content(said, names)
    answered = _plain(words(answer))
    plain = _plain(said)
    return Asked(
        said=" ".join(plain),
        letters="".join(plain),
        content=frozenset(found.values()),
        order=" ".join(found.values()),
        telling=frozenset(stem for word, stem in found.items() if word in names or _tells(word)),
        denials=len([word for word in said if word in _DENIALS]),
        kind=_kind(said),
        answer=" ".join(answered),
        little=not answered or answered[0] in _LITTLE or _is_letter("".join(answered)),
    )


def runs(text: str, n: int) -> frozenset[str]:
    """A text's runs of ``n`` words, as a set; a shorter text is one run."""
    parts = text.split(" ")
    return frozenset(" ".join(parts[at : at + n]) for at in range(max(len(parts) - n + 1, 1)))


def grams(text: str, n: int) -> frozenset[str]:
    """A text's runs of ``n`` characters, as a set; a shorter text is one run."""
    return frozenset(text[at : at + n] for at in range(max(len(text) - n + 1, 1)))


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """A word without its regular English ending; both sides lose it, so a wrong cut is safe."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def _without_politeness(said: list[str]) -> list[str]:
    text = " ".join(said)
    kept = _POLITE_END.sub("", _POLITE.sub("", f"{text} ").rstrip())
    return kept.split() or said


@lru_cache(maxsize=200_000)
def _standing(word: str) -> str:
    found = content_word(word)
    return stem(found) if found and word not in _DENIALS and word not in _LIGHT_WORDS else ""


def _content(said: list[str], names: frozenset[str]) -> dict[str, str]:
    """The stem of every word that says what the question is about; of all words if none does.

    Vitamin A and type I are named by a letter that else is an article or a pronoun.
    """
    found: dict[str, str] = {}
    before = ""
    for word in said:
        stem = _standing(word)
        if stem or (before and word in _LETTERS and word in names):
            found[word] = stem or word
        before = stem
    return found or {word: word for word in said}


def _kind(said: list[str]) -> str:
    for place, word in enumerate(said):
        if word in _KINDS:
            after = said[place + 1] if place + 1 < len(said) else ""
            return f"how {after}" if word == "how" and after in _HOW else _KINDS[word]
    return ""


@lru_cache(maxsize=200_000)
def _tells(word: str) -> bool:
    return _is_letter(word) or word in _TELLING or any(char.isdigit() for char in word)


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii()


def _names(question: str, n_words: int) -> frozenset[str]:
    """Words with a capital that do not begin the question, and words in quotation marks."""
    found = [word for name in _NAME.findall(question) for word in words(name)]
    if len(found) > _MOST_NAMES * n_words:
        found = []
    found += [word for quoted in _QUOTED.findall(question) for word in words(quoted)]
    return frozenset(found)


def _plain(said: list[str]) -> list[str]:
    return [word for word in said if word not in _ARTICLES] or said
