"""``webscale text-report``: planted in plain files, on labelled rows, clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import run
from tests.text.samples import prose

pytestmark = pytest.mark.usefixtures("home")
QUIZ = "Which river of Europe flows through ten countries before it reaches the Black Sea at last?"


def _jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def benchmarks(tmp_path: Path) -> str:
    row = {"id": "q1", "question": QUIZ, "answer": "the Danube"}
    return str(_jsonl(tmp_path / "benchmarks" / "quiz.jsonl", row).parent)


def _measures(*arguments: str) -> dict[tuple[str, str], Any]:
    result = run("text-report", *arguments, "--json")
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    return {(row["kind"], row["form"]): row for row in json.loads(result.output)["measures"]}


def test_planted_in_a_file(tmp_path: Path, benchmarks: str) -> None:
    source = _jsonl(tmp_path / "docs.jsonl", *({"text": prose(seed, 120)} for seed in range(25)))
    found = _measures(str(source), "--benchmarks", benchmarks, "--documents", "22")
    assert sum(row["rows"] for (_, form), row in found.items() if not form) >= 22
    assert found["recall", ""]["share"] == found["precision", ""]["share"] == 1
    assert found["verbatim", "document"]["share"] == 1
    assert found["clean", "document"]["found"] == 0
    assert found == _measures(str(source), "--benchmarks", benchmarks, "--documents", "22")
    shown = run("text-report", str(source), "--benchmarks", benchmarks, "--documents", "5")
    assert "exact Jaccard >= 0.8" in shown.output and "5 documents, 1 questions" in shown.output


def test_without_a_file_the_samples() -> None:
    assert _measures("--documents", "11")["exact", ""]["rows"] == 1


def test_labelled_rows(tmp_path: Path, benchmarks: str) -> None:
    text, other = prose(1, 120), prose(2, 120)
    folder = tmp_path / "labelled"
    _jsonl(
        folder / "near_duplicate_pairs.jsonl",
        {"label": 1, "kind": "copy", "text_a": text, "text_b": f"{text} End."},
        {"label": 0, "kind": "topic", "text_a": text, "text_b": other},
    )
    refused = run("text-report", "--labelled", str(folder), "--benchmarks", benchmarks)
    assert refused.exit_code == 1 and "no benchmark_leakage.jsonl" in refused.output
    row = {"leak_kind": "verbatim", "text": "", "question": QUIZ, "answer": "the Danube"}
    _jsonl(folder / "benchmark_leakage.jsonl", row, row | {"leak_kind": "clean", "question": text})
    found = _measures("--labelled", str(folder), "--benchmarks", benchmarks)
    assert found["copy", ""]["found"] == 1 and found["unlike: topic", ""]["found"] == 0
    assert found["verbatim", "pair"]["share"] == 1 and found["clean", "pair"]["share"] == 0
    _jsonl(folder / "benchmark_leakage.jsonl", {"text": text})
    refused = run("text-report", "--labelled", str(folder), "--benchmarks", benchmarks)
    assert refused.exit_code == 1 and "no field 'leak_kind'" in refused.output


def test_a_file_without_text_is_named(tmp_path: Path) -> None:
    source = _jsonl(tmp_path / "docs.jsonl", {"body": "x"})
    result = run("text-report", str(source))
    assert result.exit_code == 1 and "no field 'text'; it has body" in result.output
