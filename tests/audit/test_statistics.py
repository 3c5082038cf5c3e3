"""Statistics against published examples and against plain counting."""

from __future__ import annotations

import itertools
import random

import pytest

from webscale_dagster.audit.statistics import (
    agreement,
    cohen_kappa,
    effective_n,
    fleiss_kappa,
    margin_of,
    sample_size,
    wilson,
)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_published_intervals(count: int, n: int, low: float, high: float) -> None:
    assert wilson(count / n, n, 0.95) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(1 - count / n, n, 0.95)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_wilson_holds_the_shares_that_a_score_test_does_not_refuse() -> None:
    """Its definition: all p with |rate - p| <= z sqrt(p (1 - p) / n)."""
    for rate, n in itertools.product((0.0, 0.1, 0.5, 0.93, 1.0), (5, 17.5, 400)):
        low, high = wilson(rate, n, 0.95)
        inside = [
            step / 20_000
            for step in range(20_001)
            if abs(rate - step / 20_000)
            <= 1.959964 * (step / 20_000 * (1 - step / 20_000) / n) ** 0.5
        ]
        assert (low, high) == pytest.approx((inside[0], inside[-1]), abs=1e-4)


@pytest.mark.parametrize(
    ("population", "size"),
    # Krejcie and Morgan (1970), 95% and 5 points
    [(10, 10), (100, 80), (1_000, 278), (10_000, 370), (1_000_000, 384)],
)
def test_sample_sizes_are_those_of_the_tables(population: int, size: int) -> None:
    assert sample_size(population, 0.95, 0.05) - size in (0, 1)  # they round, we never do better
    assert margin_of(sample_size(population, 0.95, 0.05), population, 0.95) <= 0.05
    if size < population:
        assert margin_of(size - 1, population, 0.95) > 0.05


def test_no_rows_need_no_sample() -> None:
    assert sample_size(0, 0.95, 0.05) == 0


def test_effective_n_is_n_for_equal_weights_and_less_for_others() -> None:
    assert effective_n([3.0] * 12) == pytest.approx(12)
    assert effective_n([1.0, 3.0]) == pytest.approx(16 / 10)


def test_cohen_kappa_is_that_of_cohen_1960() -> None:
    table = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]  # table 2, 200 cases
    pairs = [
        (str(row), str(column))
        for row, column in itertools.product(range(3), range(3))
        for _ in range(table[row][column])
    ]
    kappa = cohen_kappa(pairs)
    assert kappa == pytest.approx(0.492, abs=5e-4)


def _rated(table: list[list[int]]) -> list[list[str]]:
    return [[str(place) for place, n in enumerate(row) for _ in range(n)] for row in table]


def test_fleiss_kappa_is_that_of_fleiss_1971() -> None:
    diagnoses = (  # table 1: 30 patients, 6 psychiatrists, five diagnoses
        "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 "
        "00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
    )
    kappa = fleiss_kappa(_rated([[int(n) for n in row] for row in diagnoses.split()]))
    assert kappa == pytest.approx(0.430, abs=5e-4)


def test_fleiss_kappa_of_the_common_textbook_table() -> None:
    table = [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
    assert fleiss_kappa(_rated(table)) == pytest.approx(0.210, abs=5e-4)


def test_agreement_with_unequal_numbers_of_raters_is_counted_pair_by_pair() -> None:
    draw = random.Random(5)
    items = [[draw.choice("ynu") for _ in range(draw.choice((1, 2, 3, 5)))] for _ in range(60)]
    rated = [answers for answers in items if len(answers) > 1]
    observed = 0.0
    for answers in rated:
        pairs = list(itertools.combinations(answers, 2))
        observed += sum(a == b for a, b in pairs) / len(pairs) / len(rated)
    chance = 0.0
    for one, other in itertools.product(rated, rated):  # two items, an answer of each at random
        same = sum(a == b for a, b in itertools.product(one, other))
        chance += same / (len(one) * len(other)) / len(rated) ** 2
    assert agreement(items) == pytest.approx(observed)
    assert fleiss_kappa(items) == pytest.approx((observed - chance) / (1 - chance))


def test_kappa_without_variety_or_raters_is_undefined() -> None:
    assert cohen_kappa([("yes", "yes")] * 9) is None
    assert cohen_kappa([]) is None
    assert fleiss_kappa([["yes", "yes", "yes"]] * 9) is None
    assert fleiss_kappa([["yes"], ["no"]]) is None
    assert agreement([["yes"]]) is None
