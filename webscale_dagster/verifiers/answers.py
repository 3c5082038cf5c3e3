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

_REASONING = re.compile(
    r"</\s?(?:think|thinking|thought|reasoning)\s?>|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
_OPENED = re.compile(
    r"<\s?(?:think|thinking|thought|reasoning)\s?>|<\|channel\|>analysis<\|message\|>",
    re.IGNORECASE,
)
# What a reader does not see, or sees struck out.
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|~~[^~\n]{1,300}~~|<(del|s|strike)>.{0,300}?</\1>|\[//\]: # \([^\n]*"
    r"|\\[hv]?phantom\s?\{[^{}]*\}",
    re.DOTALL | re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"(?:[.!?;:]\s+|\n\W{0,9})(?:wait\b|no,\s+(?:wait|sorry|it|that|this|the|not|actually|rather|i)\b"
    r"|correction\b|scratch that\b|hold on\b|sorry[,:]"
    r"|on second thoughts?\b|actually,? (?:no|it|that)\b"
    r"|(?:that|this)(?:['’]s| is| was) (?:not (?:right|correct)|wrong|incorrect)\b)",
    re.IGNORECASE,
)
_OFFERS_ANOTHER = re.compile(
    r"[.!?;]\s+(?:or\b(?! else)|alternatively\b)|,? (?:which|but that|but it|but this)"
    r" (?:is|was) (?:wrong|incorrect|false|not (?:right|correct|true|the answer))\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\b(?:how|what|which|who|whom|whose|when|where|why)\b.*\?\W*\Z", re.DOTALL | re.IGNORECASE
)
_DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|instead of|(?:rather|other) than|anything but|except)\b|n['’]t\b",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"\b(?:answer|correct (?:option|choice))(?: to [^.\n:]{1,80}?)?"
    r"(?:\s{1,4}(?:is|was|would be)\b|\s{0,4}[:：=])[^\S\n]{0,3}:?"
    r"|^####(?= ?[-$\d])",  # GSM8K's mark
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<answer>", re.IGNORECASE)
_BRACE = re.compile(r"\\boxed\{|[{}]")
_JOINER = re.compile(r"[\s$]*[,;]?\s*(?:\\text\{\s*)?(and|or|(?<=[,;])|(?<=[,;]\s))\s*\}?[\s$]*")
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,2}[.)]\s+)")
_SOLE_BULLET = re.compile(r"^\s*(?:[-*•–]|1[.)])\s+(?!.*\s2[.)])")
_RAW_BULLET = re.compile(r"^\s*(?:[*•–]\s+|-\s+(?=\$|\\[(\[]))")  # - x is minus x
_BOLD = re.compile(r"(?:\*\*|__)([^*_\n]{1,300})(?:\*\*|__)")
_SENTENCE_END = re.compile(r"(?<=[\w)%\"'”’$}\]])[.!?]\s+(?=[A-Z\"“(])")
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
ABBREVIATIONS = frozenset(_SHORTENED.split())
_NEXT_BOLD = re.compile(r"(?<=\S)\*\*\s+(?=\*\*\S)")  # **one** **another**
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


def readings(completion: str, *, raw: bool = False) -> tuple[str, ...]:
    """The final answer of a completion, read in a few ways; the plainest first.

    ``raw`` keeps its LaTeX, where ``clean`` would make plain text of it.
    """
    span = _final_span(_after_reasoning(completion))
    if _TAKEN_BACK.search(span) or _OFFERS_ANOTHER.search(span):
        raise ParseError("the answer is taken back, or another one is offered")
    if "\u202e" in span:
        raise ParseError("its characters are shown in another order")
    if len(span) > MAX_ANSWER_CHARS:
        raise ParseError(f"{len(span)} characters are too long for an answer")
    tidy, bullet = (unwrapped, _RAW_BULLET) if raw else (clean, _SOLE_BULLET)
    found = [cleaned for cleaned in map(tidy, dict.fromkeys(_ways(span, bullet))) if cleaned]
    if not found:
        raise ParseError("no answer in the completion")
    return tuple(dict.fromkeys(found))


def asks_back(answer: str) -> bool:
    """Whether an answer is a question, most often the one that was asked."""
    return "?" in answer and _QUESTION.search(answer) is not None


def clean(answer: str) -> str:
    """An answer without markdown, LaTeX wrapping, quotes around it and its final stop."""
    text = answer.strip()
    if len(text) > 2 and text.startswith("$") and text.endswith("$"):
        text = text.strip("$")
    if "\\" in text or "{" in text:
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    if "**" in text:
        text = _NEXT_BOLD.sub("; ", text)
    text = re.sub(r"\*\*|__|`", "", text).strip()
    text = text.strip("*").strip()
    while text and text[-1] in ".;,!":
        text = text[:-1].rstrip()
    return _unquoted(text)


def unwrapped(answer: str) -> str:
    """An answer without markdown and quotes around it and its final stop, but with its LaTeX."""
    return _unquoted(answer.lstrip("*_` \n").rstrip("*_`.,; \n"))


