"""A document's domain by the words it uses.

Reads the vocabularies of the domains (``domains/<slug>.toml``); writes nothing. A domain scores a
point for each different word of its vocabulary that the document uses, and a little for each
repetition, weighed down for words that several domains list.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_TOKEN = re.compile(r"[a-z][a-z0-9+#'’-]*")
_SCANNED = 8_000  # characters: the opening says what a document is about
MIN_SCORE = 2.0  # below it nothing was recognised
FALLBACK = "other"


def _field(domain: Any, name: str) -> Any:
    return domain[name] if isinstance(domain, Mapping) else getattr(domain, name)


@functools.lru_cache(maxsize=8)
def _index(
    vocabularies: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[dict[str, list[str]], dict[str, float], int]:
    """Phrase -> domains that list it, phrase -> weight, longest phrase in words."""
    owners: dict[str, list[str]] = {}
    for slug, vocabulary in vocabularies:
        for phrase in dict.fromkeys(vocabulary):
            owners.setdefault(phrase, []).append(slug)
    # a phrase of several words is rarer and says more
    weights = {p: (1 + 0.5 * p.count(" ")) / len(slugs) for p, slugs in owners.items()}
    return owners, weights, max((p.count(" ") + 1 for p in owners), default=1)


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def domain_scores(text: str, title: str | None, domains: Sequence[Any]) -> dict[str, float]:
    """Score of each domain whose words occur; the title counts three times."""
    listed = tuple((str(_field(d, "slug")), tuple(_field(d, "vocabulary"))) for d in domains)
    owners, weights, longest = _index(listed)
    opening = f"{title or ''} {title or ''} {title or ''} {text[:_SCANNED]}".lower()
    tokens = _TOKEN.findall(opening)
    counts: Counter[str] = Counter()
    for size in range(1, longest + 1):
        for start in range(len(tokens) - size + 1):
            phrase = " ".join(tokens[start : start + size])
            if phrase in owners:
                counts[phrase] += 1
            elif (single := _singular(phrase)) in owners:
                counts[single] += 1
    scores: dict[str, float] = {}
    for phrase, times in counts.items():
        for slug in owners[phrase]:
            scores[slug] = scores.get(slug, 0.0) + weights[phrase] * (1 + math.log(times))
    return scores


def classify(text: str, title: str | None, domains: Sequence[Any]) -> str:
    """The slug of the best domain; ``other`` where nothing is recognised."""
    scores = domain_scores(text, title, domains)
    slugs = [str(_field(domain, "slug")) for domain in domains]
    best = max(slugs, key=lambda slug: (scores.get(slug, 0.0), slug == FALLBACK))
    if scores.get(best, 0.0) < MIN_SCORE and FALLBACK in slugs:
        return FALLBACK
    return best
