"""Damage and script of a text, by regular expressions over its characters."""

from __future__ import annotations

import re

# Scripts without spaces between words: kana, Han (with extensions), Thai, Lao, Khmer, Burmese.
UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6"
    "\u1000-\u102a\u1780-\u17b3\u3040-\u3098\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U000323af"
)
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_SAMPLE = 2_000  # characters by which the script is judged

# UTF-8 read as Windows-1252: the lead byte of a character, then what the continuation bytes 80-BF
# look like there; or another encoding (GBK, Big5, KOI8) read so: no language written in Latin-1
# puts four such letters in a row.
_TAIL = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MOJIBAKE = re.compile(f"(?:[ÂÃÐÑ]|â(?=€|„|†|‚)|ï(?=¿|»)|ðŸ){_TAIL}+|[À-ÿ][¡-ÿ]{{3,}}")
_BROKEN = re.compile("[\ufffd\ud800-\udfff\x00-\x08\x0e-\x1f\x7f-\x9f]")


def is_unspaced(text: str) -> bool:
    """Whether a text is in a script that writes no spaces between words."""
    sample = text[:_SAMPLE]
    return not sample.isascii() and len(_UNSPACED_LETTER.findall(sample)) > len(sample) / 3


def broken_share(text: str) -> float:
    """Share of characters that are U+FFFD, control characters or text read in a wrong encoding."""
    if not text:
        return 0.0
    broken = len(_BROKEN.findall(text))
    if not text.isascii():
        broken += sum(len(run) for run in _MOJIBAKE.findall(text))
    return min(broken / len(text), 1.0)
