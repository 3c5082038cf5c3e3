import pytest

from webscale_dagster.llm.questions import Pair, leaks, write_pairs

# sentence, question, answer, answer type
ASKED = [
    (
        "The Treaty of Westphalia was signed in 1648 in two towns.",
        "In what year was the Treaty of Westphalia signed in two towns?",
        "1648",
        "date",
    ),
    (
        "On 6 August 1991, Tim Berners-Lee published the first web page at CERN.",
        "On what date did Tim Berners-Lee publish the first web page at CERN?",
        "6 August 1991",
        "date",
    ),
    (
        "Turner syndrome affects about 1 in 2,500 newborn girls worldwide.",
        "Turner syndrome affects one in how many newborn girls worldwide?",
        "2,500",
        "number",
    ),
    (
        "The human heart has four chambers.",
        "How many chambers does the human heart have?",
        "four",
        "number",
    ),
    (
        "The Eiffel Tower is 330 metres tall.",
        "How tall is the Eiffel Tower?",
        "330 metres",
        "number",
    ),
    (
        "The speed of light is 299,792 kilometres per second.",
        "What is the speed of light?",
        "299,792 kilometres per second",
        "number",
    ),
    (
        "The First Arab-Israeli War lasted ten months.",
        "How many months did the First Arab-Israeli War last?",
        "ten months",
        "duration",
    ),
    (
        "About 71 percent of the Earth's surface is covered by water.",
        "About what percentage of the Earth's surface is covered by water?",
        "71 percent",
        "percent",
    ),
    (
        "A prion is a misfolded protein that can transmit its shape to normal variants.",
        "What is the term for a misfolded protein that can transmit its shape to normal variants?",
        "prion",
        "term",
    ),
    (
        "The process by which plants make food is called photosynthesis.",
        "What is the process by which plants make food called?",
        "photosynthesis",
        "term",
    ),
    (
        "Mutations in the GJB2 gene cause nonsyndromic hearing loss.",
        "Mutations in which gene cause nonsyndromic hearing loss?",
        "GJB2",
        "entity",
    ),
    (
        "Lake Victoria is the largest lake in Africa.",
        "What is the largest lake in Africa?",
        "Lake Victoria",
        "entity",
    ),
    (
        "The Wealth of Nations was written by Adam Smith in Kirkcaldy.",
        "Who wrote the Wealth of Nations in Kirkcaldy?",
        "Adam Smith",
        "entity",
    ),
    (
        "Kind Hearts is a 1949 film written and directed by Robert Hamer.",
        "Who directed the film Kind Hearts?",
        "Robert Hamer",
        "entity",
    ),
    (
        "Mary Anning (21 May 1799 – 9 March 1847) was an English fossil collector.",
        "On what date did Mary Anning die?",
        "9 March 1847",
        "date",
    ),
]

# sentences that need their surroundings, state an opinion, or name nothing to ask for
REFUSED = [
    "It was signed in 1648 in two towns.",
    "However, the Treaty of Westphalia was signed in 1648.",
    "The company was founded in 1920 by its two owners.",
    "This figure rose to 40 percent of all sales in 1998.",
    "The patient was given 20 milligrams of the drug in 2004.",
    "I bought the kettle in 2009 and it still boils water.",
    "You should see Figure 3 for the 12 parts of the engine.",
    "The above table lists 14 countries in Europe and Asia.",
    "The theory was later refined (Smith 1998).",
    "Copyright 2004 by the Board of Trustees of the University.",
    "A child has two red wagons and a small blue ball.",
    "Was the Treaty of Westphalia signed in 1648?",
    "Treaty of Westphalia, 1648, two towns",
    "x = 3 + 4 where the treaty was signed in 1648.",
    "The Board of Directors has 15 members.",
]


def only(text: str) -> Pair:
    pairs = write_pairs(text, None, 3)
    assert len(pairs) == 1, [pair.question for pair in pairs]
    return pairs[0]


@pytest.mark.parametrize(("text", "question", "answer", "answer_type"), ASKED)
def test_a_fact_becomes_a_real_question(
    text: str, question: str, answer: str, answer_type: str
) -> None:
    pair = only(text)
    assert (pair.question, pair.answer, pair.answer_type) == (question, answer, answer_type)
    assert pair.quote == text


@pytest.mark.parametrize("text", REFUSED)
def test_a_sentence_that_does_not_stand_alone_is_left_alone(text: str) -> None:
    assert write_pairs(text, None, 3) == []


def test_a_measure_keeps_its_unit_in_answer_and_options() -> None:
    pair = only("The Eiffel Tower is 330 metres tall.")
    assert pair.options == {"unit": "metres"}


def test_a_surname_is_completed_from_the_title() -> None:
    text = "Foster graduated from Brown University in 1990."
    pairs = write_pairs(text, "Fred Foster", 1)
    assert pairs[0].question == "In what year did Fred Foster graduate from Brown University?"
    assert write_pairs(text, "A year in music", 1) == []


def test_a_rule_names_the_law_it_stands_in_or_is_not_asked() -> None:
    text = "A cord of wood shall contain 128 cubic feet."
    (pair,) = write_pairs(text, "City Code § 37-201", 1)
    assert pair.question.startswith("Under City Code § 37-201, how many cubic feet shall a cord")
    assert write_pairs(text, "Firewood", 1) == []


def test_hard_wrapped_lines_are_one_sentence() -> None:
    text = (
        "The Treaty of Westphalia, which ended a long and bloody war,\n"
        "was signed in 1648 in two towns of the Holy Roman Empire."
    )
    assert only(text).quote == text


def test_abbreviations_do_not_end_a_sentence() -> None:
    text = "Hiram R. Revels joined the U.S. Senate in 1870."
    assert only(text).quote == text


def test_two_numbers_of_one_kind_are_not_asked_for() -> None:
    assert write_pairs("The Danube has 30 fish species and 12 bird species.", None, 1) == []


@pytest.mark.parametrize(
    ("question", "answer", "leak"),
    [
        ("What is the largest lake in Africa?", "Lake Victoria", False),
        ("Who founded the Smith Company?", "John Smith", True),
        ("What is the study of cells called?", "cell biology", True),
        ("How many metres high is the tower?", "330 metres", False),
    ],
)
def test_leaks(question: str, answer: str, leak: bool) -> None:
    assert leaks(question, answer, {"unit": "metres"}) is leak
