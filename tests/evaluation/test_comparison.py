"""Arms compared: the ratio at equal score, and sentences that can say no."""

from __future__ import annotations

import numpy as np
import pytest

from webscale_dagster.evaluation.comparison import Curve, differences, ratio, verdict

SEEDS, ITEMS = 3, 400


def _values(rate: float, rng: np.random.Generator) -> np.ndarray:
    """Pass rates of 8 samples for every seed and item."""
    return rng.binomial(8, rate, (SEEDS, ITEMS)) / 8


def _curve(arm: str, rates: dict[float, float], tokens: float, seed: int) -> Curve:
    rng = np.random.default_rng(seed)
    values = tuple(_values(rate, rng) for rate in rates.values())
    return Curve(arm, tuple(rates), values, {"training_tokens": tokens, "generated_tokens": 0.0})


def test_the_ratio_is_of_the_tokens_to_the_highest_score_both_reach() -> None:
    start = _values(0.2, np.random.default_rng(0))
    slow = _curve("cpt_sft", {0.5: 0.25, 1.0: 0.3}, 1000.0, 1)
    fast = _curve("sft_grpo", {0.5: 0.4, 1.0: 0.45}, 1000.0, 2)
    found = ratio(slow, fast, start, "training_tokens", 300, 0.95)
    # slow reaches 0.3 with 1000 tokens; fast is half way from 0.2 to 0.4 with 250
    assert found.value == pytest.approx(4.0, rel=0.25)
    assert found.low is not None and found.high is not None
    assert found.low < 4.0 < found.high and found.without == 0.0


def test_an_arm_that_never_rises_has_no_ratio() -> None:
    start = _values(0.3, np.random.default_rng(0))
    flat = _curve("cpt_sft", {1.0: 0.2}, 1000.0, 1)
    fast = _curve("sft_grpo", {1.0: 0.5}, 1000.0, 2)
    found = ratio(flat, fast, start, "training_tokens", 200, 0.95)
    assert found.value is None and found.low is None and found.without == 1.0
    spent_nothing = ratio(fast, fast, start, "generated_tokens", 50, 0.95)
    assert spent_nothing.value is None


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.45, "supports an advantage of sft_grpo over cpt_sft"),
        (0.30, "does not support an advantage of sft_grpo over cpt_sft, nor the reverse"),
        (0.15, "speaks against an advantage of sft_grpo over cpt_sft: cpt_sft is better"),
    ],
)
def test_the_sentence_says_what_the_data_says(rate: float, said: str) -> None:
    rng = np.random.default_rng(5)
    tables = {"cpt_sft": _values(0.3, rng), "sft_grpo": _values(rate, rng)}
    pair = ("sft_grpo", "cpt_sft")
    found = differences(tables, [pair], 500, 0.95)[pair]
    assert said in verdict(found, *pair, confidence=0.95)


def test_one_seed_makes_no_claim_and_no_data_no_number() -> None:
    rng = np.random.default_rng(5)
    tables = {"a": _values(0.2, rng)[:1], "b": _values(0.6, rng)[:1]}
    found = differences(tables, [("b", "a")], 200, 0.95)["b", "a"]
    assert verdict(found, "b", "a", confidence=0.95).startswith("No claim about b against a")
    assert "Nothing can be said" in verdict(None, "b", "a", confidence=0.95)


def test_false_findings_are_as_rare_as_promised() -> None:
    """Of 100 comparisons of equal arms few may be called different: 5 % are allowed."""
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(100):
        tables = {"a": _values(0.3, rng), "b": _values(0.3, rng)}
        found = differences(tables, [("a", "b")], 200, 0.95)["a", "b"]
        wrong += "does not support" not in verdict(found, "a", "b", confidence=0.95)
    assert wrong <= 10
