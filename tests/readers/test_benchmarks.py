from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from webscale_dagster.readers import SourceError, read_benchmarks


def save(folder: Path, name: str, *rows: Any) -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path = folder / name
    path.write_bytes(zstandard.compress(data) if name.endswith(".zst") else data)
    return path


def test_a_folder_of_files_with_fields_of_many_kinds(tmp_path: Path) -> None:
    save(
        tmp_path,
        "b.jsonl.zst",
        {"id": "x", "question": "How many moons?", "answer": 3, "choices": ["2", "3"]},
        {"id": "x", "question": "Another with this id?", "answer": ["yes", "no"]},
        {"task_id": 9, "prompt": "def f():", "answer": True, "context": "A passage."},
        {"question": "SQuAD?", "answers": {"text": ["here"], "answer_start": [4]}},
        {"id": "h", "question": None, "hashes": ["00ff", "11ee"], "ngram": 8},
    )
    pl.DataFrame({"query": ["Which?"], "target": [2.5]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "README.md").write_text("not a benchmark")
    frame = read_benchmarks(tmp_path)
    columns = ["benchmark", "benchmark_id", "question", "answer", "context", "n_words"]
    assert frame.select(columns).rows() == [
        ("a", "1", "Which?", "2.5", None, 1),
        ("b", "x", "How many moons?", "3", None, 3),
        ("b", "x#2", "Another with this id?", "yes", None, 4),
        ("b", "9", "def f():", "true", "A passage.", 2),
        ("b", "4", "SQuAD?", "here", None, 1),
        ("b", "h", None, None, None, None),
    ]
    assert frame["hashes"].to_list() == [None] * 5 + [["00ff", "11ee"]]
    assert frame["ngram"].to_list() == [None] * 5 + [8]


def test_files_by_name(tmp_path: Path) -> None:
    one = save(tmp_path, "one.jsonl", {"question": "a b"})
    two = save(tmp_path, "two.ndjson", {"question": "c"})
    assert read_benchmarks([two, str(one)])["benchmark"].to_list() == ["two", "one"]
    assert read_benchmarks(one).height == 1


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b"", "no benchmark question in it"),
        ("a.jsonl", b'{"answer": "4"}', "record 1 has no question .*its fields: answer"),
        ("a.jsonl", b'{"question": "a"}\n[1]', "record 2 is not a JSON object"),
        ("a.jsonl", b'{"question": ', "record 1 is not JSON"),
        ("a.jsonl", b'{"question": "\xff"}', "record 1 is not UTF-8"),
        ("a.jsonl", b'{"hashes": ["00"]}', "hashes but not the ngram"),
        ("a.jsonl.zst", zstandard.compress(b'{"question": "a"}')[:-2], "fetch the file again"),
        ("a.parquet", b"PAR1", "not readable as Parquet"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=message) as raised:
        read_benchmarks(tmp_path)
    assert str(tmp_path / name) in str(raised.value)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no benchmark files"):
        read_benchmarks(tmp_path)
    with pytest.raises(SourceError, match="no such file or folder"):
        read_benchmarks(tmp_path / "nowhere")


@pytest.mark.realdata
def test_real_benchmarks(corpora: Path) -> None:
    frame = read_benchmarks(corpora / "benchmarks")
    assert frame["benchmark"].n_unique() == len(list((corpora / "benchmarks").glob("*.jsonl.zst")))
    assert frame.select("benchmark", "benchmark_id").is_duplicated().sum() == 0
    fingerprints = frame.filter(pl.col("hashes").is_not_null())
    assert fingerprints["benchmark"].unique().to_list() == ["gpqa_diamond_fingerprints"]
    assert fingerprints["ngram"].unique().to_list() == [8]
    assert frame.filter(pl.col("hashes").is_null())["question"].null_count() == 0
