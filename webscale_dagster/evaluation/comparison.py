"""Arms compared: score against tokens, differences with intervals, and the ratio at equal score.

    score
      |        o  sft_grpo            An arm's curve begins at the warm-up (arm sft, no further
      |     o.....x..... s*           tokens) and goes through its milestones to its end. At the
      |   /    .  |  o cpt_sft        highest score s* that both reach, the tokens that each needs
      |  o .      |                   there make the ratio. An arm that never rises above the
      |  sft      |                   warm-up has no ratio: that is said, not worked around.
      +---------------------- tokens

Reads and writes nothing; makes numbers of points (arm, seed, share of the budget, item, value).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from webscale_dagster.evaluation.statistics import Difference, holm, paired

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
START = "sft"  # what all arms with a budget start from
ACCOUNTS = ("source_tokens", "training_tokens", "generated_tokens")


@dataclass(frozen=True)
class Curve:
    """An arm's values at shares of its budget: ``values[i]`` is seeds x items at ``shares[i]``."""

    arm: str
    shares: tuple[float, ...]
    values: tuple[Floats, ...]
    tokens: Mapping[str, float]  # by account, after the warm-up, at share 1


@dataclass(frozen=True)
class Ratio:
    """Tokens of arm ``of`` over those of arm ``to`` at the highest score both reach.

    ``value`` is None where one of them never rises above the start. The interval is over seeds and
    items; ``without`` is the share of its draws that have no ratio.
    """

    account: str
    of: str
    to: str
    value: float | None
    low: float | None
    high: float | None
    without: float


def differences(
    tables: Mapping[str, Floats],
    pairs: Sequence[tuple[str, str]],
    resamples: int,
    confidence: float,
) -> dict[tuple[str, str], tuple[Difference, float]]:
    """Paired differences of arms (first minus second) with Holm's adjusted p value."""
    found = {
        (a, b): paired(tables[a], tables[b], resamples=resamples, confidence=confidence)
        for a, b in pairs
    }
    adjusted = holm([difference.p for difference in found.values()])
    return {pair: (found[pair], p) for pair, p in zip(found, adjusted, strict=True)}


def ratio(
    of: Curve, to: Curve, start: Floats, account: str, resamples: int, confidence: float
) -> Ratio:
    """The ratio with a percentile interval; seeds and items are drawn together for both arms."""
    drawn = []
    rng = np.random.default_rng(0)
    seeds, items = start.shape
    for _ in range(resamples):
        rows = rng.integers(0, seeds, seeds, dtype=np.int64)
        columns = rng.integers(0, items, items, dtype=np.int64)
        drawn.append(_ratio(of, to, start, account, np.atleast_1d(rows), np.atleast_1d(columns)))
    known = sorted(value for value in drawn if value is not None)
    value = _ratio(of, to, start, account, np.arange(seeds), np.arange(items))
    without = 1 - len(known) / len(drawn)
    low = high = None
    if value is not None and known:
        tail = (1 - confidence) / 2
        low, high = (float(v) for v in np.quantile(known, [tail, 1 - tail]))
    return Ratio(account, of.arm, to.arm, value, low, high, without)


def _ratio(
    of: Curve, to: Curve, start: Floats, account: str, rows: Places, columns: Places
) -> float | None:
    begin = _mean(start, rows, columns)
    of_scores = _rising(of, begin, rows, columns)
    to_scores = _rising(to, begin, rows, columns)
    target = min(of_scores[-1], to_scores[-1])
    if target <= begin or not of.tokens[account] or not to.tokens[account]:
        return None
    of_tokens = _share_at(of, of_scores, target) * of.tokens[account]
    to_tokens = _share_at(to, to_scores, target) * to.tokens[account]
    return float(of_tokens / to_tokens) if to_tokens else None


def _mean(values: Floats, rows: Places, columns: Places) -> float:
    return float(np.nanmean(values[np.ix_(rows, columns)]))


def _rising(curve: Curve, begin: float, rows: Places, columns: Places) -> Floats:
    """Best score so far at share 0 and each milestone."""
    scores = [begin, *(_mean(values, rows, columns) for values in curve.values)]
    return np.maximum.accumulate(np.asarray(scores))


def _share_at(curve: Curve, scores: Floats, target: float) -> float:
    """The share of the budget at which the score is reached, between milestones by a line."""
    shares = (0.0, *curve.shares)
    at = int(np.argmax(scores >= target))
    if at == 0:
        return 0.0
    rise = scores[at] - scores[at - 1]
    part = (target - scores[at - 1]) / rise if rise else 1.0
    return float(shares[at - 1] + part * (shares[at] - shares[at - 1]))


def verdict(found: tuple[Difference, float] | None, a: str, b: str, *, confidence: float) -> str:
    """A plain sentence: whether the data supports that arm ``a`` beats arm ``b``."""
    if found is None:
        return f"Nothing can be said of {a} against {b}: one of them was not evaluated."
    difference, p = found
    seen = (
        f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}], "
        f"p {p:.3g} after Holm, {difference.n} questions, {difference.seeds} seeds"
    )
    if difference.seeds < 3:
        return f"No claim about {a} against {b} from {difference.seeds} seed(s): {seen}."
    if p >= 1 - confidence or difference.low <= 0 <= difference.high:
        return f"The data does not support an advantage of {a} over {b}, nor the reverse: {seen}."
    if difference.value > 0:
        return f"The data supports an advantage of {a} over {b} on these questions: {seen}."
    return f"The data speaks against an advantage of {a} over {b}: {b} is better: {seen}."
