"""The free checks of a pair, by the reason they give."""

from __future__ import annotations

from typing import Any

import pytest

from webscale_dagster.recipe import VerifiedQa
from webscale_dagster.stages.free_checks import check_pair, leak_score, support

TEXT = "The Danube is 2,850 kilometres long. It rises in the Black Forest."
GOOD: dict[str, Any] = {
    "question": "How many kilometres long is the Danube?",
    "answer": "2,850 kilometres",
    "answer_type": "number",
    "verifier_options": '{"unit": "kilometres"}',
    "evidence": "The Danube is 2,850 kilometres long.",
    "text": TEXT,
    "title": "Danube",
    "lang": "en",
}
PHRASE = {"answer_type": "short_phrase", "verifier_options": "{}"}


def _reasons(changes: dict[str, Any], **settings: Any) -> list[str]:
    found = check_pair(GOOD | changes, VerifiedQa(**settings))
    return [reason for reason, _ in found.problems]


ELSEWHERE = {"question": "How many kilometres did Amundsen ski to the pole?"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"question": "How long?"}, "question_length"),
        ({"answer": "x " * 20}, "answer_length"),
        ({"question": "How many kilometres long is it in this passage?"}, "refers_to_document"),
        ({"question": "How many kilometres long is it there?"}, "dangling_reference"),
        ({"question": "Is the Danube a very long river?"}, "yes_no_answer"),
        (PHRASE | {"answer": "Yes"}, "yes_no_answer"),
        (PHRASE | {"answer": "the Black Forest"}, "answer_does_not_fit"),
        ({"answer": "2,850 litres"}, "answer_not_of_its_type"),
        ({"question": "How many kilometres (2,850 kilometres) has the Danube?"}, "leaks"),
        ({"answer": "1,860 kilometres"}, "answer_not_in_quote"),
        ({"evidence": "The Danube is a river, 2,850 kilometres they say."}, "quote_not_found"),
        (
            {"question": "Wie viele Kilometer lang ist die Donau auf ihrem ganzen Weg?"},
            "question_language",
        ),
    ],
)
def test_the_first_failing_check_is_named(changes: dict[str, Any], reason: str | None) -> None:
    assert next(iter(_reasons(changes)), None) == reason


def test_every_failing_check_is_kept_in_order_of_cost() -> None:
    reasons = _reasons({"question": "Is it 1,860?", "answer": "1,860"})
    assert reasons == ["dangling_reference", "yes_no_answer", "leaks", "answer_not_in_quote"]


def test_a_quote_about_something_else_is_not_relevant() -> None:
    assert "quote_not_relevant" in _reasons(ELSEWHERE, min_relevance=0.5)
    assert _reasons({}, min_relevance=0.5) == []


def test_an_accepted_wording_in_the_question_leaks_too() -> None:
    row = {"question": "How many kilometres, 2850 km say, is the Danube long?"}
    assert _reasons(row | {"verifier_options": '{"aliases": ["2850 km"]}'}) == ["leaks"]


@pytest.mark.parametrize(
    ("answer", "quote", "share"),
    [
        ("5", "There are 15 of them.", 0.0),
        ("three", "All 3 came.", 1.0),
        ("90", "It is set at 90° to the rail.", 1.0),
        (
            "1 August 2014",
            "On 1 May many people came, and all of them again in August 2014.",
            0.6667,
        ),
        ("loss of habitat", "The habitat was lost.", 0.5),
        ("losses of habitats", "A loss of habitat is feared.", 1.0),
        ("well-known facts", "These are wellknown facts.", 1.0),
        ("Paris", "London is large.", 0.0),
    ],
)
def test_an_answer_is_supported_by_words_that_stand_together(
    answer: str, quote: str, share: float
) -> None:
    assert support(answer, quote) == share


def test_items_of_a_list_may_stand_apart() -> None:
    quote = "Iron is mined in the north, where it is cold, and in the far south there is only tin."
    assert support("iron and tin", quote, "short_phrase") == 0.5
    assert support("iron, tin", quote, "list") == 1.0


@pytest.mark.parametrize(
    ("question", "answer", "score"),
    [
        ("Who led France to its colony in the New World?", "New France", 0.5),
        ("What polynomial time measure is it?", "polynomial time", 1.0),
        ("What is the capital of France?", "Paris", 0.0),
        ("How many of the three bears slept?", "3", 1.0),
    ],
)
def test_leakage_is_counted_in_words_that_stand_together(
    question: str, answer: str, score: float
) -> None:
    assert leak_score(question, answer) == score
