"""Cuts long documents into parts that a prompt has room for, and puts them together again.

Makes lists of parts; reads and writes nothing. Nothing is lost at a cut: parts of a text joined are
the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")
_SPACE = re.compile(r"\s+")


def line_parts(lines: Sequence[str], most: int) -> list[dict[int, str]]:
    """Consecutive lines by their number (from 1), of about ``most`` characters; never empty."""
    parts: list[dict[int, str]] = [{}]
    room = most
    for number, line in enumerate(lines, 1):
        cost = len(line) + len(str(number)) + 4  # brackets, space, line end
        if cost > room and parts[-1]:
            parts.append({})
            room = most
        parts[-1][number] = line
        room -= cost
    return parts


def text_parts(text: str, most: int) -> list[str]:
    """Pieces of at most ``most`` characters, cut at lines, else sentences, else spaces."""
    parts: list[str] = []
    for piece in _pieces(text, most):
        if parts and len(parts[-1]) + len(piece) <= most:
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts or [text]


def _pieces(text: str, most: int) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        if len(line) <= most:
            yield line
            continue
        for sentence in _cut(line, _SENTENCE):
            if len(sentence) <= most:
                yield sentence
                continue
            for word in _cut(sentence, _SPACE):
                yield from (word[at : at + most] for at in range(0, len(word), most))


def _cut(text: str, gap: re.Pattern[str]) -> Iterator[str]:
    """Pieces that end with the gap that follows them."""
    start = 0
    for found in gap.finditer(text):
        yield text[start : found.end()]
        start = found.end()
    if start < len(text):
        yield text[start:]
