"""Which texts may change when they are normalised for storage.

Makes a flag per text from its bytes; reads and writes nothing. Most texts are as ``normalise``
would leave them: those need no Python.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.folding import joining
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.tokens import Flags
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets, decode

_LIMIT = 0x110000
_ASSIGNED = (range(0x32400), range(0xE0000, 0xE0200))  # as in ``folding``
_MOST_LINE_FEEDS = 3  # in a row; ``normalise`` shortens what is longer
_LINE_FEED, _TAB, _SPACE, _DELETE = 10, 9, 32, 127


@lru_cache(maxsize=1)
def unstable() -> npt.NDArray[np.bool_]:
    """Characters that are removed or replaced, or may combine with those around them (NFC)."""
    found = np.zeros(_LIMIT, np.bool_)
    found[0xD800:0xE000] = True
    found[[0xAD, 0x200B, 0x2028, 0x2029, 0x2060, 0xFEFF, *range(0x80, 0xA0)]] = True
    for codes in _ASSIGNED:
        for start in range(0, len(codes), 256):
            block = codes[start : start + 256]
            text = "\0".join(map(chr, block))
            parts = unicodedata.normalize("NFC", text).split("\0")
            if len(parts) != len(block):  # the separator itself is in this block
                parts = [unicodedata.normalize("NFC", chr(code)) for code in block]
            for code, part in zip(block, parts, strict=True):
                char = chr(code)
                if part != char or unicodedata.combining(char) or char in joining():
                    found[code] = True
    return found


@lru_cache(maxsize=1)
def spaces() -> npt.NDArray[np.bool_]:
    """Characters that ``str.rstrip`` removes from the end of a line."""
    found = np.zeros(_LIMIT, np.bool_)
    found[[code for code in range(0x3001) if chr(code).isspace() and code != _LINE_FEED]] = True
    return found


@kernel
def flag_unstable(data: Bytes, offsets: Offsets, table: Flags, blank: Flags, flags: Flags) -> None:
    """Flag the texts that ``normalise`` may change; the others it leaves as they are."""
    for text in range(len(flags)):
        at, end = offsets[text], offsets[text + 1]
        if at == end:
            continue
        changes = data[at] == _LINE_FEED or data[end - 1] == _LINE_FEED
        feeds, after_space = 0, False
        while at < end and not changes:
            code, size = decode(data, at, end)
            at += size
            if code == _LINE_FEED:
                feeds += 1
                changes = after_space or feeds > _MOST_LINE_FEEDS
            else:
                feeds = 0
                control = code < _SPACE and code != _TAB
                changes = control or code == _DELETE or table[code]
            after_space = blank[code]
        flags[text] = changes or after_space
