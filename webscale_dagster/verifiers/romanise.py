"""Names of other scripts in Latin letters, and the spellings of one name brought together.

    Чайковский -> chaykovskiy -> caikofski      Tchaikovsky -> caikofski      Gödel, Goedel -> godel

Cyrillic after ISO 9 and Greek after ISO 843, simplified to letters without marks: the skeleton that
is compared forgets what transcriptions differ in (``tch``/``ch``, ``w``/``v``, ``y``/``i``/``j``).
Reads and writes nothing.
"""

from __future__ import annotations

import re

_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћђџ"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψω"
_LATIN = (
    "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya i yi ye g u j lj"
    " nj c dj dz a v g d e z i th i k l m n x o p r s s t y f ch ps o"
)
_LETTERS = str.maketrans(
    {
        letter: latin.strip("_")
        for letter, latin in zip(_CYRILLIC + _GREEK, _LATIN.split(), strict=True)
    }
)
_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u04ff]")
_SPELLINGS = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"shch|schtsch", "S"),
        (r"tsch|tch|ch|cz|č", "c"),
        (r"sch|sh", "s"),
        (r"zh", "j"),
        (r"kh|ck|q", "k"),
        (r"ph|ff|w|v", "f"),
        (r"th", "t"),
        (r"x", "ks"),
        (r"ts|tz|z", "s"),
        (r"ou|oo", "u"),
        (r"ei|ie|iy|yi|ij|ii|yy|y|j", "i"),
        (r"(?<=[aeoiu])h", ""),
        (r"i[eo]", "e"),  # Ельцин, Yeltsin; Пётр, Pyotr
        (r"(.)\1", r"\1"),
    )
)
_UMLAUTS = re.compile(r"(?<=[aou])e")


def is_foreign(words: tuple[str, ...]) -> bool:
    """Whether a name is written in Cyrillic or Greek."""
    return any(map(_FOREIGN.search, words))


def skeleton(words: tuple[str, ...]) -> tuple[str, ...]:
    """A name's words in Latin letters, as far as transcriptions agree; words are lower case."""
    return tuple(map(_skeleton, words))


def without_umlauts(words: tuple[str, ...]) -> tuple[str, ...]:
    """``goedel`` as ``godel``; the umlauts themselves are gone from words already."""
    return tuple(_UMLAUTS.sub("", word) for word in words)


def _skeleton(word: str) -> str:
    latin = word.translate(_LETTERS)
    for pattern, spelling in _SPELLINGS:
        latin = pattern.sub(spelling, latin)
    return latin
