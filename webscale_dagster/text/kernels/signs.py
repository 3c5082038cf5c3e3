"""What a character may say about a page, as flags by code point.

Makes one array of 32-bit flags: those of ``characters`` in the low half, and in the high half what
the quality rules ask of a character; reads and writes nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.characters import flags

Table = npt.NDArray[np.uint32]

SENTENCE_END = 1 << 16  # a line that ends so is prose; FineWeb's list has closing quotes too
BULLET = 1 << 17
ENTRY_END = 1 << 18  # no entry of a menu ends so
FORMULA_SIGN = 1 << 19  # no entry of a menu has one
DASH = 1 << 20  # no entry of a menu begins with one and a space
BROKEN = 1 << 21  # U+FFFD, halves of surrogate pairs, control codes
LEAD = 1 << 22  # as which the first byte of a UTF-8 character is misread as Windows-1252
TAIL = 1 << 23  # as which its other bytes are
LATIN = 1 << 24  # Latin-1's upper half but the no-break space
STOP = 1 << 25  # ends a sentence if a space follows
WIDE_STOP = 1 << 26  # ends a sentence
CLOSER = 1 << 27  # may stand between a full stop and the space
SYMBOL = 1 << 28  # Gopher's: hash sign and ellipsis
FORMULA = 1 << 29  # may begin what only formulas have
PHRASE = 1 << 30  # letters at which phrases are looked for

_SETS = (
    (".!?…\"'”’»。！？।؟", SENTENCE_END),
    ("-*•–●·◦▪‣", BULLET),
    ('.!?:;,…。！？"”)]}|=', ENTRY_END),
    ("=+<>^_|{}\\$→≤≥√∑∫−×÷", FORMULA_SIGN),
    ("-*•–", DASH),
    (("\ufffd", ("\ud800", "\udfff"), ("\0", "\x08"), ("\x0e", "\x1f"), ("\x7f", "\x9f")), BROKEN),
    ("ÂÃÐÑâïð", LEAD),
    ((("\x80", "\xbf"), *"€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"), TAIL),
    ((("¡", "ÿ"),), LATIN),
    (".!?", STOP),
    ("。！？।؟", WIDE_STOP),
    ("\"'”’)]", CLOSER),
    ("#…", SYMBOL),
    ("\\^_{}$", FORMULA),
    ("jJpPfFkK\u212a", PHRASE),  # the last is the Kelvin sign, of which the lower case is `k`
)


@lru_cache(maxsize=1)
def signs() -> Table:
    """Flags by code point."""
    found = flags().astype(np.uint32)
    for characters, flag in _SETS:
        for one in characters:
            found[ord(one[0]) : ord(one[-1]) + 1] |= np.uint32(flag)
    found.flags.writeable = False
    return found
