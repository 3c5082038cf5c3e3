r"""Whether a line reads as source code.

Makes a yes or no for a line; reads and writes nothing. It says yes where this expression matches::

    \s*(?:def |class |import |from \S+ import |return\b|raise |assert |print\(|@\w|>>> |#include|
      (?:if|elif|for|while|with|except)\b.*:$|(?:else|try|finally):$|
      (?:const|let|var|public|private|static|void|int) |[{}]\s*$)
    |\s*[\w.\[\]]+ ?[-+*/|&:]?= ?\S|\s*[\w.]+\([^)]*\)?[,;]?$|.*[;{}]\s*$| {4,}\S|\t+\S
"""

from __future__ import annotations

import numpy as np

from webscale_dagster.text.kernels.characters import SPACE, WORD
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.signs import Table
from webscale_dagster.text.kernels.utf8 import Bytes, decode

_INDENT = 4
# What must follow the beginning of a line: nothing, the end of a word, that and a colon at the end
# of the line, the end of the line, a name and ` import `.
_NOTHING, _WORD_END, _BLOCK, _LINE_END, _IMPORT, _NEVER = range(6)
_STARTS = (
    *((word, _NOTHING) for word in ("def ", "class ", "import ", "raise ", "assert ", "print(")),
    *((word, _NOTHING) for word in (">>> ", "#include", "const ", "let ", "var ", "public ")),
    *((word, _NOTHING) for word in ("private ", "static ", "void ", "int ")),
    *((word, _BLOCK) for word in ("if", "elif", "for", "while", "with", "except")),
    *((word, _LINE_END) for word in ("else:", "try:", "finally:")),
    *(("return", _WORD_END), ("from ", _IMPORT), (" import ", _NEVER)),
)
_LETTERS = np.frombuffer("".join(word for word, _ in _STARTS).encode(), np.uint8)
_BEGINS = np.cumsum([0, *(len(word) for word, _ in _STARTS)])
_FOLLOWED_BY = np.array([following for _, following in _STARTS])
_SEMICOLON, _OPENING, _CLOSING, _AT, _COLON, _EQUALS = 0x3B, 0x7B, 0x7D, 0x40, 0x3A, 0x3D
_TAB, _BLANK, _DOT, _LEFT, _RIGHT, _COMMA = 0x09, 0x20, 0x2E, 0x28, 0x29, 0x2C
_LEFT_SQUARE, _RIGHT_SQUARE = 0x5B, 0x5D
_OPERATORS = np.isin(np.arange(256), np.frombuffer(b"-+*/|&:", np.uint8))


@kernel
def is_code(data: Bytes, begin: int, first: int, last: int, end: int, table: Table) -> bool:
    """Judge a line, given where it, and its text without the space around it, begin and end."""
    final = data[last - 1]
    if final in (_SEMICOLON, _OPENING, _CLOSING):
        return True
    indent = data[begin]
    if indent == _TAB or (indent == _BLANK and first - begin >= _INDENT):
        while data[begin] == indent:
            begin += 1
        if begin == first:
            return True
    for start in range(len(_FOLLOWED_BY) - 1):
        likely = data[first] == _LETTERS[_BEGINS[start]]
        if likely and begins_with(data, first, end, table, start):
            return True
    return is_statement(data, first, end, table)


@kernel
def begins_with(data: Bytes, at: int, end: int, table: Table, start: int) -> bool:
    """Whether one of the starts is here, and what must follow it."""
    at = after(data, at, end, start)
    following = _FOLLOWED_BY[start]
    if at < 0 or following == _NOTHING:
        return at >= 0
    if at == end:
        return following in (_WORD_END, _LINE_END)
    code, size = decode(data, at, end)
    if following == _IMPORT:
        begin = at
        while not table[code] & SPACE:
            at += size
            if at == end:
                return False
            code, size = decode(data, at, end)
        return at > begin and after(data, at, end, len(_FOLLOWED_BY) - 1) >= 0
    bounded = following != _LINE_END and not table[code] & WORD
    return bounded and (following == _WORD_END or data[end - 1] == _COLON)


@kernel
def after(data: Bytes, at: int, end: int, start: int) -> int:
    """Where one of the starts ends, if it begins here; else -1."""
    for letter in range(_BEGINS[start], _BEGINS[start + 1]):
        if at == end or data[at] != _LETTERS[letter]:
            return -1
        at += 1
    return at


@kernel
def is_statement(data: Bytes, at: int, end: int, table: Table) -> bool:
    r"""``@\w|[\w.]+\([^)]*\)?[,;]?$|[\w.\[\]]+ ?[-+*/|&:]?= ?\S``."""
    begin, squares = at, False
    at += data[at] == _AT
    while at < end:
        code, size = np.int64(data[at]), 1
        if code >= 0x80:
            code, size = decode(data, at, end)
        square = code in (_LEFT_SQUARE, _RIGHT_SQUARE)
        if not (table[code] & WORD or code == _DOT or square):
            break
        if data[begin] == _AT:
            return (table[code] & WORD) != 0
        squares |= square
        at += size
    if at in (begin, end):
        return False
    if data[at] == _LEFT and not squares:
        while at < end and data[at] != _RIGHT:
            at += 1
        at += at < end
        at += at < end and (data[at] == _COMMA or data[at] == _SEMICOLON)
        return at == end
    at += data[at] == _BLANK
    at += at < end and _OPERATORS[data[at]]
    if at == end or data[at] != _EQUALS:
        return False
    at += 1
    at += at < end and data[at] == _BLANK
    if at == end:
        return False
    code, size = decode(data, at, end)
    return not table[code] & SPACE
