from __future__ import annotations

from typing import Any

import pytest

from webscale_dagster.verifiers import verify

Case = tuple[str, str, str | list[str], dict[str, Any], str]


def _cases(kind: str, *rows: tuple[Any, ...]) -> list[Case]:
    return [(kind, row[0], row[1], row[3] if len(row) > 3 else {}, row[2]) for row in rows]


DATES = _cases(
    "date",
    ("3 May 1918", "1918-05-03", "correct"),
    ("May 3, 1918", "1918-05-03", "correct"),
    ("May 3rd 1918", "1918-05-03", "correct"),
    ("the 3rd of May, 1918", "1918-05-03", "correct"),
    ("on Friday, 3 May 1918", "1918-05-03", "correct"),
    ("1918/05/03", "1918-05-03", "correct"),
    ("03.05.1918", "1918-05-03", "correct"),
    ("4 May 1918", "1918-05-03", "wrong"),
    ("3 May 1919", "1918-05-03", "wrong"),
    ("3 June 1918", "1918-05-03", "wrong"),
    ("May 1918", "1918-05-03", "wrong"),
    ("1918", "1918-05-03", "wrong"),
    ("May 1918", "1918-05-03", "correct", {"precision": "month"}),
    ("1918", "1918-05-03", "correct", {"precision": "year"}),
    ("June 1918", "1918-05-03", "wrong", {"precision": "month"}),
    ("3 May 1918", "May 1918", "correct"),
    ("3 June 1918", "May 1918", "wrong"),
    ("1918-05", "May 1918", "correct"),
    ("in 1918", "1918", "correct"),
    ("1919", "1918", "wrong"),
    ("03/04/2020", "2020-04-03", "unparseable"),
    ("03/04/2020", "2020-04-03", "correct", {"order": "dmy"}),
    ("03/04/2020", "2020-04-03", "wrong", {"order": "mdy"}),
    ("13/04/2020", "2020-04-13", "correct"),
    ("04/13/2020", "2020-04-13", "correct"),
    ("44 BC", "44 BCE", "correct"),
    ("44 B.C.", "44 BC", "correct"),
    ("44 AD", "44 BC", "wrong"),
    ("44", "44 BC", "unparseable"),
    ("March 15, 44 BC", "15 March 44 BC", "correct"),
    ("AD 79", "79 CE", "correct"),
    ("10,000 BC", "10000 BCE", "correct"),
    ("July 4th", "4 July", "correct"),
    ("July 4", "4 July 1776", "wrong"),
    ("4 July 1776", "4 July", "correct"),
    ("July 4, 1776", "1776-07-04", "correct"),
    ("31 February 2020", "2020-02-28", "unparseable"),
    ("29 February 1900", "1900-02-28", "unparseable"),
    ("29 February 2000", "2000-02-29", "correct"),
    ("1914-1918", "1914", "unparseable"),
    ("the 1920s", "1920", "unparseable"),
    ("before 1918", "1918", "unparseable"),
    ("5/3/18", "1918-05-03", "unparseable"),
    ("Sept. 2, 1945", "1945-09-02", "correct"),
    ("1945-09-02T09:04:00Z", "2 September 1945", "correct"),
    ("some day", "1918", "unparseable"),
    ("500 miles", "500", "unparseable"),
    ("1918 people", "1918", "unparseable"),
    ("1918%", "1918", "unparseable"),
    ("around 1918", "1918", "correct"),
    ("It began in 1918, and ended later", "1918", "correct"),
    ("1918-05-03 or 1918-05-04", "1918-05-03", "unparseable"),
    ("1918", "1918", "error", {"precision": "week"}),
)


@pytest.mark.parametrize("case", DATES, ids=lambda case: " | ".join(map(str, case)))
def test_answers_have_their_outcome(case: Case) -> None:
    kind, completion, truth, options, expected = case
    result = verify(kind, completion, truth, **options)
    assert result.outcome == expected, result.reason
    assert result.score == (1.0 if expected == "correct" else 0.0)
    assert result.reason
