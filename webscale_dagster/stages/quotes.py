"""Where a quote stands in its document: letter by letter, with other signs, or nearly.

    quote   "He said - "never" - and left."
    text    … He said – “never” – and  left. …        the same but for signs and spaces: score 1.0

Makes offsets in characters of the text and a score; reads and writes nothing.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

# Signs that models and typesetters exchange, one character for one.
_SIGNS = str.maketrans(
    "‘’‚‛′“”„‟″«»–—―‐‑−\u00a0\u2007\u202f\u2009\u200a\t\n\r", '\'\'\'\'\'"""""""------        '
)
_SPACES = re.compile(" {2,}")
_SPARE = 1.5  # the window around an anchor, in lengths of the quote


@dataclass(frozen=True)
class Aligned:
    """Where a quote stands in a text, and how like the text it is: 1 = word for word."""

    start: int
    end: int
    score: float


def align(quote: str, text: str, start: int | None = None) -> Aligned:
    """Find a quote: at its given place, anywhere, or the most similar run of words."""
    if start is not None and text[start : start + len(quote)] == quote:
        return Aligned(start, start + len(quote), 1.0)
    found = text.find(quote)
    if found >= 0:
        return Aligned(found, found + len(quote), 1.0)
    return _with_other_signs(quote, text) or _fuzzy(quote, text)


def _with_other_signs(quote: str, text: str) -> Aligned | None:
    """The same letters with other quotation marks, dashes and spaces."""
    wanted = _SPACES.sub(" ", quote.translate(_SIGNS)).strip()
    if not wanted:
        return None
    pattern = re.escape(wanted).replace(r"\ ", " +")
    match = re.search(pattern, text.translate(_SIGNS))
    return Aligned(match.start(), match.end(), 1.0) if match else None


def _fuzzy(quote: str, text: str) -> Aligned:
    """The longest common run anchors the quote; what the window around it shares is compared."""
    anchor = difflib.SequenceMatcher(None, text, quote, autojunk=False).find_longest_match()
    spare = int(len(quote) * (_SPARE - 1) / 2)
    low = max(anchor.a - anchor.b - spare, 0)
    window = text[low : low + int(len(quote) * _SPARE) + 1]
    blocks = difflib.SequenceMatcher(None, window, quote, autojunk=False).get_matching_blocks()
    inside = [block for block in blocks if block.size > 2] or [
        block for block in blocks if block.size
    ]
    if not inside:
        return Aligned(0, 0, 0.0)
    start, end = low + inside[0].a, low + inside[-1].a + inside[-1].size
    score = difflib.SequenceMatcher(None, text[start:end], quote, autojunk=False).ratio()
    return Aligned(start, end, round(score, 4))
