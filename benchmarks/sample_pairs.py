"""Draws question-answer pairs at random for marking by hand.

Reads parquet, JSONL or JSONL.zst files: pairs (rows with a ``question``), or documents (rows with a
``text``), on which it runs the extractive writer. Prints question, answer, type and quote; with
``--json`` one JSON object per line. Every file weighs the same, within a file plain chance decides.

    python benchmarks/sample_pairs.py --seed 1 -n 100 corpora/*.jsonl.zst
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import zstandard

from webscale_dagster.llm.questions import write_pairs

Row = dict[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a parquet, JSONL or JSONL.zst file."""
    if path.suffix == ".parquet":
        yield from pl.read_parquet(path).iter_rows(named=True)
        return
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(data).read()
    for line in data.decode("utf-8").split("\n"):
        if line.strip():
            yield json.loads(line)


def pairs_of(row: Row, per_document: int) -> list[Row]:
    """The row itself when it is a pair, else the pairs written from its text."""
    if "question" in row:
        return [{**row, "quote": row.get("evidence", row.get("quote", ""))}]
    written = write_pairs(row.get("text") or "", row.get("title"), per_document)
    return [{**vars(pair), "document": row.get("id", row.get("doc_id", ""))} for pair in written]


def draw(path: Path, wanted: int, per_document: int, rng: random.Random) -> list[Row]:
    """``wanted`` pairs of a file: documents in random order, one random pair of each."""
    rows = [row for row in read_rows(path) if row.get("lang") in (None, "en", "python")]
    rng.shuffle(rows)
    drawn: list[Row] = []
    seen: set[str] = set()  # documents may be near-duplicates
    for row in rows:
        pairs = [p for p in pairs_of(row, per_document) if p["question"] not in seen]
        if pairs:
            drawn.append({"file": path.name, **rng.choice(pairs)})
            seen.add(drawn[-1]["question"])
        if len(drawn) == wanted:
            break
    return drawn


def main(arguments: list[str]) -> None:
    """Print the drawn pairs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("-n", type=int, default=100, help="pairs in all")
    parser.add_argument("--per-document", type=int, default=3, help="pairs written per document")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    share = -(-options.n // len(options.files))
    drawn = [row for p in options.files for row in draw(p, share, options.per_document, rng)]
    rng.shuffle(drawn)
    for number, row in enumerate(drawn[: options.n], 1):
        if options.json:
            print(json.dumps(row, ensure_ascii=False, default=str))
            continue
        print(f"{number}. [{row['file']}] {row['question']}")
        print(f"   A ({row['answer_type']}): {row['answer']}\n   Q: {row['quote']}")


if __name__ == "__main__":
    main(sys.argv[1:])
