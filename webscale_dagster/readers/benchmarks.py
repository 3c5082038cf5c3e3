"""Benchmark files to one frame of questions.

Reads every .jsonl, .jsonl.zst, .jsonl.gz and .parquet file of a folder, or the files named; writes
nothing. Broken files are refused: a question that is not read is a leak not found. A benchmark
whose authors publish no plain text comes as ``hashes`` of its ``ngram``-word runs, without a
question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.readers.records import SourceError, label
from webscale_dagster.readers.shard import READERS
from webscale_dagster.readers.whole import read_objects
from webscale_dagster.text.normalise import normalise

SUFFIXES = (*READERS["jsonl"].suffixes, *READERS["parquet"].suffixes)
SCHEMA = pl.Schema(
    {
        "benchmark": pl.String(),
        "benchmark_id": pl.String(),
        "question": pl.String(),
        "answer": pl.String(),
        "context": pl.String(),
        "n_words": pl.Int64(),
        "hashes": pl.List(pl.String()),
        "ngram": pl.Int64(),
    }
)
QUESTION_FIELDS = ("question", "query", "problem", "prompt", "input")
ANSWER_FIELDS = ("answer", "answers", "target", "final_answer")
CONTEXT_FIELDS = ("context", "passage")
ID_FIELDS = ("id", "task_id", "question_id", "idx")


def read_benchmarks(where: str | Path | Sequence[str | Path]) -> pl.DataFrame:
    """All questions of a folder's files, or of the files named, sorted by file name."""
    rows: list[dict[str, Any]] = []
    for path in _files(where):
        found = [_question(path, number, fields) for number, fields in read_objects(path)]
        if not found:
            raise SourceError(f"{path}: no benchmark question in it; remove the file")
        rows += _with_own_ids(found)
    return pl.DataFrame(rows, schema=SCHEMA)


def _with_own_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Questions that share an id keep apart: the second ``x`` of a file becomes ``x#2``."""
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row["benchmark_id"]] += 1
        if (number := seen[row["benchmark_id"]]) > 1:
            row["benchmark_id"] += f"#{number}"
    return rows


def _files(where: str | Path | Sequence[str | Path]) -> list[Path]:
    if not isinstance(where, str | Path):
        return [file for part in where for file in _files(part)]
    path = Path(where)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"{path}: no such file or folder of benchmarks")
    files = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES) and p.name[0] != ".")
    if not files:
        raise SourceError(f"{path}: no benchmark files ({', '.join(SUFFIXES)}) in this folder")
    return files


def _question(path: Path, number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    question = _text(fields, QUESTION_FIELDS)
    hashes = fields.get("hashes")
    if question is None and not hashes:
        known = ", ".join(map(str, list(fields)[:12]))
        raise SourceError(
            f"{path}: record {number} has no question (one of {', '.join(QUESTION_FIELDS)});"
            f" its fields: {known}"
        )
    if hashes and not isinstance(fields.get("ngram"), int):
        raise SourceError(f"{path}: record {number} has hashes but not the ngram they are of")
    return {
        "benchmark": _benchmark(path),
        "benchmark_id": _first_label(fields, ID_FIELDS) or str(number),
        "question": question,
        "answer": _text(fields, ANSWER_FIELDS),
        "context": _text(fields, CONTEXT_FIELDS),
        "n_words": len(question.split()) if question else None,
        "hashes": [str(value) for value in hashes] if hashes else None,
        "ngram": fields.get("ngram") if hashes else None,
    }


def _benchmark(path: Path) -> str:
    return next(path.name[: -len(end)] for end in _longest_first() if path.name.endswith(end))


def _longest_first() -> list[str]:
    return [*sorted(SUFFIXES, key=len, reverse=True), ""]


def _text(fields: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of several fields that says something, as text; a list gives its first entry."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, Mapping):  # SQuAD: {"text": [...], "answer_start": [...]}
            value = value.get("text")
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = value[0] if value else None
        text = value if isinstance(value, str) else label(value)
        if isinstance(value, bool):
            text = str(value).lower()
        if text and (clean := normalise(text)).strip():
            return clean
    return None


def _first_label(fields: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((text for name in names if (text := label(fields.get(name)))), None)
