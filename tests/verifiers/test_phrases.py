from __future__ import annotations

from typing import Any

import pytest

from webscale_dagster.verifiers import verify

Case = tuple[str, str, str | list[str], dict[str, Any], str]


def _cases(kind: str, *rows: tuple[Any, ...]) -> list[Case]:
    return [(kind, row[0], row[1], row[3] if len(row) > 3 else {}, row[2]) for row in rows]


NAMES = _cases(
    "entity",
    ("Paris", "Paris", "correct"),
    ("paris", "PARIS", "correct"),
    ("Lyon", "Paris", "wrong"),
    ("the Seine", "Seine", "correct"),
    ("in Paris", "Paris", "correct"),
    ("Sao Paulo", "São Paulo", "correct"),
    ("Soren Kierkegaard", "Søren Kierkegaard", "correct"),
    ("Dr. Marie Curie", "Marie Curie", "correct"),
    ("Pierre Curie", "Marie Curie", "wrong"),
    ("J.R.R. Tolkien", "J. R. R. Tolkien", "correct"),
    ("King George VI", "George VI", "correct"),
    ("King George V", "George VI", "wrong"),
    ("Lear", "King Lear", "wrong"),
    ("Mt. Everest", "Mount Everest", "correct"),
    ("St Petersburg", "Saint Petersburg", "correct"),
    ("Apple Inc.", "Apple", "correct"),
    ("UN", "United Nations", "wrong"),
    ("UN", "United Nations", "correct", {"aliases": ["UN", "U.N."]}),
    ("UN", ["United Nations", "UN"], "correct"),
    ("Paris London Rome", "Paris", "wrong"),
    ("Paris or London", "Paris", "wrong"),
    ("not Paris", "Paris", "wrong"),
    ("he", "Marie Curie", "unparseable"),
    ("London **Paris**", "London", "wrong"),
    ("Paris, because London burnt", "Paris", "correct"),
    ("Paris, because **London** burnt", "London", "wrong"),
    ("Paris. London is larger.", "Paris", "correct"),
    ("Paris. London is larger.", "London", "wrong"),
    ("...", "Marie Curie", "unparseable"),
    ("Москва", "москва", "correct"),
    ("東京", "東京", "correct"),
    ("दिल्ली", "दिल्ली", "correct"),
    ("दल्ली", "दिल्ली", "wrong"),
    ("Paris", "Paris", "error", {"aliases": [3]}),
)

TERMS = _cases(
    "term",
    ("photosynthesis", "Photosynthesis", "correct"),
    ("the isotopes", "isotope", "correct"),
    ("e-mail", "email", "correct"),
    ("C++", "C", "wrong"),
    ("C", "C++", "wrong"),
    ("mitosis", "meiosis", "wrong"),
    ("naïve Bayes", "Naive Bayes", "correct"),
    ("batteries", "battery", "correct"),
    ("potential energy", "kinetic energy", "wrong"),
)

PHRASES = _cases(
    "short_phrase",
    ("the loss of a habitat", "Loss of habitat", "correct"),
    ("loss of habitat!", "loss of the habitat", "correct"),
    ("habitat of loss", "loss of habitat", "wrong"),
    ("three times", "3 times", "correct"),
    ("not the loss of habitat", "loss of habitat", "wrong"),
    ("loss of income", "loss of habitat", "wrong"),
    ("because of rain", "because of rain", "correct"),
    ("-5 degrees", "5 degrees", "wrong"),
    ("well-known fact", "well known fact", "correct"),
    ("35 degrees", "3.5 degrees", "wrong"),
    ("1,000 ships", "1000 ships", "correct"),
)

LISTS = _cases(
    "list",
    ("red, green and blue", "blue; green; red", "correct"),
    ("red, green, and blue", "red, green, blue", "correct"),
    ("red and green", "green, red", "correct"),
    ('["red", "green"]', "green; red", "correct"),
    ("red, green", "red, green, blue", "wrong"),
    ("red, green, blue, black", "red, green, blue", "wrong"),
    ("1. red 2. green", "red, green", "correct"),
    ("The red; a green", "red, green", "correct"),
    ("Paris, France; Rome, Italy", "Rome, Italy; Paris, France", "correct"),
    ("1,000 ships and 2 cats", "two cats; 1000 ships", "correct"),
    (";;", "red; green", "unparseable"),
) + _cases(
    "ordered_list",
    ("red, green and blue", "red; green; blue", "correct"),
    ("green, red and blue", "red; green; blue", "wrong"),
    ("red, red, green", "red, green", "wrong"),
)


@pytest.mark.parametrize(
    "case", [*NAMES, *TERMS, *PHRASES, *LISTS], ids=lambda case: " | ".join(map(str, case))
)
def test_answers_have_their_outcome(case: Case) -> None:
    kind, completion, truth, options, expected = case
    result = verify(kind, completion, truth, **options)
    assert result.outcome == expected, result.reason
    assert result.score == (1.0 if expected == "correct" else 0.0)
    assert result.reason
