"""Sample sizes, intervals and agreement: functions of plain numbers. Reads and writes nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from statistics import NormalDist


def z_of(confidence: float) -> float:
    """The normal quantile of a two-sided interval, 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def sample_size(population: int, confidence: float, margin: float) -> int:
    """Rows to draw so that a share is known within ``margin``, whatever the share is.

    Worst case p = 0.5 with the finite population correction (Cochran, Sampling Techniques, 1977,
    section 4.4).
    """
    if population == 0:
        return 0
    infinite = (z_of(confidence) / (2 * margin)) ** 2
    return min(math.ceil(infinite / (1 + (infinite - 1) / population)), population)


def margin_of(n: int, population: int, confidence: float) -> float:
    """The margin that ``n`` rows give: ``sample_size`` solved for it."""
    if n >= population:
        return 0.0
    correction = (population - n) / (population - 1)
    return z_of(confidence) / 2 * math.sqrt(correction / n)


def effective_n(weights: Sequence[float]) -> float:
    """How many equally weighted rows tell as much (Kish, Survey Sampling, 1965)."""
    return sum(weights) ** 2 / sum(weight * weight for weight in weights)


def wilson(rate: float, n: float, confidence: float) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927); ``n`` may be an effective number.

    This form with the effective n is recommended for shares from weighted samples by Franco,
    Little, Louis and Slud (Journal of Survey Statistics and Methodology 7, 2019).
    """
    z2 = z_of(confidence) ** 2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def agreement(items: Sequence[Sequence[str]]) -> float | None:
    """Mean over items of the share of pairs of raters who agree; items of one rater say nothing."""
    shares = [_agreeing(answers) for answers in items if len(answers) > 1]
    return sum(shares) / len(shares) if shares else None


def _agreeing(answers: Sequence[str]) -> float:
    n = len(answers)
    return sum(k * (k - 1) for k in Counter(answers).values()) / (n * (n - 1))


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two raters beyond chance (Cohen 1960); None where chance alone gives 1."""
    if not pairs:
        return None
    observed = sum(a == b for a, b in pairs) / len(pairs)
    first, second = (Counter(side) for side in zip(*pairs, strict=True))
    by_chance = sum(first[answer] * second[answer] for answer in first) / len(pairs) ** 2
    return _beyond_chance(observed, by_chance)


def fleiss_kappa(items: Sequence[Sequence[str]]) -> float | None:
    """Agreement of many raters beyond chance (Fleiss 1971); None where chance alone gives 1.

    Items may have unequal numbers of raters, as in Gwet (Handbook of Inter-Rater Reliability, 2014,
    chapter 2): each counts once, with the shares of its own raters. Items of one are left out.
    """
    rated = [answers for answers in items if len(answers) > 1]
    observed = agreement(rated)
    if observed is None:
        return None
    answers = set(chain.from_iterable(rated))
    shares = [sum(a.count(answer) / len(a) for a in rated) / len(rated) for answer in answers]
    return _beyond_chance(observed, sum(share * share for share in shares))


def _beyond_chance(observed: float, by_chance: float) -> float | None:
    return None if math.isclose(by_chance, 1.0) else (observed - by_chance) / (1 - by_chance)
