"""What a text's lines say about it: the definitions, with strings and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SENTENCE_ENDS = tuple(".!?…\"'”’»。！？।؟")  # FineWeb's list ends likewise in closing quotes
_BULLETS = tuple("-*•–●·◦▪‣")
_ELLIPSES = ("...", "…")
_SHORT_LINE = 30  # characters; FineWeb (arXiv 2406.17557), section 3.6
_PROSE_WORDS = 15  # a line of so many words is a sentence, whatever it ends in
_SHORTEST_SENTENCE = 4  # words; shorter lines are labels, even if they end in a full stop
_WRAPPED = 45  # a line of so many characters, with a lower-case letter on the next, goes on there
_MENU_LINES = 5  # as many entries in a row, without a blank line, are a menu
_NOT_AN_ENTRY = re.compile(r"[.!?:;,…。！？\"”)\]}|=]$|[=+<>^_|{}\\$→≤≥√∑∫−×÷]|^\W*$|^[-*•–]\s|^\(")
# C4 drops every line with the word; articles about JavaScript have it too, notices also have these.
_NOTICE = re.compile(r"\b(?:enabled?|disabled?|requires?|turn(?:ed)? on|activate|browser)\b")
_POLICY = (  # C4's phrases (tensorflow_datasets, c4_utils)
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_CODE_LINE = re.compile(
    r"\s*(?:def |class |import |from \S+ import |return\b|raise |assert |print\(|@\w|>>> |#include|"
    r"(?:if|elif|for|while|with|except)\b.*:$|(?:else|try|finally):$|"
    r"(?:const|let|var|public|private|static|void|int) |[{}]\s*$)"
    r"|\s*[\w.\[\]]+ ?[-+*/|&:]?= ?\S|\s*[\w.]+\([^)]*\)?[,;]?$|.*[;{}]\s*$| {4,}\S|\t+\S"
)
_CODE_SAMPLE = 400  # lines looked at


def repeated(parts: Sequence[str]) -> tuple[float, float]:
    """Share of parts (lines, paragraphs) that were there before, and share of their characters."""
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count += 1
            characters += len(part)
        seen.add(part)
    total = sum(map(len, parts))
    return (count / len(parts), characters / total) if total else (0.0, 0.0)


def code_share(lines: Sequence[str]) -> float:
    """Share of lines that read as source code; ``lines`` with their indentation."""
    step = max(1, len(lines) // _CODE_SAMPLE)
    sample = lines[::step]
    return sum(bool(_CODE_LINE.match(line)) for line in sample) / len(sample) if sample else 0.0


def line_measures(lines: Sequence[str], blank_before: Sequence[bool]) -> dict[str, float]:
    """Measures of stripped, non-empty lines, by name of the rule that uses them."""
    lengths = [len(line) for line in lines]
    characters, count = max(sum(lengths), 1), max(len(lines), 1)
    prose = _prose(lines, blank_before)
    told = [line for line in lines if is_told(line)]
    again, again_characters = repeated(told)
    return {
        "prose_share": sum(n for n, is_prose in zip(lengths, prose, strict=True) if is_prose)
        / characters,
        "gopher_bullets": sum(line.startswith(_BULLETS) for line in lines) / count,
        "gopher_ellipses": sum(line.endswith(_ELLIPSES) for line in lines) / count,
        "gopher_duplicate_lines": again,
        "gopher_duplicate_line_characters": again_characters,
        "c4_javascript": _with(lines, ("javascript",), _NOTICE) / count,
        "c4_policy": _with(lines, _POLICY) / count,
        "unended_sentences": sum(
            _n_words(line) >= _PROSE_WORDS and not line.endswith(_SENTENCE_ENDS) for line in lines
        ),
        "fineweb_line_punctuation": sum(prose) / count,
        "fineweb_short_lines": sum(n <= _SHORT_LINE for n in lengths) / count,
        "menu_lines": _menu_lines(lines, blank_before) / count,
    }


def is_told(part: str) -> bool:
    """Whether a line or paragraph is more than a label."""
    return _n_words(part) >= _SHORTEST_SENTENCE


def _n_words(part: str) -> int:
    """Words, or a sixth of the characters where a script writes no spaces between words."""
    spaces = part.count(" ")
    return spaces + 1 if part.isascii() else max(spaces + 1, len(part) // 6)


def _prose(lines: Sequence[str], blank_before: Sequence[bool]) -> list[bool]:
    """Which lines are sentences, or the beginning of one that goes on in the next line."""
    found = []
    for index, line in enumerate(lines):
        n_words = _n_words(line)
        ends = n_words >= _SHORTEST_SENTENCE and line.endswith(_SENTENCE_ENDS)
        goes_on = (
            len(line) >= _WRAPPED
            and index + 1 < len(lines)
            and not blank_before[index + 1]
            and lines[index + 1][0].islower()
        )
        found.append(ends or n_words >= _PROSE_WORDS or goes_on)
    return found


def _with(lines: Sequence[str], phrases: Sequence[str], also: re.Pattern[str] | None = None) -> int:
    """Lines with one of the phrases, and with ``also``."""
    lowered = "\n".join(lines).lower()
    if not any(phrase in lowered for phrase in phrases):
        return 0
    return sum(
        any(phrase in line for phrase in phrases) and (also is None or bool(also.search(line)))
        for line in lowered.split("\n")
    )


def _menu_lines(lines: Sequence[str], blank_before: Sequence[bool]) -> int:
    """Lines in runs of short lines of words: navigation, tag lists, link lists."""
    total = run = 0
    for line, blank in zip(lines, blank_before, strict=True):
        entry = _is_entry(line)
        if blank or not entry:
            total += run if run >= _MENU_LINES else 0
            run = 0
        run += entry
    return total + (run if run >= _MENU_LINES else 0)


def _is_entry(line: str) -> bool:
    if len(line) > _SHORT_LINE or _NOT_AN_ENTRY.search(line):
        return False
    letters = sum(map(str.isalpha, line))
    return letters >= 0.6 * (len(line) - line.count(" "))
