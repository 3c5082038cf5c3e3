"""Names in short and long forms, other spellings and other scripts."""

from __future__ import annotations

import pytest

from webscale_dagster.verifiers import verify


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("A. Einstein", "Albert Einstein"),
        ("J.R.R. Tolkien", "John Ronald Reuel Tolkien"),
        ("George Bush", "George W. Bush"),
        ("President Abraham Lincoln", "Abraham Lincoln"),
        ("NASA", "National Aeronautics and Space Administration"),
        ("OAPEC", "Organization of Arab Petroleum Exporting Countries"),
        ("Kurt Goedel", "Kurt Gödel"),
        ("Чайковский", "Tchaikovsky"),
        ("Пётр Чайковский", "Pyotr Tchaikovsky"),
        ("Достоевский", "Dostoyevsky"),
        ("Ельцин", "Yeltsin"),
        ("Михаил Горбачёв", "Mikhail Gorbachev"),
        ("Хрущёв", "Khrushchev"),
        ("Σωκράτης", "Sokratis"),
    ],
)
def test_the_same_name(answer: str, truth: str) -> None:
    assert verify("entity", answer, truth).outcome == "correct"
    assert verify("entity", truth, answer).outcome == "correct"


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("Albert", "Albert Einstein"),
        ("John Adams", "John Quincy Adams"),
        ("Pierre Curie", "Marie Curie"),
        ("Africa", "South Africa"),
        ("York", "New York"),
        ("Lower Manhattan", "Manhattan"),
        ("Lear", "King Lear"),
        ("Center", "Petersen Events Center"),
        ("Chicago", "University of Chicago"),
        ("XIV", "Louis XIV"),
        ("Petr Tchaikovsky", "Modest Tchaikovsky"),
        ("Пушкин", "Tchaikovsky"),
        ("WHO", "United Nations"),
        ("not Paris", "Paris"),
        ("Electric", "General Electric"),
        ("America", "Captain America"),
        ("Ocean", "Pacific Ocean"),
        ("Airlines", "Delta Airlines"),
        ("Samul", "Samuel"),
        ("Boring", "Boering"),
    ],
)
def test_another_name(answer: str, truth: str) -> None:
    assert verify("entity", answer, truth).outcome == "wrong"


def test_what_the_question_says_is_no_part_of_the_name() -> None:
    question = "What river does Warsaw straddle?"
    assert verify("entity", "the Vistula River", "Vistula").outcome == "wrong"
    assert verify("entity", "the Vistula River", "Vistula", question=question).score == 1
    assert verify("entity", "river", "Vistula", question=question).score == 0


def test_a_surname_will_do_where_somebody_is_asked_for() -> None:
    who = {"question": "Who found the law?"}
    assert verify("entity", "Einstein", "Albert Einstein", **who).score == 1
    assert verify("entity", "Albert", "Albert Einstein", **who).score == 0
    what = {"question": "What company made the lamp?"}
    assert verify("entity", "Electric", "General Electric", **what).score == 0
    assert verify("entity", "Einstein", "Albert Einstein").score == 0
