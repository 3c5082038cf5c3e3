r"""Finds the final answer in a completion.

    <think>Is it Lyon? No.</think> The capital is Paris.        reasoning is cut off, then the
    Answer: **Paris**. It lies on the Seine.                     last statement of an answer counts
            ^^^^^

Statements are ``\boxed{}``, ``<answer>`` and "answer is"/"Answer:"; without one the last line
counts. Only that one span is judged. It is read in a few ways, each a part of the one before
(whole, first sentence, without its reason, what is bold in it), so naming many answers never pays.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from webscale_dagster.verifiers.outcome import ParseError

MAX_CHARS = 20_000  # of a completion, from its end: the answer comes last
MAX_ANSWER_CHARS = 2_000

_REASONING = re.compile(r"</(?:think|thinking|thought|reasoning)>|<\|channel\|>final<\|message\|>")
_OPENED = re.compile(r"<(?:think|thinking|thought|reasoning)>|<\|channel\|>analysis<\|message\|>")
_MARKER = re.compile(
    r"\b(?:answer|correct (?:option|choice))(?: to [^.\n:]{1,80}?)?"
    r"(?:\s{1,4}(?:is|was|would be)\b|\s{0,4}[:：=])\s{0,3}:?"
    r"|^####(?= ?[-$\d])",  # GSM8K's mark
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<answer>", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,2}[.)]\s+)")
_SOLE_BULLET = re.compile(r"^\s*(?:[-*•–]|1[.)])\s+(?!.*\s2[.)])")
_BOLD = re.compile(r"(?:\*\*|__)([^*_\n]{1,300})(?:\*\*|__)")
_SENTENCE_END = re.compile(r"(?<=[\w)%\"'”’])[.!?]\s+(?=[A-Z\"“(])")
_REASON = re.compile(r",?\s+(?:because|since|as (?:it|they|the))\b|,\s+(?:which|who|so|where)\b")
_LEAD_IN = re.compile(
    r"^(?:(?:so|thus|hence|therefore),?\s+)?"
    r"(?:(?:it|this|that|he|she|they|these|those)\s+(?:is|was|are|were)|it's|that's|they're)\s+"
    r"(?:called\s+|named\s+|known as\s+)?",
    re.IGNORECASE,
)
_SHORTENED = (
    "dr mr mrs ms st mt ft jr sr prof capt gen col sgt lt gov sen rep rev hon no nos vol vs inc"
    " ltd co corp bros dept univ approx ca fig jan feb mar apr jun jul aug sep sept oct nov dec"
)
_ABBREVIATIONS = frozenset(_SHORTENED.split())
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"))
_LATEX = (
    (re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf|mbox|operatorname)\s?\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s?\{([^{}]*)\}\s?\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\^\{?\\circ\}?|\\degree"), "°"),
    (re.compile(r"\^\{([^{}]*)\}"), r"^\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\times"), "×"),
    (re.compile(r"\\cdot"), "·"),
    (re.compile(r"\\(?:approx|sim)"), "≈"),
    (re.compile(r"\\[,;:! ]|~|\\q?quad"), " "),
    (re.compile(r"\\([%$&#_])"), r"\1"),
    (re.compile(r"\\[()\[\]]"), ""),
)


def readings(completion: str) -> tuple[str, ...]:
    """The final answer of a completion, read in a few ways; the plainest first."""
    span = _final_span(_after_reasoning(completion))
    if len(span) > MAX_ANSWER_CHARS:
        raise ParseError(f"{len(span)} characters are too long for an answer")
    found = [cleaned for cleaned in map(clean, _ways(span)) if cleaned]
    if not found:
        raise ParseError("no answer in the completion")
    return tuple(dict.fromkeys(found))


def clean(answer: str) -> str:
    """An answer without markdown, LaTeX wrapping, quotes around it and its final stop."""
    text = answer.strip()
    if len(text) > 2 and text.startswith("$") and text.endswith("$"):
        text = text.strip("$")
    if "\\" in text or "{" in text:
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    text = re.sub(r"\*\*|__|`", "", text).strip()
    text = text.strip("*").strip()
    while text and text[-1] in ".;,!":
        text = text[:-1].rstrip()
    for opening, closing in _QUOTES:
        if len(text) > 2 and text[0] == opening and text[-1] == closing:
            text = text[1:-1]
            if opening not in text:
                break
    return text.strip().rstrip(".")


def _after_reasoning(completion: str) -> str:
    end = 0
    for match in _REASONING.finditer(completion):
        end = match.end()
    if _OPENED.search(completion, end):
        raise ParseError("the reasoning was never closed, so there is no answer after it")
    text = completion[max(end, len(completion) - MAX_CHARS) :]
    text = re.sub(r"<\|[a-z_]{1,30}\|>", "", text)
    return re.sub(r"[^\S\n]+", " ", text.replace("\r\n", "\n"))


def _final_span(text: str) -> str:
    """The last statement of an answer: boxed, tagged or introduced; else the last lines."""
    statements = [span for span in (_boxed(text), _tagged(text), _introduced(text)) if span]
    if statements:
        return max(statements)[1]
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise ParseError("the completion is empty")
    block = len(lines)
    while block > 0 and _BULLET.match(lines[block - 1]):
        block -= 1
    return "\n".join(lines[min(block, len(lines) - 1) :])


def _boxed(text: str) -> tuple[int, str] | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for at in range(start + 6, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return start, text[start + 7 : at]
    return None


def _tagged(text: str) -> tuple[int, str] | None:
    last = _last(_TAG, text)
    if last is None:
        return None
    end = text.lower().find("</answer>", last.end())
    return (last.start(), text[last.end() : end]) if end >= 0 else None


def _introduced(text: str) -> tuple[int, str] | None:
    last = _last(_MARKER, text.replace("**", "  ").replace("__", "  "))
    if last is None:
        return None
    line, _, rest = text[last.end() :].partition("\n")
    if line.strip(" *_") and not line.rstrip(" *_").endswith(":"):
        return last.start(), line
    block = rest.lstrip("\n").split("\n\n")[0]
    return last.start(), block if block.strip() else line


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return deque(pattern.finditer(text), maxlen=1).pop() if pattern.search(text) else None


def _ways(span: str) -> Iterator[str]:
    if "\n" not in span:
        span = _SOLE_BULLET.sub("", span)
    yield span
    first = _first_sentence(span)
    yield first
    bare = _REASON.split(first, maxsplit=1)[0]
    yield bare
    yield _LEAD_IN.sub("", bare)
    bold = _BOLD.findall(bare)
    if len(bold) == 1 and not bold[0].rstrip().endswith(":"):
        yield bold[0]


def _first_sentence(span: str) -> str:
    for match in _SENTENCE_END.finditer(span):
        before = span[: match.start()]
        word = re.split(r"[\s.]", before)[-1].strip("(\"'“")
        is_initial = len(word) == 1 and word.isalpha()
        is_enumerator = before.strip() == "1" and " 2." in span
        if not (word.lower() in _ABBREVIATIONS or is_initial or is_enumerator):
            return before
    return span
