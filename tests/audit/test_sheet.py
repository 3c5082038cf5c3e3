"""The sheet: nothing in it is a formula, long documents are cut, filled ones are read."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from webscale_dagster.audit.criteria import CATEGORIES, NAMES
from webscale_dagster.audit.sheet import COLUMNS, answer_of, category_of, read_sheet, sheet_csv

DOCUMENT = {"title": "T", "text": "before the quote after", "source": "s", "url": None}


def item(**more: Any) -> dict[str, Any]:
    fields = ("question", "answer", "answer_type", "quote")
    shown = dict.fromkeys(fields, "plain") | {"also_accepted": ["a", "b"], "options": []}
    return {"id": "q1", "document": 0, "start": 7, "end": 16, "exact": True} | shown | more


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "+1",
        "-5",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1",
        "\x01=cmd|' /C calc'!A0",
    ],
)
def test_no_cell_begins_as_a_formula(formula: str) -> None:
    document = DOCUMENT | {"title": formula, "text": formula}
    shown = item(question=formula, answer=formula, quote=formula, also_accepted=[formula])
    (row,) = rows(sheet_csv("digest", [document], [shown]))
    for name in ("title", "document", "question", "answer", "quote", "also_accepted"):
        assert row[name] == f"'{formula}"
    assert row["answer_type"] == "plain" and row["sample"] == "digest"


def test_the_answer_columns_are_empty_and_what_is_shown_is_not() -> None:
    (row,) = rows(sheet_csv("digest", [DOCUMENT], [item()]))
    assert tuple(row) == COLUMNS
    assert all(row[name] == "" for name in (*NAMES, "category", "note", "reviewer"))
    assert row["document"] == DOCUMENT["text"] and row["also_accepted"] == "a; b"


@pytest.mark.parametrize("start", [0, 50_000, 99_980])
def test_a_long_document_is_cut_around_its_quote(start: int) -> None:
    text = "x" * start + "THE QUOTE" + "y" * (100_000 - start)
    shown = item(quote="THE QUOTE", start=start, end=start + 9)
    (row,) = rows(sheet_csv("digest", [DOCUMENT | {"text": text}], [shown]))
    assert "THE QUOTE" in row["document"] and len(row["document"]) <= 32_767


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_filled_sheet_is_read_as_spreadsheets_save_it(delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([name.upper() for name in COLUMNS])
    writer.writerow(["q1", 'a "quoted"\nline', *[""] * (len(COLUMNS) - 2)])
    writer.writerow([""] * len(COLUMNS))
    ((line, row),) = read_sheet(out.getvalue())
    assert line == 3 and row["id"] == "q1" and row["title"] == 'a "quoted"\nline'
    assert set(row) == set(COLUMNS)


def test_a_sheet_without_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="no column 'correct'"):
        list(read_sheet("id,question\nq1,what\n"))
    with pytest.raises(ValueError, match="no column 'id'"):
        list(read_sheet(""))


def test_spellings_of_answers_and_categories() -> None:
    said = {
        "Yes ": "yes",
        "Y": "yes",
        "TRUE": "yes",
        "no": "no",
        "0": "no",
        "?": "unsure",
        " ": None,
    }
    assert {cell: answer_of(cell) for cell in said} == said
    assert answer_of("Don’t know") == "unsure"
    with pytest.raises(KeyError):
        answer_of("perhaps so")
    for name, label in CATEGORIES.items():
        assert category_of(name) == category_of(f" {label.upper()} ") == name
    assert category_of("") is None
    with pytest.raises(KeyError):
        category_of("ugly")
