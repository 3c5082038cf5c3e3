"""Where a run of characters without a space is cut into words, as spaCy's English tokenizer does.

Finds prefixes, suffixes, infixes and web addresses in a range of characters; reads and writes
nothing. The rules are those of spaCy 3.8 (``spacy/lang/punctuation.py``, and ``URL_PATTERN`` in
``spacy/lang/tokenizer_exceptions.py``); left out: addresses that are numbers (IPv4).
"""

# ruff: noqa: SIM109 - comparisons compile faster than tuples
from __future__ import annotations

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_characters import (
    BEFORE_STOP,
    CODE,
    CURRENCY,
    DIGIT,
    ICON,
    LETTER,
    LOWER,
    PREFIX,
    QUOTE,
    SUFFIX,
    UPPER,
    Characters,
    hash_range,
)
from webscale_dagster.text.kernels.published_special import UNIT, Special, look_up

_DOLLAR, _STAR, _PLUS, _COMMA, _MINUS, _DOT, _SLASH = 36, 42, 43, 44, 45, 46, 47
_COLON, _LESS, _MORE, _QUESTION, _AT, _CARET, _UNDERSCORE = 58, 60, 62, 63, 64, 94, 95
_A, _C, _F, _K, _S, _U, _SMALL_S, _HASH, _TILDE = 65, 67, 70, 75, 83, 85, 115, 35, 126
_APOSTROPHE, _RIGHT_QUOTE, _ELLIPSIS, _DEGREE = 0x27, 0x2019, 0x2026, 0xB0
_EN_DASH, _EM_DASH = 0x2013, 0x2014
_LONGEST_UNIT = 4  # characters
_LONGEST_LABEL = 63  # of a host's name


@kernel
def prefix(text: Characters, start: int, end: int) -> int:
    """Characters of the prefix, 0 where there is none."""
    char = text[start]
    code = char & CODE
    if char & PREFIX:
        return 1
    if start + 1 == end:
        return 1 if code == _PLUS else 0
    following = text[start + 1]
    if code == _PLUS:
        return 0 if following & DIGIT else 1
    if code == _DOT:
        n_dots = 1
        while start + n_dots < end and text[start + n_dots] & CODE == _DOT:
            n_dots += 1
        return n_dots if n_dots > 1 else 0
    if following & CODE == _DOLLAR:
        return 2 if code == _A or code == _C else 0
    us_dollar = code == _U and following & CODE == _S and start + 2 < end
    return 3 if us_dollar and text[start + 2] & CODE == _DOLLAR else 0


@kernel
def suffix(text: Characters, start: int, end: int, special: Special) -> int:
    """Characters of the suffix, 0 where there is none."""
    if start == end:
        return 0
    char = text[end - 1]
    code = char & CODE
    if end - start == 1:
        return 1 if char & SUFFIX else 0
    last = text[end - 2]
    if char & SUFFIX:
        return 2 if code == _ELLIPSIS and last & CODE == _ELLIPSIS else 1
    if code == _DOT:
        return _full_stop(text, start, end)
    apostrophe = last & CODE == _APOSTROPHE or last & CODE == _RIGHT_QUOTE
    if apostrophe and (code == _S or code == _SMALL_S):
        return 2
    if code == _PLUS:
        return 1 if last & DIGIT else 0
    at = end - 1  # of a currency or unit: whatever follows the last digit
    while at > start and end - at <= _LONGEST_UNIT and not text[at - 1] & DIGIT:
        at -= 1
    if at == start or not text[at - 1] & DIGIT:
        return 0
    if char & CURRENCY:
        dollar = prefix(text, at, end) == end - at  # also US$ and the like
        return end - at if dollar or at + 1 == end else 0
    return end - at if look_up(hash_range(text, at, end), special) == UNIT else 0


@kernel
def _full_stop(text: Characters, start: int, end: int) -> int:
    """Characters of the full stops that are cut off an end."""
    last = text[end - 2]
    code = last & CODE
    if code == _DOT:
        at = end - 2
        while at > start and text[at - 1] & CODE == _DOT:
            at -= 1
        return end - at
    if last & BEFORE_STOP:
        return 1
    if end - start == 2:
        return 0
    second = text[end - 3]
    degrees = second & CODE == _DEGREE and (code == _C or code == _F or code == _K)
    return 1 if degrees or (last & UPPER and second & UPPER) else 0


@kernel
def infix(text: Characters, at: int, end: int) -> int:
    """Characters of the infix at a place after the first, 0 where there is none."""
    char, last = text[at], text[at - 1]
    code = char & CODE
    if char & ICON or code == _ELLIPSIS:
        return 1
    if char & (LETTER | DIGIT) or (code != _DOT and not last & (LETTER | DIGIT)):
        return 0
    n_same = 1
    while at + n_same < end and text[at + n_same] == char:
        n_same += 1
    if code == _DOT and n_same > 1:
        return n_same
    if at + 1 == end:
        return 0
    following = text[at + 1]
    if code == _DOT:
        return 1 if last & (LOWER | QUOTE) and following & (UPPER | QUOTE) else 0
    sign = code == _PLUS or code == _MINUS or code == _STAR or code == _CARET
    if sign and last & DIGIT and (following & DIGIT or following & CODE == _MINUS):
        return 1
    if code == _COMMA:
        return 1 if last & LETTER and following & LETTER else 0
    most = 0  # times that the infix may stand in a row
    if code == _MINUS:
        most = 3
    elif code == _EM_DASH:
        most = 2
    elif (
        (_LESS <= code <= _MORE)  # with = between
        or (code == _COLON or code == _SLASH or code == _EN_DASH or code == _TILDE)
    ):
        most = 1
    if n_same > most or at + n_same == end:
        return 0
    return n_same if text[at + n_same] & LETTER else 0


@kernel
def is_address(text: Characters, start: int, end: int) -> bool:
    """Whether a range of characters is a web or mail address, which is kept whole."""
    if _is_host(text, start, end):
        return True
    scheme = 1
    for at in range(start, end):
        char = text[at]
        code = char & CODE
        if code == _AT and at > start and _is_host(text, at + 1, end):  # after a user's name
            return True
        slash = scheme != 0 and code == _COLON and at + 3 < end and text[at + 1] & CODE == _SLASH
        if slash and text[at + 2] == text[at + 1] and _is_host(text, at + 3, end):
            return True
        if not char & (LETTER | DIGIT) and code != _PLUS and code != _MINUS:
            scheme &= code == _DOT or code == _UNDERSCORE
    return False


@kernel
def _is_host(text: Characters, start: int, end: int) -> bool:
    """Labels with full stops between, the last of lower-case letters; then maybe more."""
    n_labels, label, lower, edge = 0, start, LOWER, 0
    at = start
    while at < end:
        char = text[at]
        code = char & CODE
        if code == _COLON or code == _SLASH or code == _QUESTION or code == _HASH:
            break
        if code == _DOT:
            if not edge or at - label > _LONGEST_LABEL + 1:
                return False
            n_labels, label, lower, edge = n_labels + 1, at + 1, LOWER, 0
        else:
            edge = char & (LETTER | DIGIT) if code < 0xA1 else 1
            if not edge and (at == label or (code != _UNDERSCORE and code != _MINUS)):
                return False
            lower &= char
        at += 1
    if n_labels == 0 or not lower or at - label < 2 or at - label > _LONGEST_LABEL:
        return False
    if at + 1 < end and text[at] & CODE == _COLON:  # before a port
        return text[at + 1] & DIGIT != 0
    return True
