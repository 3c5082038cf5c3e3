import pytest

from webscale_dagster.llm.questions import write_pairs


def questions(text: str, title: str | None = None) -> list[str]:
    return [pair.question for pair in write_pairs(text, title, 5)]


@pytest.mark.parametrize(
    "text",
    [
        "Marlow's acting career began in 1994.",
        "The biggest year of Ada Marlow's career was 1961.",
        "The speed of Tilda's boat is 17 miles per hour.",
        "Harbor Industries has two divisions, a tax rate of 30%, and a discount rate of 8%.",
        "A popular fast food burger weighs 7.5 ounces.",
        "Subway Fare Nadia spends $4.50 per day.",
        "Contact lenses Nadia puts in a new pair of contact lenses every 14 days.",
        "Ada Marlow also worked out a compromise with Congress in 2011.",
        "The USSR followed with a fusion device of their own in August 1953.",
        "The points on the string between the end points that are not moving are called nodes.",
        "The yield to maturity of Harbor Industries bonds is 6.312%.",
        "A 10 N board of uniform density is 5 meters long.",
        "Remodeling a Kitchen Nadia’s kitchen remodeling cost $18,549.",
        "Harbor Middle School has three grades.",
        "The distance to Buenos Ayres is about four hundred miles.",
        "A chambered nautilus is a marine animal that lives in the tropical Pacific Ocean.",
        "Islam spread across the subcontinent over a period of 700 years.",
        "Great Britain had much to celebrate in 1763.",
        "QP’s data warehouse took the involvement of 26 departments to create.",
        "Nadia gets paid $15 per hour at her job.",
        "Ada Marlow (28 July 1750) was a German composer of the Baroque period.",
        "The challenge is a healthcare system that strikes the right balance of cost and quality.",
        "Nadia and Omar are the only two growers who provide corn to a local grocery store.",
        "Ninety percent of the time, a person must wait at most 13.5 minutes.",
        "A rescue party for a missing child follows a search dog named Trooper.",
        "In 1928, the AESC became the '''American Standards Association'''.",
        "Turbo Mode Contests require 12 players.",
        "WEIRD stands for a group of people in rich countries.",
    ],
)
def test_a_question_that_needs_its_document_is_not_asked(text: str) -> None:
    assert questions(text) == []


def test_an_owner_is_completed_from_the_title_or_from_an_earlier_full_name() -> None:
    text = "Friends of Marlow wept. Marlow's family was exiled to Bukhara in 1937."
    asked = ["In what year was Ada Marlow's family exiled to Bukhara?"]
    assert questions(text, "Ada Marlow") == asked
    assert questions(f"The singer is Ada Marlow. {text}") == asked
    assert questions(f"{text} The lawyer is Ada Marlow.") == []


def test_an_owner_that_is_known_stays_as_it_is() -> None:
    text = "Mutations in the LRRK2 gene cause Parkinson's disease."
    assert questions(text) == ["Mutations in which gene cause Parkinson's disease?"]


def test_an_organisation_gets_no_given_name() -> None:
    text = "Critics of German Rosology spoke. Rosology became active in Germany in 1970."
    assert not any("German Rosology" in question for question in questions(text))
    text = "The group was Italian Marlow. Marlow became active in Germany in 1970."
    assert questions(text) == []


def test_an_abbreviation_gets_its_whole_expansion() -> None:
    (pair,) = write_pairs(
        "WEIRD stands for western, educated, industrialized, rich, and democratic.", None, 1
    )
    assert pair.answer == "western, educated, industrialized, rich, and democratic"
    (pair,) = write_pairs("DNA stands for deoxyribonucleic acid, which carries genes.", None, 1)
    assert pair.answer == "deoxyribonucleic acid"


def test_generic_parts_may_stand_in_a_definition() -> None:
    text = "An aorta is an artery that carries blood from the heart to the body."
    assert questions(text) == [
        "What is the term for an artery that carries blood from the heart to the body?"
    ]


def test_a_ruler_is_a_who() -> None:
    text = "Shah Marlow was the last atabeg of Lesser Luristan."
    assert questions(text) == ["Who was the last atabeg of Lesser Luristan?"]


def test_a_bare_year_is_a_date() -> None:
    pairs = write_pairs("The founding year of Kyoto Tower is 1964.", None, 1)
    assert [pair.answer_type for pair in pairs] == ["date"]


@pytest.mark.parametrize(
    "sentence",
    [
        "The DNAJC19 gene provides instructions for making a protein found in structures called "
        "mitochondria, which are the energy-producing centers of cells.",
        "A vaccine introduces a molecule called an antigen into the body.",
    ],
)
def test_a_name_belongs_to_the_noun_before_it(sentence: str) -> None:
    answers = [pair.answer for pair in write_pairs(sentence, None, 3)]
    assert not {"mitochondria", "antigen into the body"} & set(answers)
