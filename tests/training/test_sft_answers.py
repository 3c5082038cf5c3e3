"""Rejection sampling: what is kept of a policy's answers."""

from __future__ import annotations

import polars as pl

from tests.training.jobs import examples
from webscale_dagster.experiment import SftAnswers
from webscale_dagster.training.sft_answers import choose

ROWS = examples(2, answer_type="number", ground_truth="7").with_columns(
    question=pl.lit("What is 3 plus 4?")
)


def _answers(*texts: tuple[str, int, bool]) -> pl.DataFrame:
    rows = [
        {"id": "e00", "sample": at, "text": text, "n_tokens": tokens, "cut_off": cut}
        for at, (text, tokens, cut) in enumerate(texts)
    ]
    return pl.DataFrame(rows)


def test_correct_short_and_different_answers_are_kept() -> None:
    answers = _answers(
        ("Three and four make seven. Answer: 7", 12, False),
        ("Three and four make seven! Answer: 7", 13, False),  # the same again
        ("Counting on from four: five, six, seven. Answer: 7", 20, False),
        ("Answer: 8", 3, False),
        ("A very long way round. Answer: 7", 900, False),
        ("Cut off here. Answer: 7", 8, True),
        ("No idea at all", 5, False),
    )
    settings = SftAnswers(policy="m", samples=7, keep=3, max_answer_tokens=100)
    kept, counts = choose(ROWS, answers, settings)
    mine = kept.filter(pl.col("example_id") == "e00")
    assert mine["completion"].to_list() == [
        "Three and four make seven. Answer: 7",
        "Counting on from four: five, six, seven. Answer: 7",
    ]
    assert set(mine["answered_by"]) == {"policy"}
    other = kept.filter(pl.col("example_id") == "e01")  # nobody answered it
    assert other.select("completion", "answered_by").rows() == [("Answer: 7", "direct")]
    assert counts["correct"] == 5 and counts["too_long"] == 2 and counts["alike"] == 1
    assert counts["questions_policy"] == counts["questions_direct"] == 1


def test_without_a_policy_the_answers_are_direct() -> None:
    kept, counts = choose(ROWS, None, SftAnswers(direct="{answer}"))
    assert kept["completion"].to_list() == ["7", "7"]
    assert counts == {"questions_direct": 2}
