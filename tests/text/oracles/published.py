"""The measures of the published rules in plain Python, text by text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tests.text.oracles.published_words import split_words
from webscale_dagster.text.kernels import published_characters as kinds

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
CITATION = re.compile(r"\[[0-9]*\]|\[edit\]|\[citation needed\]")
_LOWERED = str.maketrans({chr(code): chr(code + 32) for code in range(0x41, 0x5B)})


def measures(text: str, *, c4_words: int = 5, c4_apostrophe: bool = False) -> dict[str, float]:
    """Every rule's measure; a rule that has nothing to measure is left out."""
    words = [text[start:end] for start, end in split_words(text)]
    return {
        **_quality(text, words),
        **_repetition(text, words),
        **_c4(text, c4_words, c4_apostrophe),
        **_fineweb(text, words),
    }


def has(char: str, flags: int) -> bool:
    """Whether a character has any of the flags."""
    return bool(kinds.classes()[ord(char)] & flags)


def _quality(text: str, words: Sequence[str]) -> dict[str, float]:
    counted = [word for word in words if not all(has(char, kinds.SYMBOL) for char in word)]
    found: dict[str, float] = {"gopher_min_words": len(counted), "gopher_max_words": len(counted)}
    if counted:
        length = sum(map(len, counted)) / len(counted)
        found |= {"gopher_short_words": length, "gopher_long_words": length}
    lines = text.splitlines()
    if lines:
        bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
        ellipses = sum(line.rstrip().endswith(("...", "…")) for line in lines)
        found |= {"gopher_bullets": bullets / len(lines), "gopher_ellipses": ellipses / len(lines)}
    if words:
        dots = text.count("...") + text.count("…")
        alphabetic = sum(any(map(str.isalpha, word)) for word in words)
        found |= {
            "gopher_hashes": text.count("#") / len(words),
            "gopher_ellipsis_symbols": dots / len(words),
            "gopher_alphabetic": alphabetic / len(words),
        }
    return found | {"gopher_stop_words": len(STOP_WORDS & set(words))}


def _repetition(text: str, words: Sequence[str]) -> dict[str, float]:
    if not text:
        return {}
    lines, paragraphs = re.split(r"\n+", text), re.split(r"\n{2,}", text.strip())
    found: dict[str, float] = {}
    for name, parts in (("line", lines), ("paragraph", paragraphs if words else [])):
        again, characters = _seen_before(parts)
        if parts:
            found[f"gopher_duplicate_{name}s"] = again / len(parts)
        found[f"gopher_duplicate_{name}_characters"] = characters / len(text)
    for n in range(2, 11):
        grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        name = f"gopher_top_{n}gram" if n < 5 else f"gopher_duplicate_{n}grams"
        characters = _commonest(grams) if n < 5 else _repeated(grams, n)
        found[name] = characters / len(text)
    return found


def _seen_before(parts: Sequence[str]) -> tuple[int, int]:
    again = [part for place, part in enumerate(parts) if part in parts[:place]]
    return len(again), sum(map(len, again))


def _commonest(grams: Sequence[tuple[str, ...]]) -> int:
    if not grams:
        return 0
    gram, times = Counter(grams).most_common(1)[0]
    return len(" ".join(gram)) * times


def _repeated(grams: Sequence[tuple[str, ...]], n: int) -> int:
    seen, characters, at = set(), 0, 0
    while at < len(grams):
        if grams[at] in seen:
            characters += len("".join(grams[at]))
            at += n
        else:
            seen.add(grams[at])
            at += 1
    return characters


def _c4(text: str, least: int, apostrophe: bool) -> dict[str, float]:
    ends = (".", "?", "!", '"', *("'" if apostrophe else ""))
    found = Counter({"c4_lorem_ipsum": 0, "c4_curly_brackets": 0, "c4_sentences": 0})
    for raw in text.splitlines():
        chunks = raw.split()
        line = CITATION.sub("", raw.strip())
        if len(chunks) < least or max(map(len, chunks)) > 1000:
            continue
        if not line.endswith(ends) or line.endswith("..."):
            continue
        small = line.translate(_LOWERED)
        script = "javascript" in small
        found["c4_lorem_ipsum"] += "lorem ipsum" in small
        found["c4_curly_brackets"] += "{" in line and not script
        if not script and not any(phrase in small for phrase in POLICY):
            found["c4_sentences"] += _sentences(line)
    return dict(found)


def _sentences(line: str) -> int:
    spans = split_words(line)
    count, ended = 1, False
    for before, (start, end) in pairwise([(0, 0), *spans]):
        word = line[start:end]
        mark = len(word) == 1 and has(word, kinds.TERMINAL)
        gap = line[before[1] : start]
        if ended and gap not in ("", " "):
            count, ended = count + 1, False
        if ended and not mark and not all(has(char, kinds.PUNCTUATION) for char in word):
            count, ended = count + 1, False
        ended = ended or mark
    return count


def _fineweb(text: str, words: Sequence[str]) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    found = {"fineweb_line_punctuation": 0.0}
    if characters := len(text.replace("\n", "")):
        found["fineweb_duplicate_line_characters"] = _seen_before(lines)[1] / characters
    if lines:
        found |= {
            "fineweb_line_punctuation": np.mean([has(line[-1], kinds.TERMINAL) for line in lines]),
            "fineweb_short_lines": np.mean([len(line) <= 30 for line in lines]),
            "fineweb_newlines": text.count("\n") / len(words),
        }
    return found
