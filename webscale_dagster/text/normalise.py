"""Text as it is stored, and the words every comparison is made of.

Makes normalised text, its hash, its words and the share of it that is broken; reads and writes
nothing. Decisions, for they decide the bytes of a dataset:

- stored text is NFC, not NFKC: superscripts, ligatures and full-width letters are the author's;
- line ends are LF; NUL, other control characters, byte-order marks, soft hyphens and zero-width
  spaces go, joiners stay (Persian, Indic scripts and emoji need them); halves of surrogate pairs
  are joined, lone ones become U+FFFD, which the quality rule ``broken_encoding`` counts;
- spaces at line ends go, more than two blank lines become two, indentation stays (code);
- words are for comparing only: NFKC, case-folded runs of letters, digits and underscores, one word
  per character where a script writes no spaces. An apostrophe of any kind separates, so that
  ``don't`` and ``don’t`` are the same two words, as in published word n-gram sets.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff]")
_ODD = re.compile(f"{_LINE_ENDS.pattern}|{_INVISIBLE.pattern}")
_NO_CONTROLS = {code: None for code in (*range(9), *range(14, 32), 127)}
ZERO_WIDTH = re.compile("[\u00ad\u200b\u2060\ufeff]")
_BLANK_LINES = re.compile(r"\n{4,}")

# Scripts without spaces between words: kana, Han (with extensions), Thai, Lao, Khmer, Burmese.
UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6"
    "\u1000-\u102a\u1780-\u17b3\u3040-\u3098\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U000323af"
)
# Vowel signs and accents that `\w` does not count as letters: without them Hindi words fall apart.
MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f"
    "\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a4d\u0a81-\u0acd\u0b01-\u0b4d\u0b82-\u0bcd\u0c00-\u0c4d"
    "\u0c81-\u0ccd\u0d00-\u0d4d\u0d81-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc"
    "\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3\u3099\u309a"
)
_ASCII_WORD = re.compile(r"[a-z0-9_]+")
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_SAMPLE = 2_000  # characters by which the script is judged
_SPACED_WORD = re.compile(f"[\\w{MARKS}]+")  # of a text without such letters, four times as fast
_WORD = re.compile(f"[{UNSPACED}][{MARKS}]*|(?:(?![{UNSPACED}])[\\w{MARKS}])+")

# UTF-8 read as Windows-1252: the lead byte of a character, then what the continuation bytes 80-BF
# look like there; or another encoding (GBK, Big5, KOI8) read so: no language written in Latin-1
# puts four such letters in a row.
_TAIL = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MOJIBAKE = re.compile(f"(?:[ÂÃÐÑ]|â(?=€|„|†|‚)|ï(?=¿|»)|ðŸ){_TAIL}+|[À-ÿ][¡-ÿ]{{3,}}")
_BROKEN = re.compile("[\ufffd\ud800-\udfff\x00-\x08\x0e-\x1f\x7f-\x9f]")


def normalise(text: str) -> str:
    """Text as it is stored; normalising twice changes nothing."""
    if text.isascii():
        if "\r" in text or "\x0b" in text or "\x0c" in text:
            text = _LINE_ENDS.sub("\n", text)
        text = text.translate(_NO_CONTROLS)
    else:
        if _SURROGATES.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if _ODD.search(text):
            text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
        text = unicodedata.normalize("NFC", text)
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    return _BLANK_LINES.sub("\n\n\n", text).strip("\n")


def normalise_all(texts: pl.Series) -> pl.Series:
    """A column of texts, normalised; null stays null. Only what may change is looked at twice."""
    import numpy as np

    from webscale_dagster.text.kernels.stored import flag_unstable, spaces, unstable
    from webscale_dagster.text.kernels.utf8 import encode

    encoded = encode(texts)
    flags = np.zeros(len(texts), np.bool_)
    flag_unstable(encoded.data, encoded.offsets, unstable(), spaces(), flags)
    places = np.flatnonzero(flags)
    if not len(places):
        return texts
    return texts.scatter(places, [normalise(text) for text in texts[places]])


def words(text: str) -> list[str]:
    """The words by which texts are compared, in order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    # Twice: NFKC can make letters with case, and folding can undo the composition.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = ZERO_WIDTH.sub("", text)
    return (_WORD if _UNSPACED_LETTER.search(text) else _SPACED_WORD).findall(text)


def is_unspaced(text: str) -> bool:
    """Whether a text is in a script that writes no spaces between words."""
    sample = text[:_SAMPLE]
    return not sample.isascii() and len(_UNSPACED_LETTER.findall(sample)) > len(sample) / 3


def text_hash(text: str) -> str:
    """24 hex digits (96 bits of SHA-256); equal texts have equal hashes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def broken_share(text: str) -> float:
    """Share of characters that are U+FFFD, control characters or text read in a wrong encoding."""
    if not text:
        return 0.0
    broken = len(_BROKEN.findall(text))
    if not text.isascii():
        broken += sum(len(run) for run in _MOJIBAKE.findall(text))
    return min(broken / len(text), 1.0)


def says(text: str, phrase: str) -> bool:
    """True if the phrase's words stand in the text, one after the other."""
    wanted = words(phrase)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(words(text))} "
