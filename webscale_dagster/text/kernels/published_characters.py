"""A text's characters, with what the published filters ask about each.

Makes flags by code point, and of a text's bytes its characters with their flags; reads and writes
nothing. The classes are those of spaCy 3.8's English tokenizer (``spacy/lang/char_classes.py``),
by Unicode block and category instead of by list, and datatrove 0.10.1's two sets of punctuation
(``datatrove/utils/text.py``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels import characters
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_exceptions import special_words
from webscale_dagster.text.kernels.utf8 import Bytes, decode

Characters = npt.NDArray[np.int64]  # of each character its code point and, above it, its flags

CODE = 0x1FFFFF  # the bits of a code point
SPACE = 1 << 21  # str.isspace
ALPHA = 1 << 22  # str.isalpha
LOWER = 1 << 23  # spaCy's ALPHA_LOWER: letters that are not upper case
UPPER = 1 << 24  # its ALPHA_UPPER: those that are not lower case
LETTER = LOWER | UPPER
DIGIT = 1 << 25  # 0-9
PREFIX = 1 << 26  # is cut off the beginning of a word
SUFFIX = 1 << 27  # is cut off its end
QUOTE = 1 << 28
BEFORE_STOP = 1 << 29  # a full stop after it is a word of its own
PUNCTUATION = 1 << 30  # categories P*: spaCy's ``is_punct``
TERMINAL = 1 << 31  # ends a sentence, and a line for FineWeb
SYMBOL = 1 << 32  # in datatrove's PUNCTUATION_SET: a word of nothing else is not counted
ICON = 1 << 33
CURRENCY = 1 << 34
PHRASE = 1 << 35  # a phrase that C4 looks for may stand around it
LINE_END = 1 << 36  # of str.splitlines
SPECIAL_LENGTHS, LONGEST_SPECIAL = 36, 12  # bit 36 + n: special words of n characters begin with it

SEED = np.int64(0x9E3779B97F4A7C15 - 2**64)  # of a hash: 2^64 divided by the golden ratio
STEP = np.int64(0x9E3779B185EBCA87 - 2**64)  # odd: XXH64's first prime
HIGH = np.int64(24)  # from this bit on a hash depends on all bits of all characters

_LIMIT = 0x110000
_TERMINAL = (  # datatrove's TERMINAL_PUNCTUATION: Unicode's Sentence_Terminal and a few more
    "21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e "
    "1735-1736 17d4-17d6 17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e "
    "1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 "
    "a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb fe52 fe56-fe57 ff01 ff0e ff1f "
    "ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143 111c5-111c6 "
    "111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 "
    "11641-11642 1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 "
    "11f43-11f44 16a6e-16a6f 16af5 16b37-16b38 16b44 16e98 1bc9f 1da88"
)
_SYMBOLS = (  # datatrove's PUNCTUATION beyond ASCII, a full-width 1 among it; control characters
    "ab b4 bb 2013-2014 2019 201c-201e 2026 2236 2501 25ba 3001 3008-300d 3010-3011 ff05 ff08-ff09 "
    "ff0c ff11 ff1a-ff1b ff5e 0-8 b-c d-1f 7f-9f 21-2f 3a-40 5b-60 7b-7e"
)
# The letters spaCy knows: Latin, Greek, Cyrillic; then whole blocks, with their digits and marks:
# Ethiopic, Bengali, Hebrew, Arabic, Sinhala, Devanagari, Kannada, Tamil, Telugu, Hangul, kana, Han.
_CASED = (
    "41-5a 61-7a c0-1bf 1c4-24f 250-2af 386 388-38a 38c 38e-38f 391-3a1 3a3-3a9 3ac-3af 3b1-3c9 "
    "3cc-3ce 400-401 403-40a 40c-40d 410-451 453-45a 45c-45d 490-491 496-497 4a2-4a3 4ae-4af "
    "4ba-4bb 4d8-4d9 4e8-4e9 1d00-1d25 1d6b-1d77 1d79-1d9a 1e00-1eff 2c60-2c7b 2c7e-2c7f a722-a787 "
    "a78b-a78e a790-a7b7 a7fa ab30-ab5a ab60-ab64 ff21-ff3a ff41-ff5a"
)
_UNCASED = (
    "1200-137f 980-9ff 591-5f4 fb1d-fb4f 620-64a 66e-6d5 6e5-6ff 750-77f 8a0-8bd fb50-fbb1 "
    "fbd3-fd3d fd50-fdc7 fdf0-fdfb fe70-fefc 1ee00-1eebb d80-dff 900-97f c80-cff b80-bff c00-c7f "
    "ac00-d7af 1100-11ff 3040-30ff 4e00-9fff 3400-4dbf 20000-2a6df 2a700-2ebef 2e80-2fdf 2ff0-303f "
    "31c0-31ef 3200-33ff f900-faff fe30-fe4f 1f200-1f2ff 2f800-2fa1f"
)
_MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
_CURRENCIES = "$£€¥฿﷼" + "".join(map(chr, range(0x20A0, 0x20C0)))
_LAST_ICON = 0x1FA6D  # of the Unicode version of spaCy's list
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_PHRASES = "{[jJkKmMvV"  # each C4 phrase has one of these, and few other words have


@lru_cache(maxsize=1)
def classes() -> Characters:
    """Each code point with its flags; a tenth of a second, once."""
    known = characters.flags()
    alpha = known & characters.ALPHA > 0
    upper, lower = known & characters.UPPER > 0, known & characters.LOWER > 0
    cased, uncased = _within(_CASED) & alpha, _within(_UNCASED)
    found = np.arange(_LIMIT, dtype=np.int64)
    found[known & characters.SPACE > 0] |= SPACE
    found[alpha] |= ALPHA
    found[cased & ~upper | uncased] |= LOWER | BEFORE_STOP
    found[cased & ~lower | uncased] |= UPPER
    found[_within(_TERMINAL)] |= TERMINAL | SYMBOL
    found[_within(_SYMBOLS)] |= SYMBOL
    for code in range(0x20000):  # beyond, letters only
        category = unicodedata.category(chr(code))
        if category[0] == "P":
            found[code] |= PUNCTUATION
        elif category == "So" and code <= _LAST_ICON:
            found[code] |= ICON | PREFIX | SUFFIX
    for marks, flag in (
        ("0123456789", DIGIT | BEFORE_STOP),
        (_MARKS + _QUOTES, PREFIX | SUFFIX | BEFORE_STOP),
        ("—–", PREFIX | SUFFIX),
        ("§%=" + _CURRENCIES, PREFIX),
        (_CURRENCIES, CURRENCY),
        ("%²-+|", BEFORE_STOP),  # the bar stands between the marks in spaCy's expression
        (_QUOTES, QUOTE),
        (_PHRASES, PHRASE),
        (_LINE_ENDS, LINE_END),
    ):
        found[[ord(mark) for mark in marks]] |= flag
    for word in special_words():
        found[ord(word[0])] |= 1 << (SPECIAL_LENGTHS + len(word))
    found.flags.writeable = False
    return found


def _within(ranges: str) -> npt.NDArray[np.bool_]:
    found = np.zeros(_LIMIT, np.bool_)
    for first, last in _bounds(ranges):
        found[first : last + 1] = True
    return found


def _bounds(ranges: str) -> Iterable[tuple[int, int]]:
    for part in ranges.split():
        first, _, last = part.partition("-")
        yield int(first, 16), int(last or first, 16)


@kernel
def read(data: Bytes, at: int, end: int, classes: Characters, text: Characters) -> int:
    """Fill ``text`` with the characters of a range of bytes; gives their number."""
    count = np.int64(0)
    while at < end:
        code, size = np.int64(data[at]), 1
        if code >= 0x80:
            code, size = decode(data, at, end)
        text[count] = classes[code]
        count += 1
        at += size
    return count


@kernel
def hash_range(text: Characters, start: int, end: int) -> int:
    """Hash of some characters."""
    value = SEED
    for at in range(start, end):
        value = (value ^ text[at]) * STEP
    return value


def hash_word(word: str) -> int:
    """The same hash of a string."""
    value, known = int(SEED), classes()
    for char in word:
        value = (value ^ int(known[ord(char)])) * int(STEP)
        value = (value + 2**63) % 2**64 - 2**63
    return value
