from __future__ import annotations

import pytest

from webscale_dagster.stages.self_contained import dangling_reference, is_polar, pointer


@pytest.mark.parametrize(
    "question",
    [
        "According to the passage, who won the battle?",
        "What does the article say about tin?",
        "Which metal is named in this text?",
        "How many people live there, as described above?",
        "What is the main claim of this study?",
        "Based on the given context, when did it end?",
        "Who, according to the author, discovered radium?",
        "What did the reviewer think of the kettle?",
        "In the excerpt, what colour is the door?",
        "Which country is mentioned in the paragraph?",
    ],
)
def test_questions_that_point_at_their_document(question: str) -> None:
    assert pointer(question)


@pytest.mark.parametrize(
    "question",
    [
        "What proportion of slaves died in the Middle Passage?",
        "Who wrote the text of the treaty of Waitangi?",
        "Who is the author of Small Is Beautiful?",
        "What section of the Rhine is a World Heritage Site?",
        "Where was the Charles Porter steam engine indicator shown?",
        "When were corrective lenses first mentioned?",
        "What is the median of the list 3, 4, 8, 9?",
        "Which chapter of the Constitution covers the Senate?",
        "What is the ninth element in the periodic table of elements?",
    ],
)
def test_questions_whose_subject_is_a_text_do_not(question: str) -> None:
    assert pointer(question) is None


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("What did he do after the battle?", "he"),
        ("In what year did she win the prize?", "she"),
        ("Where did it begin?", "it"),
        ("How many times did they meet?", "they"),
        ("Who was his wife?", "his"),
        ("What type of food did they sell?", "they"),
    ],
)
def test_a_pronoun_needs_something_to_stand_for(question: str, word: str) -> None:
    assert dangling_reference(question) == word


@pytest.mark.parametrize(
    "question",
    [
        "Who helped Temüjin rescue his wife from the Merkits?",
        "How did Tesla finance his work?",
        "After his return, what did Darwin write?",
        "About what share of Greenland does its ice sheet cover?",
        "Why is it likely that the virus mutates?",
        "How long does it take to cross the Channel?",
        "Is it easier to change EU law than to keep it?",
        "What is it called when steam drives a generator?",
        "A person who has their mother's name is known as what?",
    ],
)
def test_pronouns_that_stand_for_something(question: str) -> None:
    assert dangling_reference(question) is None


@pytest.mark.parametrize(
    ("question", "polar"),
    [
        ("Is the Danube longer than the Rhine?", True),
        ("Did Norway join the European Union in 1972?", True),
        ("Isn't tin a metal?", True),
        ("Is the problem abstract or concrete?", False),
        ("In what doctrine do legitimate expectations have their roots?", False),
        ("What is tin?", False),
        ("Can you say who wrote Emma?", False),
    ],
)
def test_polar_questions(question: str, polar: bool) -> None:
    assert is_polar(question) is polar
