"""The answer types ``list`` (in any order) and ``ordered_list``.

A list is written as lines, bullets, a JSON array, or with ``;`` or ``,`` and a last "and". Items
are compared as short phrases; write ``;`` between items that contain commas or "and".
"""

from __future__ import annotations

import json
import re

from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.phrases import digits_for_words, tokens, without_articles

_MOST_ITEMS = 100
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,3}[.)]\s+|\(?[a-z]\)\s+)", re.MULTILINE)
_INLINE_NUMBER = re.compile(r"(?:^|[\s,;])\(?\d{1,2}[.)]\s+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

Items = tuple[str, ...]


def parse(text: str, options: Options) -> Items:
    """The items, each as its words."""
    del options
    items = tuple(filter(None, (_normal(item) for item in _split(text))))
    if not items:
        raise ParseError("an empty list")
    if len(items) > _MOST_ITEMS:
        raise ParseError(f"{len(items)} items are too many")
    return items


def differs(answer: Items, truth: Items, options: Options) -> str | None:
    """Two lists differ when one has an item that the other lacks."""
    del options
    missing, surplus = set(truth) - set(answer), set(answer) - set(truth)
    if missing or surplus:
        named = [f"without {item!r}" for item in sorted(missing)[:3]]
        return ", ".join(named + [f"with {item!r}" for item in sorted(surplus)[:3]])
    return None


def differs_in_order(answer: Items, truth: Items, options: Options) -> str | None:
    """Two ordered lists differ in their items, or in the items' order."""
    reason = differs(answer, truth, options)
    if reason is None and answer != truth:
        return f"the right items in another order: {'; '.join(answer)[:200]}"
    return reason


def _split(text: str) -> list[str]:
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            loaded = json.loads(stripped)
            return [str(item) for item in loaded]
        except (ValueError, TypeError, RecursionError):
            stripped = stripped.strip("[]")
    lines = [_BULLET.sub("", line) for line in stripped.split("\n") if line.strip()]
    if len(lines) > 1:
        return lines
    line = stripped
    if len(_INLINE_NUMBER.findall(line)) > 1:
        return [part.strip(" ,;") for part in _INLINE_NUMBER.split(line)]
    if ";" in line:
        return [re.sub(r"^\s*and\s+", "", part) for part in line.split(";")]
    parts = _THOUSANDS.sub("", line).split(",")
    return [*parts[:-1], *re.split(r"(?:^|\s)(?:and|&)\s", parts[-1])]


def _normal(item: str) -> str:
    return " ".join(digits_for_words(without_articles(tokens(item))))
