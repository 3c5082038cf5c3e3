"""``stage``, ``dedup``, ``decontaminate`` on plain files: fixed outputs, clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.cli.conftest import run
from tests.test_walk import COPPER, DANUBE
from webscale_dagster.cli.files import Part

pytestmark = pytest.mark.usefixtures("home")
QUIZ = "Which river of Europe flows through ten countries before it reaches the Black Sea at last?"


def _jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _stage(name: str, source: Path, out: Path, *options: str) -> dict[str, pl.DataFrame]:
    result = run("stage", name, str(source), str(out), *options)
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    return {part: pl.read_parquet(out / f"{part}.parquet") for part in ("kept", "rejects", "calls")}


def test_stages_feed_each_other(tmp_path: Path) -> None:
    source = _jsonl(
        tmp_path / "docs.jsonl",
        {"id": "a", "text": DANUBE},
        {"id": "b", "text": COPPER},
        {"id": "c", "text": "too short"},
        {"id": "d"},
    )
    raw = _stage("raw_corpus", source, tmp_path / "raw")
    assert (raw["kept"].height, raw["rejects"]["reason"].to_list()) == (3, ["no_text"])
    docs = _stage("filtered_docs", tmp_path / "raw" / "kept.parquet", tmp_path / "docs")
    assert docs["kept"].height == 2 and "too_short" in docs["rejects"]["reason"].to_list()
    asked = _stage("personas", tmp_path / "docs" / "kept.parquet", tmp_path / "personas")
    assert set(asked["kept"]["doc_id"]) == set(docs["kept"]["doc_id"])
    assert asked["calls"].height == 2
    texts = ("--documents", str(tmp_path / "docs" / "kept.parquet"))
    slots = tmp_path / "personas" / "kept.parquet"
    refused = run("stage", "qa_pairs", str(slots), str(tmp_path / "none"))
    assert refused.exit_code == 1 and "name --documents FILE" in refused.output
    pairs = _stage("qa_pairs", slots, tmp_path / "pairs", *texts)
    assert pairs["kept"].height >= 2
    good = _stage("verified_qa", tmp_path / "pairs" / "kept.parquet", tmp_path / "good", *texts)
    assert good["kept"].height + good["rejects"].height == pairs["kept"].height
    clean = _stage("decontaminated_set", tmp_path / "good" / "kept.parquet", tmp_path / "clean")
    assert clean["kept"].height == good["kept"].height


def test_plain_pairs_are_enough_for_verification(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "question": "How long is the Danube in all?", "answer": "2,850 kilometres",
         "evidence": "The Danube is 2,850 kilometres long."},
        {"id": 2, "question": "Is it 2,850 kilometres, as the text says?",
         "answer": "2,850 kilometres", "evidence": "The Danube is 2,850 kilometres long."},
    ]  # fmt: skip
    made = _stage("verified_qa", _jsonl(tmp_path / "pairs.jsonl", *rows), tmp_path / "out")
    assert made["kept"]["qa_id"].to_list() == ["1"]
    verdicts = pl.read_parquet(tmp_path / "out" / "pair_verdicts.parquet")
    assert dict(verdicts.select("qa_id", "problem").iter_rows()) == {
        "1": None,
        "2": "refers_to_document",
    }
    assert made["rejects"].select("row_id", "reason").rows() == [("2", "refers_to_document")]


def test_dedup_names_the_kept_document(tmp_path: Path) -> None:
    source = _jsonl(
        tmp_path / "docs.jsonl",
        {"id": 1, "text": DANUBE},
        {"id": 2, "text": COPPER},
        {"id": 3, "text": DANUBE + " It is wide."},
    )
    result = run("dedup", str(source), str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    found = pl.read_parquet(tmp_path / "out" / "duplicates.parquet")
    assert found.columns == ["id", "keep_id", "cluster_id", "jaccard"]
    assert found.select("id", "keep_id").rows() == [("3", "1")]
    assert pl.read_parquet(tmp_path / "out" / "kept.parquet")["id"].to_list() == ["1", "2"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part holds two rows."""
    monkeypatch.setattr("webscale_dagster.cli.dedup.PART", Part(2, 10_000))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("end", ["jsonl", "parquet"])
def test_a_large_file_is_read_part_by_part(tmp_path: Path, end: str) -> None:
    more = [1, 2.5, None, 3, 4]
    texts = (DANUBE, COPPER, f"{DANUBE} It is wide.", "another text", COPPER)
    told = zip(texts, more, strict=True)
    rows = [{"id": i, "text": text, "more": value} for i, (text, value) in enumerate(told)]
    source = _jsonl(tmp_path / "docs.jsonl", *rows)
    if end == "parquet":
        source = tmp_path / "docs.parquet"
        pl.DataFrame(rows).write_parquet(source)
    out = tmp_path / "out"
    result = run("dedup", str(source), str(out))
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    assert "2 of 5 documents are duplicates" in result.output
    found = pl.read_parquet(out / "duplicates.parquet")
    assert found.select("id", "keep_id").rows() == [("2", "0"), ("4", "1")]
    kept = pl.read_parquet(out / "kept.parquet")
    assert kept["id"].to_list() == ["0", "1", "3"]
    assert kept["more"].to_list() == [1.0, 2.5, 3.0]
    assert sorted(path.name for path in out.iterdir()) == ["duplicates.parquet", "kept.parquet"]


