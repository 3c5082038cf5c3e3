"""The published quality rules beside datatrove's filters: the same decisions, and how fast.

    python benchmarks/quality_rules.py [--documents FILE-OR-FOLDER ...] [--peers PYTHON]
        [--limit N] [--timed N] [--peers-timed N] [--differences]

Reads ``.jsonl.zst`` files (fields ``id``, ``text`` and maybe ``html``, of which the main text is
taken). Each file named is a group of documents, each folder one group of a sample of its files;
without ``--documents`` some are made up. Prints:

1. with ``--peers``, a Python in which datatrove and spaCy are installed: for each filter and rule,
   how many of the groups' documents both reject, and how many decisions differ, within 2 % of a
   limit and elsewhere; datatrove's limits on both sides;
2. documents per CPU-second on pages of 2,000 characters, medians of three: of the published rules,
   of ``quality.judge`` with either profile, and of datatrove's four filters on fewer pages;
3. CPU-seconds that compiling takes once on a machine.

``--differences`` names every document on which they differ. Random choices have a fixed seed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zstandard
from quality_rules_agreement import compare

from webscale_dagster.readers.html import extract
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text.published_rules import measures
from webscale_dagster.text.quality import judge

Documents = list[tuple[str, str]]
CHARACTERS = 20_000  # of a document at most: datatrove is slow
PAGE = 2_000
SEED = 0
AGREEMENT = [
    "",
    "documents",
    "rejected by ours",
    "by datatrove",
    "agree",
    "differ near a limit",
    "differ elsewhere",
    "agreement elsewhere",
]
SPEED = ["", "pages", "bytes each", "pages per CPU-s", "MB per CPU-s", "microseconds per 2 KB"]
COLD = """
import time
from webscale_dagster.text.kernels.utf8 import encode
from webscale_dagster.text import published_rules
from webscale_dagster.text.kernels import published
start = time.process_time()
published_rules.measures(encode(["A cat."]))
print(time.process_time() - start)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=Path, nargs="*", default=[])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--limit", type=int, default=5_000, help="documents of a group")
    parser.add_argument("--timed", type=int, default=10_000, help="pages")
    parser.add_argument("--peers-timed", type=int, default=200, help="pages")
    parser.add_argument("--differences", action="store_true", help="name every document")
    args = parser.parse_args()
    groups = dict(_groups(args.documents, args.limit)) if args.documents else _made_up(args.limit)
    if not all(groups.values()):
        sys.exit(
            f"no documents in {', '.join(name for name, found in groups.items() if not found)}"
        )
    pages = _pages(groups, args.timed)
    peers_pages = pages[: args.peers_timed]
    answers = _ask(args.peers, groups, peers_pages) if args.peers else {}
    for name, documents in groups.items() if answers else ():
        rows, lines = compare(documents, **answers["groups"][name])
        _print(f"agreement with datatrove: {name}", rows, AGREEMENT)
        print(*(lines if args.differences else ()), sep="\n")
    _speed(pages, peers_pages, answers.get("seconds", []))


def _groups(paths: list[Path], limit: int) -> Iterator[tuple[str, Documents]]:
    for path in paths:
        if path.is_dir():
            files = [file for file in sorted(path.glob("*.jsonl.zst")) if file not in paths]
            documents = [row for file in files for row in _rows(file)]
        else:
            documents = list(_rows(path))
        texts = [(row["id"], row["text"][:CHARACTERS]) for row in documents if row.get("text")]
        yield path.name, random.Random(SEED).sample(texts, min(limit, len(texts)))
        pages = [
            (row["id"], extract(row["html"], RawCorpus())) for row in documents if row.get("html")
        ]
        main = [(id_, page.text[:CHARACTERS]) for id_, page in pages if not isinstance(page, tuple)]
        if main:
            yield f"{path.name}, main text", main[:limit]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file)
        yield from map(json.loads, io.TextIOWrapper(reader, encoding="utf-8"))


