"""Wordings that say the same, and those that only look like it."""

from __future__ import annotations

import pytest

from webscale_dagster.verifiers import verify
from webscale_dagster.verifiers.wordings import counting_words, same_meaning, share_together

SAME = [
    ("the loss of a habitat", "Loss of habitat"),
    ("at the Cape of Good Hope", "Cape of Good Hope"),
    ("President Theodore Roosevelt", "Theodore Roosevelt"),
    ("Gorbachev", "Mikhail Gorbachev"),
    ("29 °F (−2 °C)", "29 °F"),
    ("In the fall of 1909", "1909"),
    ("a large quantity of lettuce", "quantity of lettuce"),
    ("conflicting territorial claims between the two", "conflicting territorial claims"),
    ("brushed nickel", "nickel"),
    ("radial (centripetal) force", "radial force"),
    ("Jurchen and Han", "Han and Jurchen"),
    ("harvesting of crops", "harvest of crops"),
]
DIFFERENT = [
    ("habitat of loss", "loss of habitat"),
    ("World War I", "World War II"),
    ("vitamin", "vitamin C"),
    ("vitamin D", "vitamin C"),
    ("carbon", "carbon dioxide"),
    ("dioxide", "carbon dioxide"),
    ("carbon monoxide", "carbon dioxide"),
    ("insurance providers", "insurance"),
    ("New York Mercantile Exchange", "New York"),
    ("decrease in pressure", "increase in pressure"),
    ("North Korea", "South Korea"),
    ("not effective", "effective"),
    ("5 minutes", "15 minutes"),
    ("minutes", "5 minutes"),
    ("Paris or London", "Paris"),
    ("Paris, London", "Paris"),
    ("London Rome Paris", "Paris"),
    ("strong", "strong and weak"),
    ("2003", "March 2003"),
    ("Britain", "Britain and the Continent"),
    ("before the war", "after the war"),
    ("until 1945", "since 1945"),
    ("less than 5", "more than 5"),
    ("thirty thousand people", "twenty thousand people"),
    ("five million people", "five billion people"),
    ("the first world war", "the second world war"),
    ("third floor apartment", "fourth floor apartment"),
    ("the nineteenth century novel", "the eighteenth century novel"),
    ("red blood cells", "white blood cells"),
    ("to Paris", "from Paris"),
    ("anything but a war", "a war"),
]


@pytest.mark.parametrize(("answer", "truth"), SAME)
def test_other_wordings_of_the_truth(answer: str, truth: str) -> None:
    assert same_meaning(answer, truth)


@pytest.mark.parametrize(("answer", "truth"), DIFFERENT)
def test_wordings_of_something_else(answer: str, truth: str) -> None:
    assert not same_meaning(answer, truth)


@pytest.mark.parametrize(
    ("question", "answer", "truth"),
    [
        ("What compounds stabilise PVC plastics?", "organotin", "organotin compounds"),
        ("Which bound is more difficult to establish?", "lower", "lower bounds"),
        ("What pattern of politics might grow?", "patronage politics", "patronage"),
    ],
)
def test_what_the_question_says_need_not_be_said(question: str, answer: str, truth: str) -> None:
    assert verify("short_phrase", answer, truth).outcome == "wrong"
    assert verify("short_phrase", answer, truth, question=question).outcome == "correct"


@pytest.mark.parametrize(
    ("kind", "question", "answer", "truth"),
    [
        (
            "entity",
            "Which is larger, the Pacific or the Atlantic?",
            "Atlantic Ocean",
            "Pacific Ocean",
        ),
        ("short_phrase", "The Pacific or the Atlantic?", "the Atlantic Ocean", "the Pacific Ocean"),
        ("short_phrase", "Did she buy the red or the blue one?", "a blue car", "a red car"),
        ("entity", "Was it Robert or Woodrow who signed?", "Robert Wilson", "Woodrow Wilson"),
    ],
)
def test_alternatives_of_the_question_are_no_words_to_leave_out(
    kind: str, question: str, answer: str, truth: str
) -> None:
    assert verify(kind, answer, truth, question=question).outcome == "wrong"
    assert verify(kind, truth, truth, question=question).outcome == "correct"


def test_repeating_the_question_is_no_answer() -> None:
    question = "What compounds stabilise PVC plastics?"
    options = {"question": question}
    assert verify("short_phrase", "compounds", "organotin compounds", **options).score == 0
    assert verify("short_phrase", question, "organotin compounds", **options).score == 0


def test_a_question_that_is_no_text_is_an_error() -> None:
    outcome = verify("short_phrase", "a b", "a c", question=3)
    assert (outcome.outcome, "question" in outcome.reason) == ("error", True)


def test_words_of_weight() -> None:
    assert counting_words("the losses of three habitats") == ("loss", "3", "habitat")
    assert counting_words("protein A") == ("protein", "a")
    assert counting_words("of the") == ("of", "the")


def _oracle(phrase: list[str], text: list[str], spare: int) -> float:
    """All stretches, counted one by one."""
    width = len(phrase) + spare
    best = 0
    for start in range(len(text)):
        rest = text[start : start + width]
        best = max(best, sum(min(rest.count(word), phrase.count(word)) for word in set(phrase)))
    return round(best / len(phrase), 4)


def test_the_share_that_stands_together_is_that_of_the_best_stretch() -> None:
    import random

    rng = random.Random(5)
    for _ in range(300):
        phrase = rng.choices("abcd", k=rng.randint(1, 4))
        text = rng.choices("abcdef", k=rng.randint(0, 12))
        spare = rng.randint(0, 3)
        assert share_together(phrase, text, spare) == _oracle(phrase, text, spare)
