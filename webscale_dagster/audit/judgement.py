"""What people say of a pair, and shares of pairs with their intervals.

Makes values from a sample and its labels; reads and writes nothing.

Reviewers who disagree: a criterion holds where more than half of those who answered said yes.
A tie is not yes, and neither is `unsure`. All five hold where each does; one that does not settles
it, even if others are unanswered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webscale_dagster.audit.criteria import ALL_FIVE, NAMES
from webscale_dagster.audit.labels import Labels
from webscale_dagster.audit.statistics import effective_n, wilson

FEWEST = 5  # labelled pairs; a share of fewer would say nothing


@dataclass(frozen=True)
class Judged:
    """A pair of the sample with every reviewer's answers to each criterion.

    ``categories`` has an entry a reviewer: what is wrong, or None.
    """

    item: Mapping[str, Any]
    answers: Mapping[str, Sequence[str]]
    categories: Sequence[str | None]

    def holds(self, criterion: str) -> bool | None:
        """Whether people say that a criterion holds; None where they do not say."""
        if criterion == ALL_FIVE:
            each = [self.holds(name) for name in NAMES]
            return False if False in each else None if None in each else True
        answers = self.answers[criterion]
        return 2 * list(answers).count("yes") > len(answers) if answers else None


@dataclass(frozen=True)
class Weighed:
    """A judged pair, whether a criterion holds of it, and how many pairs it stands for."""

    judged: Judged
    holds: bool
    weight: float

    @property
    def counted(self) -> tuple[bool, float]:
        """As ``share`` takes it."""
        return self.holds, self.weight


@dataclass(frozen=True)
class Share:
    """A share of pairs from ``n`` labelled ones; None where they are fewer than ``FEWEST``."""

    n: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None


def judge(sample: Mapping[str, Any], files: Sequence[Labels]) -> list[Judged]:
    """Every pair of the sample with what the reviewers said of it."""
    found = []
    for item in sample["items"]:
        labels = [file.labels[item["qa_id"]] for file in files if item["qa_id"] in file.labels]
        answers = {
            name: [said for label in labels if (said := getattr(label, name)) is not None]
            for name in NAMES
        }
        found.append(Judged(item, answers, [label.category for label in labels]))
    return found


def weigh(judged: Sequence[Judged], criterion: str, strata: Mapping[str, int]) -> list[Weighed]:
    """The pairs that people judged by a criterion, with their weights.

    A stratum's judged pairs stand for all its pairs, so that labels may be incomplete; strata
    without a judged pair are not represented.
    """
    known = [(pair, holds) for pair in judged if (holds := pair.holds(criterion)) is not None]
    counts = Counter(pair.item["stratum"] for pair, _ in known)
    return [
        Weighed(pair, holds, strata[pair.item["stratum"]] / counts[pair.item["stratum"]])
        for pair, holds in known
    ]


def share(rows: Iterable[tuple[bool, float]], confidence: float) -> Share:
    """The share of weighted rows that are true, with Wilson's interval."""
    given = list(rows)
    if len(given) < FEWEST:
        return Share(len(given))
    weights = [weight for _, weight in given]
    rate = sum(weight for true, weight in given if true) / sum(weights)
    return Share(len(given), rate, *wilson(rate, effective_n(weights), confidence))
