"""pass@k against all ways to draw k samples, and the majority vote."""

from __future__ import annotations

from itertools import combinations

import pytest

from webscale_dagster.evaluation.pass_at_k import (
    final_statement,
    majority,
    majority_is_correct,
    pass_at_k,
)


def _by_hand(n: int, c: int, k: int) -> float:
    draws = list(combinations(range(n), k))
    return sum(any(sample < c for sample in draw) for draw in draws) / len(draws)


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(n: int) -> None:
    for c in range(n + 1):
        for k in range(1, n + 1):
            assert pass_at_k(n, c, k) == pytest.approx(_by_hand(n, c, k), abs=1e-12)


def test_many_samples_stay_exact() -> None:
    assert pass_at_k(10_000, 1, 1) == pytest.approx(1e-4)
    assert pass_at_k(256, 0, 128) == 0.0
    assert pass_at_k(256, 256, 1) == 1.0


@pytest.mark.parametrize(("n", "c", "k"), [(4, 4, 8), (4, 0, 5), (0, 0, 1), (4, 2, 0)])
def test_more_than_was_sampled_is_no_number(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} needs at least {k} samples"):
        pass_at_k(n, c, k)


def test_more_right_than_sampled_is_refused() -> None:
    with pytest.raises(ValueError, match="5 of 4 samples"):
        pass_at_k(4, 5, 1)


@pytest.mark.parametrize(
    ("answer_type", "texts"),
    [
        ("entity", ("Answer: Paris", "I think.\n\nAnswer: paris.", "So it is **Paris**.")),
        ("number", ("Answer: 1,000", r"\boxed{1000.0}", "<think>7</think>\nThe answer is 1000")),
        ("math", (r"Answer: $\frac{1}{2}$", r"Thus \boxed{\frac{1}{2}}")),
        ("judge", ("Long text.\nAnswer: the Seine", "Other text.\nAnswer: The Seine")),
    ],
)
def test_the_same_answer_is_one_statement(answer_type: str, texts: tuple[str, ...]) -> None:
    said = {final_statement(text, answer_type) for text in texts}
    assert len(said) == 1
    assert said != {None}


def test_other_answers_are_other_statements() -> None:
    assert final_statement("Answer: 12", "number") != final_statement("Answer: 1.2", "number")


def test_what_cannot_be_read_states_nothing() -> None:
    assert final_statement("<think>and so on", "number") is None
    assert final_statement("", "entity") is None


def test_a_whole_answer_is_its_response() -> None:
    said = final_statement("<think>x</think>def f():\n    return 1", "code_tests")
    assert said == "def f(): return 1"


def test_the_majority_wins_and_a_tie_goes_to_the_first() -> None:
    assert majority(["a", "b", "b", None]) == 1
    assert majority(["b", "a", "a", "b"]) == 0
    assert majority([None, None]) is None
    assert majority_is_correct(["b", "a", "a", "b"], [False, True, True, False]) is False
    assert majority_is_correct([None, "a", "a", "b"], [False, True, True, False]) is True
    assert majority_is_correct([None], [False]) is False


def test_statements_and_verdicts_belong_together() -> None:
    with pytest.raises(ValueError, match="2 statements with 1 verdicts"):
        majority_is_correct(["a", "b"], [True])