def _unquoted(text: str) -> str:
    for opening, closing in _QUOTES:
        if len(text) > 2 and text[0] == opening and text[-1] == closing:
            text = text[1:-1]
            if opening not in text:
                break
    return text.strip().rstrip(".")


_END_OF_TURN = re.compile(r"(?:<\|[a-z_]{1,30}\|>\s*)+\Z")


def response_text(completion: str) -> str:
    """All that follows the reasoning, without the tokens that end a turn."""
    return _END_OF_TURN.sub("", after_reasoning(completion))


def after_reasoning(completion: str) -> str:
    """What follows the reasoning of a completion; raises ``ParseError`` where it never ends."""
    end = 0
    for match in _REASONING.finditer(completion):
        end = match.end()
    if _OPENED.search(completion, end):
        raise ParseError("the reasoning was never closed, so there is no answer after it")
    return completion[end:]


def _after_reasoning(completion: str) -> str:
    text = after_reasoning(completion)[-MAX_CHARS:]
    if "<|" in text:
        text = re.sub(r"<\|[a-z_]{1,30}\|>", "", text)
    if "~~" in text or "<" in text or "[//]" in text or "phantom" in text:
        text = _UNSEEN.sub(" ", text)
    # Runs of white space become one space; the single spaces are left alone, they are the many.
    return re.sub(r"[^\S\n]{2,}|[^\S\n ]", " ", text.replace("\r\n", "\n"))


def _final_span(text: str) -> str:
    """The last statement of an answer: boxed, tagged or introduced; else the last lines."""
    statements = [span for span in (_boxed(text), _tagged(text), _introduced(text)) if span]
    if statements:
        _, end, span = max(statements)
        if _TAKEN_BACK.search(text, end):
            raise ParseError("the answer is taken back after it was given")
        return span
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise ParseError("the completion is empty")
    block = len(lines)
    while block > 0 and _BULLET.match(lines[block - 1]):
        block -= 1
    return "\n".join(lines[min(block, len(lines) - 1) :])


def _boxed(text: str) -> tuple[int, int, str] | None:
    """The box that closes last: of nested ones the outermost, for it holds all that is said.

    Boxes with no more than a comma, "and" or "or" between them are one answer.
    """
    found: list[tuple[int, int, str]] = []
    opened: list[int] = []
    for brace in _BRACE.finditer(text) if "\\boxed{" in text else ():
        if brace[0] != "}":
            opened.append(brace.start() if len(brace[0]) > 1 else -1)
        elif opened and (start := opened.pop()) >= 0:
            # - x is minus x, no bullet
            content = re.sub(r"^\s*-\s+", "-", text[start + 7 : brace.start()])
            found.append((start, brace.end(), content))
    if not found or max(opened, default=-1) >= 0:
        return None
    last, following, said = found[-1][0], found[-1][0], [found[-1][2]]
    for start, end, content in reversed(found[:-1]):
        joiner = _JOINER.fullmatch(text, end, following) if following < end + 40 else None
        if joiner is None:
            break
        if content != said[0]:
            said = [content, " or " if joiner[1] == "or" else ", ", *said]
        following = start
    return last, found[-1][1], "".join(said)


def _tagged(text: str) -> tuple[int, int, str] | None:
    last = _last(_TAG, text)
    if last is None:
        return None
    end = text.lower().find("</answer>", last.end())
    return (last.start(), end, text[last.end() : end]) if end >= 0 else None


def _introduced(text: str) -> tuple[int, int, str] | None:
    last = _last(_MARKER, text.replace("**", "  ").replace("__", "  "))
    if last is None:
        return None
    line, _, rest = text[last.end() :].partition("\n")
    if line.strip(" *_") and not line.rstrip(" *_").endswith(":"):
        return last.start(), last.end() + len(line), line
    block = rest.lstrip("\n").split("\n\n")[0]
    said = block if block.strip() else line
    return last.start(), text.find(said, last.end()) + len(said), said


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = deque(pattern.finditer(text), maxlen=1)
    return found.pop() if found else None


def _ways(span: str, bullet: re.Pattern[str]) -> Iterator[str]:
    if "\n" not in span:
        span = bullet.sub("", span)
    yield span
    first = _first_sentence(span)
    yield first
    bare = _REASON.split(first, maxsplit=1)[0]
    yield bare
    yield _LEAD_IN.sub("", bare)
    bold = _BOLD.findall(bare)
    is_label = len(bold) != 1 or bold[0].rstrip().endswith(":")
    if not (is_label or _DENIAL.search(bare[: bare.index(bold[0])])):
        yield bold[0]


def _first_sentence(span: str) -> str:
    for match in _SENTENCE_END.finditer(span):
        before = span[: match.start()]
        word = re.split(r"[\s.]", before)[-1].strip("(\"'“")
        is_initial = len(word) == 1 and word.isalpha()
        is_enumerator = before.strip() == "1" and " 2." in span
        if not (word.lower() in ABBREVIATIONS or is_initial or is_enumerator):
            return before + ("?" if match[0][0] == "?" else "")
    return span
