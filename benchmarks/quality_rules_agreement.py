"""Compares our decisions by the published rules with datatrove's, rule by rule.

Makes rows of tables and lines about single documents; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.published_rules import DATATROVE, GOPHER_QUALITY, RULES, measures
from webscale_dagster.text.rule import C4, FINEWEB, GOPHER

# Where datatrove 0.10.1 differs from the papers.
LIMITS = {"c4_sentences": 5.0, "fineweb_duplicate_line_characters": 0.01}
C4_LINES: dict[str, Any] = {"c4_words": 3, "c4_apostrophe": True}
FILTERS = {
    "gopher quality": (GOPHER_QUALITY,),
    "gopher repetition": (GOPHER,),
    "c4": (C4,),
    "fineweb": (FINEWEB, DATATROVE),
}
ONE_RULE = {"gopher_hashes": ("gopher_hashes", "gopher_ellipsis_symbols")}  # of datatrove's
NEAR = 0.02  # of a limit

Flags = npt.NDArray[np.bool_]


def compare(
    documents: Sequence[tuple[str, str]],
    decisions: Mapping[str, Sequence[bool]],
    n_words: list[int],
) -> tuple[list[list[str]], list[str]]:
    """A row for each filter and rule, and a line for each decision that differs."""
    texts = [text for _, text in documents]
    found = measures(encode(texts), **C4_LINES)
    rejected, near = {}, {}
    for rule in RULES:
        values = found[rule.name]
        limit = LIMITS.get(rule.name, rule.most if rule.least is None else rule.least) or 0.0
        rejected[rule.name] = values < limit if rule.least is not None else values > limit
        near[rule.name] = (np.abs(values - limit) <= NEAR * limit) & (limit > 0)
    rows, lines = [], []
    for name, members in _groups().items():
        ours = np.any([rejected[member] for member in members], axis=0)
        close = np.any([near[member] for member in members], axis=0)
        rows.append(_row(name, ours, np.array(decisions[name], np.bool_), close))
        for place in np.flatnonzero(ours != decisions[name]):
            values_here = ", ".join(f"{found[member][place]:.4f}" for member in members)
            lines.append(
                f"{name}: {documents[place][0]}: "
                f"{'rejected' if ours[place] else 'kept'} by ours"
                + (f", measures {values_here}" if len(members) < 3 else "")
            )
    rows.append(_words_row(texts, n_words))
    return rows, lines


def _groups() -> dict[str, tuple[str, ...]]:
    """Filters, then rules, and the rules that each stands for."""
    groups = {
        name: tuple(rule.name for rule in RULES if rule.source in sources)
        for name, sources in FILTERS.items()
    }
    joined = {member for members in ONE_RULE.values() for member in members[1:]}
    for rule in RULES:
        if rule.name not in joined:
            groups[rule.name] = ONE_RULE.get(rule.name, (rule.name,))
    return groups


def _row(name: str, ours: Flags, theirs: Flags, near: Flags) -> list[str]:
    differs = ours != theirs
    elsewhere = differs & ~near
    return [
        name,
        f"{len(ours):,}",
        f"{ours.sum():,}",
        f"{theirs.sum():,}",
        f"{(~differs).sum():,}",
        f"{(differs & near).sum():,}",
        f"{elsewhere.sum():,}",
        f"{1 - elsewhere.sum() / max((~near).sum(), 1):.2%}",
    ]


def _words_row(texts: Sequence[str], n_words: list[int]) -> list[str]:
    from webscale_dagster.text.kernels import published as kernel

    ours = kernel.count(encode(texts), 3, True)[:, kernel.WORDS]
    same = int((ours == n_words).sum())
    return [
        "number of words",
        f"{len(texts):,}",
        "",
        "",
        f"{same:,}",
        "",
        f"{len(texts) - same:,}",
        f"{same / max(len(texts), 1):.2%}",
    ]
