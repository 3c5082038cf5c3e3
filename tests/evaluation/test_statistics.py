"""Intervals against plain oracles: formulas, numbers by hand, experiments with known truth."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from webscale_dagster.evaluation.statistics import bootstrap, holm, paired

Floats = npt.NDArray[np.float64]
EXPERIMENTS = 200


def test_the_interval_of_items_is_that_of_the_normal_formula() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.3, 400)
    found = bootstrap(values, resamples=8000)
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)
    assert (found.n, found.seeds) == (400, 1)


def test_the_interval_of_few_items_is_that_of_all_resamples() -> None:
    values = np.array([0.0, 0.25, 0.5, 1.0])
    every = [np.mean(draw) for draw in product(values, repeat=4)]
    found = bootstrap(values, resamples=20_000)
    assert found.low == pytest.approx(np.quantile(every, 0.025), abs=0.07)
    assert found.high == pytest.approx(np.quantile(every, 0.975), abs=0.07)


def test_seeds_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    alike = rng.binomial(8, 0.5, size=(3, 200)) / 8
    apart = alike + np.array([[-0.1], [0.0], [0.1]])
    narrow, wide = bootstrap(alike), bootstrap(apart)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert wide.seeds == 3


def test_seeds_alone_give_an_interval_as_of_students_t() -> None:
    means = np.array([0.1, 0.2, 0.3, 0.35, 0.4, 0.5])
    found = bootstrap(np.repeat(means[:, None], 50, axis=1), resamples=20_000)
    half = 2.571 * means.std(ddof=1) / np.sqrt(6)  # t of 5 degrees of freedom
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).random((2, 50))
    assert bootstrap(values, seed=5) == bootstrap(values, seed=5)
    assert bootstrap(values, seed=5) != bootstrap(values, seed=6)


def test_an_item_without_a_value_in_some_seed_is_left_out() -> None:
    values = np.array([[0.0, 1.0, np.nan], [0.0, 1.0, 1.0]])
    found = bootstrap(values)
    assert (found.n, found.value) == (2, 0.5)
    with pytest.raises(ValueError, match="no item has a value in every seed"):
        bootstrap([np.nan])
    with pytest.raises(ValueError, match="3 dimensions"):
        bootstrap(np.zeros((1, 2, 3)))


def test_pairs_need_the_same_shape() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3\) and \(1, 2\)"):
        paired([1.0, 2.0, 3.0], [1.0, 2.0])


def test_pairing_takes_out_what_both_share() -> None:
    rng = np.random.default_rng(4)
    difficulty = rng.beta(0.5, 0.5, 200)
    better = np.clip(difficulty + 0.03 + rng.normal(0, 0.02, 200), 0, 1)
    found = paired(better, difficulty)
    assert found.low > 0.01
    assert found.p < 0.005
    assert bootstrap(better).low < bootstrap(difficulty).high  # unpaired they overlap


def test_the_p_value_is_that_of_flipped_signs() -> None:
    differences = np.random.default_rng(5).normal(0.05, 0.3, 60)
    rng = np.random.default_rng(6)
    flipped = (rng.choice([-1, 1], size=(20_000, 60)) * differences).mean(axis=1)
    exact = (np.abs(flipped) >= abs(differences.mean())).mean()
    found = paired(differences, np.zeros(60), resamples=20_000)
    assert found.p == pytest.approx(exact, abs=0.03)


def test_no_difference_has_p_one_and_no_p_is_zero() -> None:
    assert paired([0.5, 0.5], [0.5, 0.5]).p == 1.0
    assert paired([1.0] * 9, [0.0] * 9, resamples=999).p == pytest.approx(1 / 1000)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def _covers(low: float, truth: float, high: float) -> bool:
    return low <= truth <= high


def test_an_interval_over_items_covers_the_truth() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for seed in range(EXPERIMENTS):
        rates = rng.beta(1.0, 2.0, 120)
        found = bootstrap(rng.binomial(8, rates) / 8, resamples=400, seed=seed)
        hits += _covers(found.low, 1 / 3, found.high)
    assert 0.90 <= hits / EXPERIMENTS <= 0.99


def _arms(rng: np.random.Generator, seeds: int, spread: float) -> tuple[Floats, Floats]:
    """Pass rates of 8 samples; arm ``a`` gains 0.025 on the mean, seeds differ by ``spread``."""
    rates = rng.beta(1.5, 1.5, (1, 200))
    shifts = rng.normal(0, spread, (seeds, 1))
    b = rng.binomial(8, np.repeat(rates, seeds, axis=0)) / 8
    a = rng.binomial(8, np.repeat(rates + 0.05 * (1 - rates), seeds, axis=0)) / 8 + shifts
    return a, b


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.02), (3, 0.05), (5, 0.03)])
def test_an_interval_of_a_difference_covers_the_truth(seeds: int, spread: float) -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for seed in range(EXPERIMENTS):
        found = paired(*_arms(rng, seeds, spread), resamples=400, seed=seed)
        hits += _covers(found.low, 0.025, found.high)
    assert 0.90 <= hits / EXPERIMENTS <= 0.99


@pytest.mark.parametrize("seeds", [1, 3])
def test_arms_without_a_difference_are_seldom_told_apart(seeds: int) -> None:
    rng = np.random.default_rng(9)
    false = 0
    for seed in range(EXPERIMENTS):
        rates = np.repeat(rng.beta(1.5, 1.5, (1, 200)), seeds, axis=0)
        a, b = rng.binomial(8, rates) / 8, rng.binomial(8, rates) / 8
        false += paired(a, b, resamples=400, seed=seed).p < 0.05
    assert false / EXPERIMENTS <= 0.10
