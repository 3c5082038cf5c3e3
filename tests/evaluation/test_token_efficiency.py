"""The report over tables as evaluations leave them."""

from __future__ import annotations

import random

import polars as pl
import pytest

from webscale_dagster.evaluation.token_efficiency import TokenEfficiency, compare
from webscale_dagster.experiment import Evaluation
from webscale_dagster.tables import TABLES

SETTINGS = Evaluation(samples=4, ks=(1, 4), resamples=200)
RATES = {"base": 0.05, "sft": 0.3, "cpt_sft": 0.32, "sft_train": 0.7, "sft_grpo": 0.55}
ITEMS = 120


def _samples(rates: dict[str, float], seeds: tuple[int, ...]) -> pl.DataFrame:
    drawn = random.Random(3)
    rows = []
    for arm, rate in rates.items():
        for seed in seeds:
            for share in (0.5, 1.0) if arm not in ("base", "sft") else (1.0,):
                reached = RATES["sft"] + (rate - RATES["sft"]) * share if share < 1 else rate
                for item in range(ITEMS):
                    for sample in range(4):
                        right = drawn.random() < reached
                        rows.append(
                            {
                                **{"experiment": f"{arm}-s{seed}", "arm": arm, "seed": seed},
                                **{"share": share, "example_id": f"e{item}", "sample": sample},
                                **{"domain": "math", "answer_type": "number", "text": "7"},
                                **{"outcome": "correct" if right else "wrong", "reason": ""},
                                **{"score": float(right), "n_tokens": 3, "cut_off": False},
                            }
                        )
    return pl.DataFrame(rows)


def _checkpoints(arms: list[str], seeds: tuple[int, ...]) -> pl.DataFrame:
    rows = []
    for arm in arms:
        phases = {
            "base": [("base", 900, 0, 900)],
            "sft": [("sft", 100, 0, 50)],
            "sft_train": [("sft", 1100, 0, 300)],
            "cpt_sft": [("cpt", 1000, 0, 400), ("sft", 100, 0, 50)],
            "sft_grpo": [("sft", 100, 0, 50), ("grpo", 1000, 600, 250)],
        }[arm]
        for seed in seeds:
            for place, (phase, training, generated, source) in enumerate(phases):
                rows.append(
                    {
                        **{"experiment": f"{arm}-s{seed}", "arm": arm, "seed": seed},
                        **{"phase": phase, "place": place, "checkpoint": f"{phase}-1"},
                        **{"release": "r", "steps": 1, "folder": ""},
                        "training_tokens": training,
                        "generated_tokens": generated,
                        "source_tokens": source,
                    }
                )
    return pl.DataFrame(rows, schema=TABLES["checkpoints"].schema)


def _compared(arms: list[str], seeds: tuple[int, ...] = (1, 2, 3)) -> TokenEfficiency:
    rates = {arm: RATES[arm] for arm in arms}
    return compare(_samples(rates, seeds), _checkpoints(arms, seeds), SETTINGS, (1, 2, 3))


def test_scores_and_tokens_stand_side_by_side() -> None:
    found = _compared(list(RATES))
    by_arm = {row.arm: row for row in found.arms}
    for arm, rate in RATES.items():
        assert by_arm[arm].score.low - 0.02 < rate < by_arm[arm].score.high + 0.02
        assert by_arm[arm].seeds == (1, 2, 3)
    assert by_arm["base"].tokens == {
        "source_tokens": 0.0, "training_tokens": 0.0, "generated_tokens": 0.0
    }  # fmt: skip
    assert by_arm["sft_grpo"].tokens["training_tokens"] == 1100
    assert by_arm["sft_grpo"].tokens["generated_tokens"] == 600
    assert found.left_out == []


def test_it_can_say_yes_and_no() -> None:
    said = _compared(list(RATES)).sentences
    assert "supports an advantage of sft_grpo over cpt_sft" in said[0]
    assert "speaks against an advantage of sft_grpo over sft_train" in said[1]


def test_the_ratio_counts_what_follows_the_warm_up() -> None:
    ratios = {(r.of, r.account): r for r in _compared(list(RATES)).ratios}
    slow = ratios["cpt_sft", "training_tokens"]
    assert slow.value is None or slow.value > 3
    fast = ratios["sft_train", "training_tokens"]
    assert fast.value is not None and fast.value == pytest.approx(0.6, abs=0.25)
    assert ratios["sft_train", "generated_tokens"].value is None


def test_seeds_that_an_arm_lacks_are_left_out_by_name() -> None:
    arms = ["sft", "sft_grpo"]
    samples = _samples({arm: RATES[arm] for arm in arms}, (1, 2, 3))
    samples = samples.filter(~((pl.col("arm") == "sft") & (pl.col("seed") == 3)))
    found = compare(samples, _checkpoints(arms, (1, 2, 3)), SETTINGS, (1, 2, 3))
    assert found.arms[0].seeds == (1, 2)
    assert found.left_out == ["sft_grpo-s3: not evaluated for every arm"]
    assert found.sentences[2].startswith("No claim about sft_grpo against sft from 2 seed(s)")


def test_nothing_evaluated_is_said() -> None:
    empty = _samples({"sft": 0.3}, (9,))
    found = compare(empty, _checkpoints(["sft"], (9,)), SETTINGS, (1, 2, 3))
    assert found.arms == [] and found.sentences == ["No seed was evaluated for every arm."]
