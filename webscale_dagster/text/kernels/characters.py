"""What Python says of each code point, as flags that kernels look up.

Makes one array of 16-bit flags by code point; reads and writes nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.normalise import UNSPACED

Flags = npt.NDArray[np.uint16]

ALPHA = 1  # str.isalpha
ALNUM = 2  # str.isalnum
SPACE = 4  # str.isspace, and `\s` of regular expressions
LOWER = 8  # str.islower
UPPER = 16  # str.isupper
DIGIT = 32  # str.isdigit
WORD = 64  # `\w` of regular expressions: letters, digits, numbers and the underscore
UNSPACED_LETTER = 128  # of a script that writes no spaces between words

_LIMIT = 0x110000
# Above it there are only tags, variation selectors, private and unassigned code points, of which
# Python says nothing (Unicode 15; later versions assign ideographs up to here).
_ASSIGNED = 0x323B0
_PREDICATES = (
    (str.isalpha, ALPHA),
    (str.isalnum, ALNUM | WORD),
    (str.isspace, SPACE),
    (str.islower, LOWER),
    (str.isupper, UPPER),
    (str.isdigit, DIGIT),
)


@lru_cache(maxsize=1)
def flags() -> Flags:
    """Flags by code point, of this Python's Unicode version; a tenth of a second, once."""
    found = np.zeros(_LIMIT, np.uint16)
    every = "".join(map(chr, range(_ASSIGNED)))
    for holds, flag in _PREDICATES:
        found[np.flatnonzero(np.fromiter(map(holds, every), np.bool_, _ASSIGNED))] |= flag
    found[ord("_")] |= WORD
    for run in re.finditer(f"[{UNSPACED}]+", every):
        found[run.start() : run.end()] |= UNSPACED_LETTER
    found.flags.writeable = False
    return found
