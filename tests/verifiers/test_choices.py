from __future__ import annotations

from typing import Any

import pytest

from webscale_dagster.verifiers import verify

Case = tuple[str, str, str | list[str], dict[str, Any], str]


def _cases(kind: str, *rows: tuple[Any, ...]) -> list[Case]:
    return [(kind, row[0], row[1], row[3] if len(row) > 3 else {}, row[2]) for row in rows]


CITIES = {"choices": ["London", "Paris", "A Rome", "The Hague"]}

CHOICES = _cases(
    "multiple_choice",
    ("B", "B", "correct", CITIES),
    ("b", "B", "correct", CITIES),
    ("(B)", "B", "correct", CITIES),
    ("B.", "B", "correct", CITIES),
    ("B) Paris", "B", "correct", CITIES),
    ("(B) Paris", "B", "correct", CITIES),
    ("Option B", "B", "correct", CITIES),
    ("Paris", "B", "correct", CITIES),
    ("B", "Paris", "correct", CITIES),
    ("paris.", "Paris", "correct", CITIES),
    ("A", "B", "wrong", CITIES),
    ("London", "B", "wrong", CITIES),
    ("Hague", "D", "correct", CITIES),
    ("B) London", "B", "unparseable", CITIES),
    ("A and B", "B", "unparseable", CITIES),
    ("A, B", "B", "unparseable", CITIES),
    ("F", "B", "unparseable", CITIES),
    ("Berlin", "B", "unparseable", CITIES),
    ("B", "B", "correct"),
    ("I think so", "I", "unparseable"),
    ("A dog", "A", "unparseable"),
    ("B) a dog", "B", "correct"),
    ("C", "B", "wrong"),
    ("B", "B", "correct", {"choices": {"A": "London", "B": "Paris"}}),
    ("B", "B", "error", {"choices": "London, Paris"}),
    ("B", "Berlin", "wrong", {"choices": ["Berlin", "Bonn"]}),
)

BOOLEANS = _cases(
    "boolean",
    ("Yes", "yes", "correct"),
    ("true", "yes", "correct"),
    ("No", "yes", "wrong"),
    ("No, it was not true", "no", "correct"),
    ("Yes, because it rained", "yes", "correct"),
    ("It is false", "no", "correct"),
    ("It is not true", "no", "correct"),
    ("That is correct", "true", "correct"),
    ("maybe", "yes", "unparseable"),
    ("Yes **no**", "no", "wrong"),
    ("Yes and no", "yes", "unparseable"),
    ("It is true and false", "yes", "unparseable"),
)


@pytest.mark.parametrize("case", [*CHOICES, *BOOLEANS], ids=lambda case: " | ".join(map(str, case)))
def test_answers_have_their_outcome(case: Case) -> None:
    kind, completion, truth, options, expected = case
    result = verify(kind, completion, truth, **options)
    assert result.outcome == expected, result.reason
    assert result.score == (1.0 if expected == "correct" else 0.0)
    assert result.reason
