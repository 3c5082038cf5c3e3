"""The free checks of a pair, by the reason they give."""

from __future__ import annotations

import pytest

from webscale_dagster.recipe import VerifiedQa
from webscale_dagster.stages.rules import align, rule_problem

TEXT = "The Danube is 2,850 kilometres long. It rises in the Black Forest."
GOOD = {
    "question": "How many kilometres long is the Danube?",
    "answer": "2,850 kilometres",
    "answer_type": "number",
    "verifier_options": '{"unit": "kilometres"}',
    "evidence": "The Danube is 2,850 kilometres long.",
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"question": "How long?"}, "question_length"),
        ({"answer": "x " * 20}, "answer_length"),
        ({"answer": "very long indeed"}, "answer_not_of_its_type"),
        ({"answer": "1,860 kilometres"}, "answer_not_in_quote"),
        ({"question": "Is the Danube really 2,850 kilometres long?"}, "leaks"),
        (
            {"question": "How many kilometres long is the river in this passage?"},
            "refers_to_document",
        ),
        (
            {"answer": "Yes", "answer_type": "boolean", "evidence": "Yes, it is long."},
            "yes_no_answer",
        ),
    ],
)
def test_the_first_failing_check_is_named(changes: dict[str, str], reason: str | None) -> None:
    found = rule_problem(GOOD | changes, 1.0, VerifiedQa())
    assert (found[0] if found else None) == reason


def test_a_quote_that_is_not_in_the_text_fails_first() -> None:
    found = rule_problem(GOOD | {"answer": "x " * 20}, 0.4, VerifiedQa())
    assert found is not None and found[0] == "quote_not_found"


@pytest.mark.parametrize(
    ("quote", "place", "score"),
    [
        ("It rises in the Black Forest.", (37, 66), 1.0),
        ("It rises in the Black forest.", (37, 66), 0.96),
        ("The Rhine ends at Rotterdam.", None, 0.0),
    ],
)
def test_a_quote_is_aligned_with_its_text(
    quote: str, place: tuple[int, int] | None, score: float
) -> None:
    found = align(quote, TEXT)
    assert found.score >= score
    if place is not None:
        assert (found.start, found.end) == place
    else:
        assert found.score < 0.7


def test_a_given_place_is_believed_only_if_the_quote_stands_there() -> None:
    assert align("It rises", TEXT, 37).start == 37
    assert align("It rises", TEXT, 3).start == 37


def test_an_accepted_wording_in_the_question_leaks_too() -> None:
    row = GOOD | {"question": "How long, the 2850 kilometres aside, is the Danube?"}
    row |= {"verifier_options": '{"aliases": ["2850 kilometres"]}'}
    found = rule_problem(row, 1.0, VerifiedQa())
    assert found is not None and found[0] == "leaks"
