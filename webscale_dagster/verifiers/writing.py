r"""Counts and finds what a response is written of: words, sentences, lists, marks.

A word is a run of letters and digits with its inner apostrophes and hyphens (``well-known``). A
sentence ends with ``.``, ``!``, ``?`` or their like before a space, or with its paragraph or list
item. Paragraphs have blank lines between them. Letters are compared without case.
Reads and writes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from webscale_dagster.verifiers.answers import ABBREVIATIONS, response_text
from webscale_dagster.verifiers.outcome import ParseError
from webscale_dagster.verifiers.strict_json import loads

_MOST_CHARS = 200_000

_WORD = re.compile(r"\w+(?:['’‑-]\w+)*")
_BLANK = re.compile(r"\n[ \t]*(?:(?:\*\*\*|---)[ \t]*)?\n")
_DIVIDER = re.compile(r"^[ \t]*(?:\*\*\*+|---+|___+)[ \t]*$", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*+•][ \t]+\S", re.MULTILINE)
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])")
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|$)|[。！？]++[」』”]*")
_HIGHLIGHT = re.compile(r"\*\*[^*\n]+\*\*|(?<![*\w])\*[^*\s][^*\n]*\*(?!\*)")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\](?!\()")
_TITLE = re.compile(r"<<([^<>\n]+)>>")
_FENCE = re.compile(r"\A```\w*\n(.*)\n```\Z", re.DOTALL)
_ABBREVIATED = ABBREVIATIONS - {"no", "nos"}
_QUOTES = ('""', "“”", "«»", "„“", "「」")


def response(completion: str) -> str:
    """What follows the reasoning, with one kind of line end; ``ParseError`` where it is nothing."""
    text = response_text(completion).replace("\r\n", "\n").strip()
    if not text:
        raise ParseError("the response is empty")
    if len(text) > _MOST_CHARS:
        raise ParseError(f"{len(text)} characters are too many for a response")
    return text


def words(text: str) -> int:
    """How many words."""
    return len(_WORD.findall(text))


def sentences(text: str) -> int:
    """How many sentences; a list item or a heading is one too."""
    return sum(_sentences_in(piece) for block in _BLANK.split(text) for piece in _ITEM.split(block))


def paragraphs(text: str) -> int:
    """How many paragraphs."""
    return len(_paragraphs(text))


def lines(text: str) -> int:
    """How many lines with something on them."""
    return sum(1 for line in text.split("\n") if line.strip())


def bullets(text: str) -> int:
    """How many list items with a bullet, not a number."""
    return len(_BULLET.findall(_DIVIDER.sub("", text)))


def highlights(text: str) -> int:
    """How many passages in ``*…*`` or ``**…**``."""
    return len(_HIGHLIGHT.findall(text))


def placeholders(text: str) -> int:
    """How many ``[…]`` that are no links."""
    return len(_PLACEHOLDER.findall(text))


def capital_words(text: str) -> int:
    """How many words in capitals, of two letters or more."""
    return sum(len(word) > 1 and word.isupper() for word in _WORD.findall(text))


def repetition(text: str) -> int:
    """How often the most frequent word occurs."""
    return max(Counter(map(str.casefold, _WORD.findall(text))).values(), default=0)


def occurrences(text: str, keyword: str) -> int:
    """How often a word or phrase occurs, not counting parts of longer words."""
    spaced = r"\s+".join(map(re.escape, keyword.casefold().split()))
    return len(re.findall(rf"(?<!\w){spaced}(?!\w)", text.casefold()))


def letters(text: str, letter: str) -> int:
    """How often a letter occurs."""
    return text.casefold().count(letter.casefold())


def sections(text: str, header: str) -> int:
    """How many lines begin with a header and a number: ``## Part 2``."""
    word = re.escape(header.strip())
    return len(re.findall(rf"^[ \t]*(?:[#*]+[ \t]*)?{word}[ \t]*\d+\b", text, re.MULTILINE | re.I))


def starts_with(text: str, beginning: str) -> bool:
    """Whether it starts with a text."""
    return text.casefold().startswith(beginning.strip().casefold())


def ends_with(text: str, ending: str) -> bool:
    """Whether it ends with a text; marks around it (``**``, quotes) are not looked at."""
    ending = ending.strip().casefold()
    text = text.casefold()
    return text.endswith(ending) or text.rstrip("*_\"'”’» ").endswith(ending)


def paragraph_starts(text: str, paragraph: int, beginning: str) -> bool:
    """Whether a paragraph, counted from 1, starts with a text."""
    found = _paragraphs(text)
    return paragraph <= len(found) and starts_with(found[paragraph - 1].strip(), beginning)


def is_one_of(text: str, texts: Sequence[str]) -> bool:
    """Whether it is one of some texts, apart from its final stop."""
    return text.rstrip(".").casefold() in {one.strip().rstrip(".").casefold() for one in texts}


def has_postscript(text: str, marker: str) -> bool:
    """Whether a line begins with a marker (``P.S.``), and says something after it."""
    found = re.search(rf"^[ \t*_]*{re.escape(marker.strip())}", text, re.MULTILINE | re.IGNORECASE)
    return found is not None and _WORD.search(text, found.end()) is not None


def is_json_with(text: str, keys: Sequence[str]) -> bool:
    """Whether all of it is a JSON object with these keys, perhaps in a code block."""
    fenced = _FENCE.match(text)
    try:
        value = loads(fenced[1] if fenced else text)
    except ParseError:
        return False
    return isinstance(value, dict) and set(keys) <= set(value)


def is_uppercase(text: str) -> bool:
    """Whether it has letters, none of them small."""
    return text.isupper()


def is_lowercase(text: str) -> bool:
    """Whether it has letters, none of them capital."""
    return text.islower()


def has_no_commas(text: str) -> bool:
    """Whether there is no comma, of whatever script."""
    return not set(text) & set(",，、،")


def has_title(text: str) -> bool:
    """Whether there is a title in double angular brackets."""
    return any(title.strip() for title in _TITLE.findall(text))


def is_quoted(text: str) -> bool:
    """Whether all of it stands in quotation marks."""
    return len(text) > 2 and any(text[0] == pair[0] and text[-1] == pair[1] for pair in _QUOTES)


def is_two_responses(text: str) -> bool:
    """Whether six asterisks part it into two different texts."""
    parts = [part.strip() for part in text.split("******")]
    return len(parts) == 2 and all(parts) and parts[0] != parts[1]


def _paragraphs(text: str) -> list[str]:
    return [part for part in _BLANK.split(_DIVIDER.sub("", text)) if part.strip()]


def _sentences_in(text: str) -> int:
    count, start, seen, last = 0, 0, 0, ""
    for end in _SENTENCE_END.finditer(text):
        words_before = _WORD.findall(text[seen : end.start()]) or ([last] if last else [])
        last, seen = words_before[-1] if words_before else "", end.end()
        stop = end[0].startswith(".") and (
            last.casefold() in _ABBREVIATED or (len(last) == 1 and last.isupper())
        )
        if words_before and not stop:
            count, start, last = count + 1, end.end(), ""
    return count + bool(_WORD.search(text, start))
