"""The sample as a spreadsheet: a row a pair, empty columns for the reviewer's answers.

Makes and reads the text of ``audit.csv``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webscale_dagster.audit.criteria import CATEGORIES, NAMES

SHOWN = ("question", "answer", "answer_type", "also_accepted", "options")
_LABEL = (*NAMES, "category", "note", "reviewer", "sample")
COLUMNS = ("id", "title", "document", "quote", *SHOWN, *_LABEL)
_CELL = 30_000  # characters; a spreadsheet's cell holds 32,767
# A cell that begins so is a formula to a spreadsheet, whatever wrote it (OWASP, CSV injection).
_FORMULA = re.compile(r"^[\s\x00-\x1f]*[=+\-@＝＋－＠]|^[\t\r\n]")
_SPELLINGS = {
    "yes": ("yes", "y", "true", "1", "x"),
    "no": ("no", "n", "false", "0"),
    "unsure": ("unsure", "u", "?", "maybe", "don't know", "dont know"),
}
_ANSWERS = {spelling: answer for answer, all_of in _SPELLINGS.items() for spelling in all_of}
SAYABLE = "yes, no, unsure or nothing"


def sheet_csv(
    digest: str, documents: Sequence[Mapping[str, Any]], items: Sequence[Mapping[str, Any]]
) -> str:
    """The rows as CSV; a long document is cut to what stands around the quote."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in items:
        document = documents[item["document"]]
        cells = {name: item[name] for name in ("id", "quote", *SHOWN)}
        cells |= {name: "; ".join(item[name]) for name in ("also_accepted", "options")}
        cells |= {"title": document["title"] or "", "document": _around(document["text"], item)}
        cells["sample"] = digest
        writer.writerow([_harmless(cells.get(name, "")) for name in COLUMNS])
    return out.getvalue()


def _around(text: str, item: Mapping[str, Any]) -> str:
    if len(text) <= _CELL:
        return text
    middle = item["start"] or 0
    start = max(0, min(middle - _CELL // 2, len(text) - _CELL))
    end = start + _CELL
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"


def _harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.search(cell) else cell


def read_sheet(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a filled sheet, as spreadsheets save it: ``,``, ``;`` or tabs.

    Raises ``ValueError`` where it has no header with the columns that labels need.
    """
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip().casefold() for name in next(reader, [])]
    if missing := [name for name in ("id", *_LABEL) if name not in names]:
        raise ValueError(f"no column {missing[0]!r}; keep the columns of audit.csv as they are")
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, dict(zip(names, cells, strict=False))


def answer_of(cell: str) -> str | None:
    """What a cell answers, None where it is empty; raises ``KeyError`` for anything else."""
    said = cell.strip().casefold().replace("’", "'")
    return _ANSWERS[said] if said else None


def category_of(cell: str) -> str | None:
    """The category a cell names, by its key or its label; raises ``KeyError`` for another."""
    said = " ".join(cell.casefold().split())
    known = dict(zip(CATEGORIES, CATEGORIES, strict=True))
    known |= {label: name for name, label in CATEGORIES.items()}
    return known[said] if said else None
