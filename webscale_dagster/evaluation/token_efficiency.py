"""The report on token efficiency: every arm's score and cost, differences, ratios, a plain verdict.

Reads the tables evaluation_samples and checkpoints; makes rows, Markdown and a picture's points.
Three accounts of tokens stand side by side, because they differ by orders of magnitude:

    source     of the documents that were learned from, each once: the paper's account
    training   that went through the optimizer, with repetitions and rollouts
    generated  by rollouts, and by models that wrote or judged data

Writing the questions is a cost of the data set; ``webscale status`` counts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from webscale_dagster.evaluation.comparison import (
    ACCOUNTS,
    START,
    Curve,
    Floats,
    Ratio,
    differences,
    ratio,
    verdict,
)
from webscale_dagster.evaluation.scores import item_values
from webscale_dagster.evaluation.statistics import Difference, Interval, bootstrap
from webscale_dagster.experiment import ARMS, Evaluation

# Whether reinforcement learning beats its controls is what the paper claims.
CLAIMS = (("sft_grpo", "cpt_sft"), ("sft_grpo", "sft_train"), ("sft_grpo", START))
METRIC = "pass@1"


@dataclass(frozen=True)
class ArmScore:
    """An arm at its end: score, and tokens by account, the mean over seeds."""

    arm: str
    seeds: tuple[int, ...]
    score: Interval
    tokens: dict[str, float]


@dataclass(frozen=True)
class TokenEfficiency:
    """All that the report says."""

    arms: list[ArmScore]
    differences: dict[tuple[str, str], tuple[Difference, float]]
    ratios: list[Ratio]
    sentences: list[str]
    left_out: list[str]  # why an experiment does not count


def compare(
    samples: pl.DataFrame, checkpoints: pl.DataFrame, settings: Evaluation, seeds: Sequence[int]
) -> TokenEfficiency:
    """Compare the arms by those ``seeds`` that all of them have; ``samples`` has column share."""
    tables, shares = _tables(samples, settings)
    arms = [arm for arm in ARMS if any(name == arm for name, _, _ in tables)]
    have = {arm: {s for a, s, share in tables if a == arm and share == 1.0} for arm in arms}
    common = sorted(set(seeds).intersection(*have.values())) if arms else []
    left = [
        f"{arm}-s{seed}: not evaluated for every arm"
        for arm in arms
        for seed in sorted(have[arm] - set(common))
    ]
    if not common:
        return TokenEfficiency([], {}, [], ["No seed was evaluated for every arm."], left)
    ends = {arm: np.stack([tables[arm, seed, 1.0] for seed in common]) for arm in arms}
    tokens = {arm: _tokens(checkpoints, arm, common) for arm in arms}
    times, sure = settings.resamples, settings.confidence
    scored = [
        ArmScore(
            arm,
            tuple(common),
            bootstrap(ends[arm], resamples=times, confidence=sure),
            tokens[arm][""],
        )
        for arm in arms
    ]
    pairs = [pair for pair in CLAIMS if set(pair) <= set(arms)]
    refining = [arm for arm in arms if ARMS[arm].corpus not in ("", "documents")]
    pairs += [("sft_grpo", arm) for arm in refining if "sft_grpo" in arms]
    found = differences(ends, pairs, times, sure) if pairs else {}
    curves = {arm: _curve(arm, tables, shares, common, tokens[arm]) for arm in arms}
    ratios = [
        ratio(
            curves[of], curves["sft_grpo"], ends[START], account, resamples=times, confidence=sure
        )
        for of in ("cpt_sft", "sft_train")
        for account in ACCOUNTS
        if {of, "sft_grpo", START} <= set(arms)
    ]
    said = [verdict(found.get(pair), *pair, confidence=sure) for pair in CLAIMS]
    return TokenEfficiency(scored, found, ratios, said, left)


def _tables(
    samples: pl.DataFrame, settings: Evaluation
) -> tuple[dict[tuple[str, int, float], Floats], dict[str, list[float]]]:
    """An array of items for each arm, seed and share of the budget; the same items in all."""
    ids = samples["example_id"].unique().sort().to_list()
    place = {name: at for at, name in enumerate(ids)}
    tables: dict[tuple[str, int, float], Floats] = {}
    for key, rows in samples.partition_by("arm", "seed", "share", as_dict=True).items():
        values = item_values(rows, settings).filter(pl.col("metric") == METRIC)
        table = np.full(len(ids), np.nan)
        for name, value in values.select("example_id", "value").iter_rows():
            table[place[name]] = value
        tables[str(key[0]), int(key[1]), float(key[2])] = table
    shares: dict[str, list[float]] = {}
    for arm, _, share in sorted(tables):
        if share not in shares.setdefault(arm, []):
            shares[arm].append(share)
    return tables, {arm: sorted(found) for arm, found in shares.items()}


def _tokens(
    checkpoints: pl.DataFrame, arm: str, seeds: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Tokens by account over all phases (``""``), and beside the warm-up (``after``)."""
    trained = checkpoints.filter(pl.col("seed").is_in(list(seeds)) & (pl.col("phase") != "base"))

    def mean(of: str) -> dict[str, float]:
        rows = trained.filter(pl.col("arm") == of)
        return {name: float(rows[name].sum() or 0) / len(seeds) for name in ACCOUNTS}

    whole, warm_up = mean(arm), mean(START)
    beside = {name: max(whole[name] - warm_up[name], 0.0) for name in ACCOUNTS}
    return {"": whole, "after": beside}


def _curve(
    arm: str,
    tables: dict[tuple[str, int, float], Floats],
    shares: dict[str, list[float]],
    seeds: Sequence[int],
    tokens: dict[str, dict[str, float]],
) -> Curve:
    whole = [s for s in shares[arm] if all((arm, seed, s) in tables for seed in seeds)]
    values = tuple(np.stack([tables[arm, seed, s] for seed in seeds]) for s in whole)
    return Curve(arm, tuple(whole), values, tokens["after"])