def _made_up(limit: int) -> dict[str, Documents]:
    """Pages of sentences, lists, repeated lines and notices, more or less of each."""
    draw = random.Random(SEED)
    words = ["".join(draw.choices("aeioubcdfghlmnprst", k=draw.randint(2, 9))) for _ in range(2000)]
    words += [
        "the",
        "of",
        "and",
        "to",
        "that",
        "don't",
        "U.S.",
        "e.g.",
        "12.5",
        "$40",
        "(2019)",
    ] * 60
    lines: list[Callable[[], str]] = [
        lambda: " ".join(draw.choices(words, k=draw.randint(4, 30))).capitalize() + ".",
        lambda: "- " + " ".join(draw.choices(words, k=3)),
        lambda: " ".join(draw.choices(words, k=2)) + "...",
        lambda: "This site uses cookies, see https://ex-ample.org/privacy.",
        lambda: " ".join(draw.choices(words[:20], k=12)) + "!",
    ]
    documents = []
    for number in range(min(limit, 1000)):
        weights = [draw.random() ** 3 for _ in lines]
        chosen = draw.choices(lines, weights, k=draw.randint(3, 60))
        documents.append((f"made-up-{number}", "\n".join(line() for line in chosen)))
    return {"made up": documents}


def _pages(groups: dict[str, Documents], n_pages: int) -> list[str]:
    """Pieces of the documents, none of them much shorter than a page."""
    pages = [
        text[at : at + PAGE]
        for documents in groups.values()
        for _, text in documents
        for at in range(0, max(len(text) - PAGE // 2, 1), PAGE)
    ]
    random.Random(SEED).shuffle(pages)
    return pages[:n_pages]


def _ask(peers: Path, groups: dict[str, Documents], pages: list[str]) -> dict[str, Any]:
    """What datatrove decides, and its CPU-seconds."""
    program = Path(__file__).with_name("quality_rules_datatrove.py")
    answers: dict[str, Any] = {"groups": {}}
    for name, documents in groups.items():
        task = {"texts": [text for _, text in documents], "timed": pages, "repeats": 3}
        ran = subprocess.run(
            [peers, program], input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True
        )
        answers["groups"][name] = json.loads(ran.stdout)
        answers["seconds"] = answers["groups"][name].pop("seconds") or answers["seconds"]
        pages = []  # timed once
    return answers


def _speed(pages: list[str], peers_pages: list[str], peers_seconds: list[float]) -> None:
    ways: dict[str, Callable[[list[str]], object]] = {
        "published rules": lambda texts: measures(encode(texts)),
        "quality.judge, published": lambda texts: judge(texts, profile="published"),
        "quality.judge, adapted": judge,
    }
    rows = [
        _speed_row(name, pages, [_seconds(way, pages) for _ in range(3)])
        for name, way in ways.items()
    ]
    if peers_seconds:
        ours = [_seconds(ways["published rules"], peers_pages * 20) / 20 for _ in range(3)]
        rows.append(_speed_row("published rules, datatrove's pages", peers_pages, ours))
        rows.append(_speed_row("datatrove, four filters", peers_pages, peers_seconds))
    _print("CPU time, one thread", rows, SPEED)
    if peers_seconds:
        print(
            f"\nours / datatrove: {statistics.median(peers_seconds) / statistics.median(ours):.0f}x"
        )
    with tempfile.TemporaryDirectory() as folder:
        cold = subprocess.run(
            [sys.executable, "-c", COLD],
            env={**os.environ, "NUMBA_CACHE_DIR": folder},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    print(f"\ncompiling, once on a machine: {float(cold.stdout):.1f} CPU-s")


def _seconds(way: Callable[[list[str]], object], texts: list[str]) -> float:
    way(texts[:1])
    start = time.process_time()
    way(texts)
    return time.process_time() - start


def _speed_row(name: str, texts: list[str], seconds: list[float]) -> list[str]:
    size, median = sum(len(text.encode()) for text in texts), statistics.median(seconds)
    return [
        name,
        f"{len(texts):,}",
        f"{size / len(texts):,.0f}",
        f"{len(texts) / median:,.0f}",
        f"{size / median / 1e6:,.1f}",
        f"{median / size * 2e9:,.1f}",
    ]


def _print(title: str, rows: list[list[str]], columns: list[str]) -> None:
    print(f"\n## {title}\n")
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
