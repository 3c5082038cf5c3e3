from __future__ import annotations

import pytest

from webscale_dagster.verifiers.asked_type import misfit
from webscale_dagster.verifiers.guess import guess


@pytest.mark.parametrize(
    ("question", "answers", "kind"),
    [
        ("How high is it?", ["8,849 m", "8849"], "number"),
        ("How many came?", ["three"], "number"),
        ("How many came?", ["three", "several"], "short_phrase"),
        ("What share voted?", ["13%"], "percent"),
        ("What did it cost?", ["$5 million"], "currency"),
        ("When was it founded?", ["1777", "In 1777"], "date"),
        ("What is 1777?", ["1777"], "number"),
        ("When did it open?", ["3 May 1918"], "date"),
        ("How long did it last?", ["90 minutes"], "duration"),
        ("Who wrote it?", ["Jane Austen"], "entity"),
        ("Who ruled?", ["the House of Orange"], "entity"),
        ("What was lost?", ["loss of habitat"], "short_phrase"),
        ("Was it lost?", ["yes"], "boolean"),
    ],
)
def test_the_strictest_type_that_reads_all_answers(
    question: str, answers: list[str], kind: str
) -> None:
    assert guess(question, answers) == kind


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many moons has Mars?", "Phobos"),
        ("When did the war end?", "the Treaty of Ghent"),
        ("Who wrote Emma?", "1815"),
        ("Where is Ghent?", "12%"),
        ("Why did it fail?", "1990"),
        ("What is the temperature of the steam?", "working fluid"),
        ("What company makes the pan?", "1886"),
    ],
)
def test_answers_that_cannot_be_what_is_asked_for(question: str, answer: str) -> None:
    assert misfit(question, answer, guess(question, [answer]))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many moons has Mars?", "two"),
        ("How many came?", "several"),
        ("How much did it cost?", "over $5"),
        ("When did the war end?", "in the spring"),
        ("When did it begin?", "after the Second World War"),
        ("Who won?", "the 49ers"),
        ("Where is it?", "at 165 Broadway"),
        ("What did the index reach?", "1,200"),
        ("What is the ratio called?", "the golden ratio"),
    ],
)
def test_answers_that_may_be(question: str, answer: str) -> None:
    assert misfit(question, answer, guess(question, [answer])) is None
