"""Intervals and p values by the bootstrap, for one arm and for the difference of two.

Makes numbers of arrays: seeds x items, or items alone. Reads and writes nothing; numpy only.

A mean over seeds and items errs in two ways, which are resampled apart and added up:

    items   which questions were asked: drawn anew from the items' means over the seeds
    seeds   which runs were trained: drawn anew from the seeds' distances to the mean

The items of all seeds are the same questions, so a draw of items holds for all seeds (the crossed
bootstrap of Owen, Annals of Applied Statistics 1, 2007). A bootstrap of three seeds shows too
little of their spread: drawn distances are stretched by sqrt(S / (S - 1)) and by a factor as in
Student's t with S - 1 degrees of freedom. In simulated experiments with three seeds 95 % intervals
so covered the truth in 95 % (seeds differ much) to 99.7 % (not at all); without, in 79 % to 99 %.
Three seeds that hardly differ therefore prove less than their number suggests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.ArrayLike  # of shape (items,) or (seeds, items); NaN where there is no value
Floats = npt.NDArray[np.float64]
_DRAWN = 4_000_000  # items drawn at a time; bounds memory


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; ``n`` items and ``seeds`` seeds decided it."""

    value: float
    low: float
    high: float
    n: int
    seeds: int


@dataclass(frozen=True)
class Difference:
    """Mean of arm ``a`` minus mean of arm ``b``, over the ``n`` items that both have in all seeds.

    ``p`` is two-sided: how often resampling moves the difference by at least as much as it is away
    from 0.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    seeds: int


def bootstrap(
    values: Values, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The mean's percentile interval: over items, and over seeds where there are several.

    An item without a value in every seed is left out. Raises ValueError where no item is left, or
    the array has no one or two dimensions.
    """
    table = _complete(_table(values))
    drawn = _drawn(table, resamples, seed)
    low, high = _percentiles(drawn, confidence)
    return Interval(float(table.mean()), low, high, table.shape[1], table.shape[0])


def paired(
    a: Values, b: Values, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Difference:
    """What arm ``a`` gains over arm ``b``; row ``i`` of both is a seed, column ``j`` an item.

    Pairing by item and seed takes out what both arms share: that questions differ in difficulty.
    Raises ValueError for shapes that differ.
    """
    of_a, of_b = _table(a), _table(b)
    if of_a.shape != of_b.shape:
        raise ValueError(
            f"arms of shape {of_a.shape} and {of_b.shape}: pairs need the same seeds and items"
        )
    table = _complete(of_a - of_b)
    value = float(table.mean())
    drawn = _drawn(table, resamples, seed)
    low, high = _percentiles(drawn, confidence)
    p = _p_value(drawn, value)
    return Difference(value, low, high, p, table.shape[1], table.shape[0])


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values of several comparisons, in the order given.

    Holm, Scandinavian Journal of Statistics 6, 1979: comparing them with 0.05 keeps the chance of
    any false finding below it.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    ranked = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for rank, at in enumerate(ranked):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def _table(values: Values) -> Floats:
    table = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if table.ndim != 2:
        raise ValueError(f"values of {table.ndim} dimensions: wanted items, or seeds x items")
    return table


def _complete(table: Floats) -> Floats:
    kept = table[:, ~np.isnan(table).any(axis=0)]
    if not kept.size:
        raise ValueError("no item has a value in every seed")
    return kept


def _drawn(table: Floats, resamples: int, seed: int) -> Floats:
    """Means of resampled experiments."""
    rng = np.random.default_rng(seed)
    seeds, mean = table.shape[0], table.mean()
    drawn = _means_of_items(table.mean(axis=0), resamples, rng)
    if seeds > 1:
        distances = (table.mean(axis=1) - mean) * np.sqrt(seeds / (seeds - 1))
        chosen = distances[rng.integers(seeds, size=(resamples, seeds))].mean(axis=1)
        drawn += chosen * np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, size=resamples))
    return drawn


def _means_of_items(items: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    at_once = max(1, _DRAWN // items.size)
    parts = []
    for start in range(0, resamples, at_once):
        size = (min(at_once, resamples - start), items.size)
        parts.append(items[rng.integers(items.size, size=size)].mean(axis=1))
    return np.concatenate(parts)


def _percentiles(drawn: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _p_value(drawn: Floats, value: float) -> float:
    """With the observed one among the resampled: no p value is 0 (Davison and Hinkley, 1997)."""
    tolerance = 1e-12  # sums of the same numbers in another order
    as_far = np.abs(drawn - value) >= abs(value) - tolerance
    return float((as_far.sum() + 1) / (drawn.size + 1))
