"""Verdicts and scores of made-up answers, worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from webscale_dagster.evaluation.scores import (
    LEFT_OUT,
    ROWS,
    SAMPLES,
    item_values,
    judged,
    score_rows,
)
from webscale_dagster.experiment import Evaluation
from webscale_dagster.recipe import RlSplits
from webscale_dagster.stages.example_prompt import example_messages

PROMPTS = RlSplits()
SETTINGS = Evaluation(samples=4, ks=(1, 2, 4, 8), resamples=200)


def _example(name: str, answer_type: str, truth: str, **fields: Any) -> dict[str, Any]:
    return {
        "example_id": name,
        "prompt": json.dumps(example_messages(f"What is {name}?", PROMPTS)),
        "ground_truth": truth,
        "answer_type": answer_type,
        "verifier_options": json.dumps(fields.get("options", {})),
        "domain": fields.get("domain", "law"),
    }


def _answers(said: dict[str, list[str]]) -> pl.DataFrame:
    rows = [
        {"id": name, "sample": i, "text": text, "cut_off": text.endswith("…"), "n_tokens": 5}
        for name, texts in said.items()
        for i, text in enumerate(texts)
    ]
    return pl.DataFrame(rows)


EXAMPLES = pl.DataFrame(
    [
        _example("a", "number", "7"),
        _example("b", "entity", "Paris", domain="travel"),
        _example("broken", "number", "7", options={"no such option": 1}),
    ]
)
SAID = {
    "a": ["Answer: 7", "Answer: 8", "Answer: 8", "Answer: 7.0"],
    "b": ["Answer: Rome", "Answer: Rome", "Answer: Oslo", "I think …"],
    "broken": ["Answer: 7"] * 4,
}


def _value(rows: pl.DataFrame, metric: str, group: str = "all") -> tuple[float, int]:
    row = rows.filter((pl.col("metric") == metric) & (pl.col("group") == group)).row(0, named=True)
    return row["value"], row["n"]


def test_each_answer_has_a_verdict() -> None:
    samples = judged(_answers(SAID), EXAMPLES, PROMPTS)
    assert samples.schema == SAMPLES
    assert samples.height == 12
    assert samples.filter(example_id="a")["outcome"].to_list() == [
        "correct",
        "wrong",
        "wrong",
        "correct",
    ]
    broken = samples.filter(example_id="broken")
    assert set(broken["outcome"]) == {"error"}
    assert broken["score"].null_count() == 4
    assert broken["reason"].str.contains("no such option").all()


def test_an_answer_to_no_example_is_refused() -> None:
    with pytest.raises(ValueError, match="1 answered prompts are no examples, the first is 'zz'"):
        judged(_answers({"zz": ["x"]}), EXAMPLES, PROMPTS)


def test_a_judge_is_asked_about_its_types_only() -> None:
    examples = pl.DataFrame([_example("j", "judge", "Paris"), _example("a", "number", "7")])
    answers = _answers({"j": ["Answer: the French capital city"], "a": ["Answer: 7"]})
    without = judged(answers, examples, PROMPTS)
    assert without["outcome"].to_list() == ["correct", "error"]
    asked: list[str] = []

    def judge(question: str, response: str, criteria: Any) -> list[float]:
        asked.append(question)
        return [1.0] * len(criteria)

    assert judged(answers, examples, PROMPTS, judge)["outcome"].to_list() == ["correct", "correct"]
    assert asked == ["What is j?"]


def test_the_scores_by_hand() -> None:
    rows = score_rows(judged(_answers(SAID), EXAMPLES, PROMPTS), SETTINGS)
    assert rows.schema == ROWS
    assert set(rows["set"]) == {"test"}
    assert _value(rows, "pass@1") == (0.25, 2)  # 2 of 4 and 0 of 4; the broken one is left out
    assert _value(rows, "pass@2") == (pytest.approx((1 - 1 / 6) / 2), 2)
    assert _value(rows, "pass@4") == (0.5, 2)
    assert _value(rows, "majority") == (0.5, 2)  # 7 and 8 tie, 7 came first
    assert _value(rows, "mean_score") == (0.25, 2)
    assert _value(rows, "cut_off_share") == (pytest.approx(1 / 12), 3)
    assert _value(rows, "without_verdict_share") == (pytest.approx(1 / 3), 3)
    assert _value(rows, LEFT_OUT) == (1.0, 3)
    assert "pass@8" not in set(rows["metric"])


def test_the_scores_by_domain_and_answer_type() -> None:
    rows = score_rows(judged(_answers(SAID), EXAMPLES, PROMPTS), SETTINGS, name="held out")
    assert set(rows["set"]) == {"held out"}
    groups = {"all", "domain:law", "domain:travel", "answer_type:number", "answer_type:entity"}
    assert set(rows["group"]) == groups
    assert _value(rows, "pass@1", "domain:law") == (0.5, 1)
    assert _value(rows, "pass@1", "answer_type:entity") == (0.0, 1)
    assert _value(rows, LEFT_OUT, "domain:travel") == (0.0, 1)


def test_intervals_hold_the_value_and_say_something_at_the_edge() -> None:
    names = [f"q{i}" for i in range(30)]
    examples = pl.DataFrame([_example(name, "number", "7") for name in names])
    answers = _answers({name: ["Answer: 1"] * 4 for name in names})
    rows = score_rows(judged(answers, examples, PROMPTS), SETTINGS)
    row = rows.filter(group="all", metric="pass@1").row(0, named=True)
    assert (row["value"], row["low"]) == (0.0, 0.0)
    assert 0.08 < row["high"] < 0.15  # Wilson's for 0 of 30 is 0.114
    held = rows.filter(pl.col("low").is_not_null())
    assert (held["low"] <= held["value"]).all()
    assert (held["value"] <= held["high"]).all()


def test_samples_without_verdict_shrink_n_and_leave_out_a_large_k() -> None:
    samples = judged(_answers({"a": SAID["a"]}), EXAMPLES, PROMPTS)
    lost = samples.with_columns(
        outcome=pl.when(pl.col("sample") == 1).then(pl.lit("timeout")).otherwise("outcome")
    )
    values = {metric: value for *_, metric, _, value in item_values(lost, SETTINGS).rows()}
    assert values["pass@1"] == pytest.approx(2 / 3)
    assert "pass@4" not in values
    assert values["without_verdict_share"] == 0.25
