"""How well and how fast main texts are found in web pages.

    python benchmarks/html_extraction.py --pages FILE [--peers PYTHON] [--archives DIR] [--hostile]

Reads a ``.jsonl.zst`` of pages (fields ``id``, ``source``, ``html``, ``main_text_gold``; rows
without the last two are passed over). Prints for each extractor and setting the mean precision,
recall and F1 of a page's words (multisets of ``webscale_dagster.text.normalise.words``), F1 by
source and on each half of the pages (by hash of the id: settings are chosen on half A and judged on
half B), the difference to the package's own choice with a 95% interval (paired bootstrap over
pages), and CPU milliseconds per page.

``--archives`` also reads every web archive of a folder through the package's reader and counts what
comes out; ``--hostile`` times pages made to break extractors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard
from html_extraction_checks import archive_rows, hostile_rows
from html_extraction_settings import OURS, SETTINGS, Extractor

from webscale_dagster.text.normalise import words

Page = dict[str, Any]
Found = tuple[list[str], list[float]]  # texts, CPU-seconds
N_BOOTSTRAP = 10_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    corpora = Path(os.environ.get("WEBSCALE_CORPORA", "."), "corpora")
    parser.add_argument("--pages", type=Path, default=corpora / "web_raw.jsonl.zst")
    parser.add_argument("--peers", type=Path, help="a Python with other extractors installed")
    parser.add_argument("--archives", type=Path, help="a folder of web archives")
    parser.add_argument("--hostile", action="store_true")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # extractors log every odd page
    if not args.pages.is_file():
        sys.exit(f"{args.pages}: no such file; set WEBSCALE_CORPORA or name --pages FILE")
    pages = _pages(args.pages)
    found = {name: _run(extractor, pages) for name, extractor in SETTINGS.items()}
    if args.peers:
        found |= _peers(args.peers, pages)
    _print(f"{len(pages)} pages", _rows(pages, found))
    if args.archives:
        _print("web archives", archive_rows(args.archives))
    if args.hostile:
        _print("hostile pages", hostile_rows())


def _pages(path: Path) -> list[Page]:
    with path.open("rb") as packed:
        text = zstandard.ZstdDecompressor().stream_reader(packed).read()
    rows = [orjson.loads(line) for line in text.splitlines() if line]
    return [row for row in rows if row.get("html") and row.get("main_text_gold")]


def _run(extractor: Extractor, pages: list[Page]) -> Found:
    extractor(pages[0]["html"])  # imports
    texts, seconds = [], []
    for page in pages:
        start = time.process_time()
        texts.append(extractor(page["html"]) or "")
        seconds.append(time.process_time() - start)
    return texts, seconds


def _peers(python: Path, pages: list[Page]) -> dict[str, Found]:
    script = Path(__file__).with_name("html_extraction_peers.py")
    task = json.dumps([page["html"] for page in pages])
    done = subprocess.run(
        [python, script], input=task, stdout=subprocess.PIPE, text=True, check=True
    )
    return {name: (texts, seconds) for name, (texts, seconds) in json.loads(done.stdout).items()}


def _rows(pages: list[Page], found: dict[str, Found]) -> list[dict[str, str]]:
    gold = [Counter(words(page["main_text_gold"])) for page in pages]
    scores = {
        name: np.array([_score(text, truth) for text, truth in zip(texts, gold, strict=True)])
        for name, (texts, _) in found.items()
    }
    half = np.array([hashlib.sha256(page["id"].encode()).digest()[0] % 2 for page in pages])
    source = np.array([page["source"].split("/")[0] for page in pages])
    rows = []
    for name, (texts, seconds) in found.items():
        f1 = scores[name][:, 2]
        precision, recall, mean = (f"{value:.4f}" for value in scores[name].mean(axis=0))
        row = {"extractor": name, "precision": precision, "recall": recall, "F1": mean}
        row |= {who: f"{f1[source == who].mean():.4f}" for who in sorted(set(source))}
        row |= {"half A": f"{f1[half == 0].mean():.4f}", "half B": f"{f1[half == 1].mean():.4f}"}
        row["F1 over ours"] = "-" if name == OURS else _interval(f1 - scores[OURS][:, 2])
        row["empty"] = str(sum(not text.strip() for text in texts))
        row["ms"] = f"{1000 * float(np.mean(seconds)):.1f}"
        rows.append(row | {"slowest": f"{1000 * max(seconds):.0f}"})
    return rows


def _score(text: str, truth: Counter[str]) -> tuple[float, float, float]:
    found = Counter(words(text))
    shared = (found & truth).total()
    if not shared:
        return 0.0, 0.0, 0.0
    precision, recall = shared / found.total(), shared / truth.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def _interval(differences: np.ndarray[Any, Any]) -> str:
    n, random = len(differences), np.random.default_rng(6)
    means = differences[random.integers(0, n, (N_BOOTSTRAP, n))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{differences.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def _print(title: str, rows: list[dict[str, str]]) -> None:
    names = list(rows[0]) if rows else []
    print(f"\n## {title}")
    for row in [names, ["---"] * len(names), *(list(row.values()) for row in rows)]:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
