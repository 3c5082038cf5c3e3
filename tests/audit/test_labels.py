"""Labels: a wrong file is one clear error, and then nothing is stored."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from webscale_dagster.audit.criteria import NAMES
from webscale_dagster.audit.export import AuditError
from webscale_dagster.audit.labels import import_labels, load_labels
from webscale_dagster.audit.sheet import COLUMNS
from webscale_dagster.lake import Lake

SAMPLE = {"name": "spring", "sample": "abc", "items": [{"qa_id": f"q{n}"} for n in range(4)]}
YES = dict.fromkeys(NAMES, "yes")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def form_file(path: Path, reviewer: str = "Ada", **more: Any) -> Path:
    content = {"audit": "spring", "sample": "abc", "reviewer": reviewer, "labels": {"q0": YES}}
    path.write_text(json.dumps(content | more), encoding="utf-8")
    return path


def sheet(path: Path, *rows: dict[str, str], encoding: str = "utf-8-sig") -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def test_files_of_both_kinds_are_stored_by_reviewer(lake: Lake, tmp_path: Path) -> None:
    filled = {"id": "q1", "correct": "Y", "stands_alone": "FALSE", "category": "leaks"}
    files = [
        form_file(
            tmp_path / "a.json", "Zoë O'Hara", labels={"q0": YES | {"seconds": 3.5}, "q2": {}}
        ),
        sheet(tmp_path / "b.csv", filled | {"reviewer": "Bo", "sample": "abc"}, {"id": "q2"}),
    ]
    done = import_labels(lake, SAMPLE, files)
    assert [(one.reviewer, one.pairs, one.replaced) for one in done] == [
        ("Zoë O'Hara", 1, None),
        ("Bo", 1, None),
    ]
    bo, zoe = load_labels(lake, "spring")
    assert bo.labels["q1"].correct == "yes" and bo.labels["q1"].stands_alone == "no"
    assert bo.labels["q1"].category == "leaks" and bo.labels["q1"].only_answer is None
    assert zoe.labels["q0"].seconds == 3.5 and zoe.key == "zoë-o-hara"


def test_importing_again_replaces_the_reviewers_labels(lake: Lake, tmp_path: Path) -> None:
    import_labels(
        lake, SAMPLE, [form_file(tmp_path / "a.json"), form_file(tmp_path / "b.json", "Bo")]
    )
    again = form_file(tmp_path / "c.json", "ADA ", labels={"q1": YES, "q2": YES})
    (done,) = import_labels(lake, SAMPLE, [again])
    assert done.replaced == 1
    ada, bo = load_labels(lake, "spring")
    assert set(ada.labels) == {"q1", "q2"} and set(bo.labels) == {"q0"}


JSON_MISTAKES = {
    "another sample": ({"sample": "xyz"}, "sample xyz, but audit spring has sample abc"),
    "an unknown pair": ({"labels": {"q9": YES}}, "id 'q9' is not in the sample"),
    "a bad answer": ({"labels": {"q0": {"correct": "si"}}}, "labels → q0 → correct: .*'yes', 'no'"),
    "a bad category": ({"labels": {"q0": {"category": "ugly"}}}, "say one of wrong_answer"),
    "an unknown field": ({"labels": {"q0": {"corect": "yes"}}}, "q0 → corect: Extra inputs"),
    "no name": ({"reviewer": " - "}, "nobody signed it"),
    "no labels": ({"labels": None}, "labels: "),
}


@pytest.mark.parametrize("mistake", JSON_MISTAKES)
def test_a_mistake_in_a_json_file_stores_nothing(lake: Lake, tmp_path: Path, mistake: str) -> None:
    more, said = JSON_MISTAKES[mistake]
    files = [
        form_file(tmp_path / "good.json"),
        form_file(tmp_path / "bad.json", **{"reviewer": "B"} | more),
    ]
    with pytest.raises(AuditError, match=f"bad.json: .*{said}"):
        import_labels(lake, SAMPLE, files)
    assert load_labels(lake, "spring") == []


SIGNED = {"reviewer": "Bo", "sample": "abc"}
SHEET_MISTAKES = {
    "a bad answer": (
        [{"id": "q0", "correct": "si"} | SIGNED],
        "line 2: correct = 'si'; write yes, no",
    ),
    "a bad category": (
        [{"id": "q0"} | SIGNED, {"id": "q1", "category": "ugly"}],
        "line 3: category = 'ugly'; write one of wrong answer",
    ),
    "an unknown pair": ([{"id": "q9", "correct": "y"} | SIGNED], "id 'q9' is not in the sample"),
    "a pair twice": ([{"id": "q0"} | SIGNED, {"id": "q0"}], "line 3: id 'q0' stands there twice"),
    "two names": (
        [{"id": "q0"} | SIGNED, {"id": "q1", "reviewer": "Cy"}],
        "Bo and Cy; split the file",
    ),
    "no name": ([{"id": "q0", "sample": "abc"}], "nobody signed it"),
    "no sample": ([{"id": "q0", "reviewer": "Bo"}], "none named"),
}


@pytest.mark.parametrize("mistake", SHEET_MISTAKES)
def test_a_mistake_in_a_sheet_names_its_line(lake: Lake, tmp_path: Path, mistake: str) -> None:
    rows, said = SHEET_MISTAKES[mistake]
    files = [form_file(tmp_path / "good.json"), sheet(tmp_path / "bad.csv", *rows)]
    with pytest.raises(AuditError, match=f"bad.csv.*{said}"):
        import_labels(lake, SAMPLE, files)
    assert load_labels(lake, "spring") == []


def test_files_that_are_none(lake: Lake, tmp_path: Path) -> None:
    latin = sheet(tmp_path / "l.csv", {"id": "q0", "note": "é"} | SIGNED, encoding="latin-1")
    with pytest.raises(AuditError, match=r"l\.csv: not UTF-8"):
        import_labels(lake, SAMPLE, [latin])
    (tmp_path / "n.txt").write_text("hello")
    with pytest.raises(AuditError, match=r"give the form's \.json"):
        import_labels(lake, SAMPLE, [tmp_path / "n.txt"])
    (tmp_path / "n.json").write_text("{")
    with pytest.raises(AuditError, match=r"n\.json: the file: Invalid JSON"):
        import_labels(lake, SAMPLE, [tmp_path / "n.json"])
    twice = [form_file(tmp_path / "1.json", "Ada"), form_file(tmp_path / "2.json", "ada")]
    with pytest.raises(AuditError, match="both by ada; give one file a reviewer"):
        import_labels(lake, SAMPLE, twice)
    assert load_labels(lake, "spring") == []