@pytest.mark.usefixtures("small_parts")
def test_fields_of_several_parts_have_one_type(tmp_path: Path) -> None:
    fields: list[dict[str, Any]] = [
        {"a": 1, "b": {"x": 1}, "c": [1]},
        {"a": 2, "b": None, "c": [2]},
        {"a": "x", "b": {"y": 2}, "c": [3], "d": True},
    ]
    rows = [{"id": i, "text": f"text {i}", **more} for i, more in enumerate(fields)]
    result = run("dedup", str(_jsonl(tmp_path / "docs.jsonl", *rows)), str(tmp_path / "out"))
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    kept = pl.read_parquet(tmp_path / "out" / "kept.parquet")
    assert kept.select("a", "b", "c", "d").rows() == [
        ("1", '{"x": 1}', [1], None),
        ("2", None, [2], None),
        ("x", '{"y": 2}', [3], True),
    ]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1, "text": "again"}, "row 3: an id that is missing or repeated"),
        ({"id": 9, "text": None}, "row 3: no text"),
        ({"id": 9, "text": {"a": 1}}, "row 2: text is of type"),
    ],
)
def test_a_bad_row_of_a_later_part_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    rows = [{"id": i, "text": f"text {i}"} for i in range(3)]
    if isinstance(row["text"], dict):
        rows[2] = {"id": 2, "text": {"a": 2}}  # type: ignore[dict-item]
    source = _jsonl(tmp_path / "docs.jsonl", *rows, row)
    result = run("dedup", str(source), str(tmp_path / "out"))
    assert result.exit_code == 1 and said in result.output, f"{result.output} {result.exception}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["documents", "pairs"])
def test_decontaminate_names_the_benchmark(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    _jsonl(folder / "quiz.jsonl", {"id": "q1", "question": QUIZ, "answer": "the Danube"})
    rows = (
        [{"id": "x", "text": f"{COPPER} {QUIZ} {COPPER}"}, {"id": "y", "text": DANUBE}]
        if kind == "documents"
        else [
            {"id": "x", "question": QUIZ.upper(), "answer": "Danube"},
            {"id": "y", "question": "Who wrote the opera Fidelio?", "answer": "Beethoven"},
        ]
    )
    source = _jsonl(tmp_path / "rows.jsonl", *rows)
    out = tmp_path / "out"
    result = run("decontaminate", str(source), str(out), "--benchmarks", str(folder))
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    found = pl.read_parquet(out / "contaminated.parquet")
    assert found.columns == ["id", "benchmark", "benchmark_id", "rule", "score", "match"]
    assert found.select("id", "benchmark", "benchmark_id").rows() == [("x", "quiz", "q1")]
    assert pl.read_parquet(out / "clean.parquet")["id"].to_list() == ["y"]
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "1 of 2 rows overlap" in report and "| quiz | question | 1 | 1 | 1.0 |" in report
    assert QUIZ in report and "which river" in report.split("| match |")[1].lower()


def test_odd_fields_are_kept_and_halves_of_characters_are_not(tmp_path: Path) -> None:
    source = tmp_path / "docs.jsonl"
    source.write_text(
        '{"id": 1, "text": "half \\ud800 of one", "more": {"a": 1}}\n'
        '{"id": "x", "text": "another text", "more": [1], "new": 2}\n',
        encoding="utf-8",
    )
    result = run("dedup", str(source), str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert pl.read_parquet(tmp_path / "out" / "kept.parquet").to_dicts() == [
        {"id": "1", "text": "half \ufffd of one", "more": '{"a": 1}', "new": None},
        {"id": "x", "text": "another text", "more": "[1]", "new": 2},
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": 1, "body": "x"}], "no field 'text'; it has id, body"),
        (
            [{"id": 1, "text": "x"}, {"id": 1, "text": "y"}],
            "row 0: an id that is missing or repeated",
        ),
        ([{"id": 1, "text": "x"}, {"id": 2, "text": None}], "row 1: no text"),
        ([{"id": 1, "text": [1]}], "row 0: text is of type list(int64), not text"),
        ([], "no rows in it"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    source = _jsonl(tmp_path / "docs.jsonl", *rows)
    result = run("dedup", str(source), str(tmp_path / "out"))
    assert result.exit_code == 1
    assert said in result.output and "docs.jsonl" in result.output
    assert not (tmp_path / "out").exists()


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    source = tmp_path / "docs.jsonl"
    source.write_text('{"id": 1, "text": "x"}\n{broken\n', encoding="utf-8")
    result = run("dedup", str(source), str(tmp_path / "out"))
    assert result.exit_code == 1 and "docs.jsonl" in f"{result.output} {result.exception}"
