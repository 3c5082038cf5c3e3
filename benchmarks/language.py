"""How often and how fast a document's language is found.

    python benchmarks/language.py --documents DIR [--peers PYTHON] [--misses]

Reads every ``.jsonl.zst`` of the folder (fields ``text``, ``lang``, ``source``, ``domain``), and
prints:

1. of documents over 200 characters, by source and language: how many are named rightly, and what
   the others are taken for;
2. the same in sum, and of rare languages (domain ``multilingual_noise``) the share called English;
3. documents per CPU-second on pages of 2,000 characters and on whole documents, median of three.

With ``--peers``, the same for other detectors that are installed for that Python. Random choices
have a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import zstandard

from webscale_dagster.text import detect_language

MIN_CHARACTERS = 200
PAGE, N_PAGES = 2_000, 4_000
PEER_ENGLISH = 1_000  # English documents that the slower peers are asked about
NOISE = "multilingual_noise"
ENGLISH_NOISE = "eng"  # the one text among them that is English

Document = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    corpora = Path(os.environ.get("WEBSCALE_CORPORA", "."), "corpora")
    parser.add_argument("--documents", type=Path, default=corpora)
    parser.add_argument("--peers", type=Path, help="a Python with other detectors installed")
    parser.add_argument("--misses", action="store_true", help="name every document that is missed")
    args = parser.parse_args()
    documents = _documents(args.documents)
    if not documents:
        sys.exit(f"{args.documents}: no .jsonl.zst with documents; name --documents DIR")
    found = [detect_language(document["text"])[0] for document in documents]
    _print(
        "by source and language",
        ["source", "lang", "n", "right", "taken for"],
        _rows(documents, found),
    )
    _print("in sum", ["documents", "n", "wrong", "right"], _sums(documents, found))
    if args.misses:
        _print("missed", ["id", "lang", "taken for", "begins"], _misses(documents, found))
    pages = _pages(documents)
    speeds = [[name, f"{_speed(texts):,.0f}"] for name, texts in _texts(pages, documents).items()]
    _print("speed", ["texts", "documents per CPU-second"], speeds)
    if args.peers:
        rows = _peers(args.peers, documents, pages)
        _print(
            "peers", ["detector", "pages/CPU-s", "English", "XQuAD", "law", "false English"], rows
        )


def _documents(folder: Path) -> list[Document]:
    rows = []
    for path in sorted(folder.glob("*.jsonl.zst")):
        with path.open("rb") as packed:
            text = zstandard.ZstdDecompressor().stream_reader(packed).read()
        rows += [orjson.loads(line) for line in text.splitlines() if line]
    return [row for row in rows if len(row.get("text") or "") > MIN_CHARACTERS]


def _group(document: Document) -> str:
    """What a document counts for: a source that is English throughout, or a set with languages."""
    domain = str(document["domain"])
    if domain == "web":
        return "web pages"
    if domain == NOISE:
        return "rare languages" if document["lang"] != ENGLISH_NOISE else "English among them"
    if domain.startswith("multilingual"):
        return (
            "XQuAD" if document["lang"] != "de" or "xquad" in document["source"] else "German law"
        )
    return "English sources" if document["lang"] == "en" else str(document["domain"])


def _rows(documents: list[Document], found: list[str]) -> list[list[str]]:
    taken: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for document, code in zip(documents, found, strict=True):
        lang = str(document["lang"] or "unknown")
        key = (document["source"], "various" if document["domain"] == NOISE else lang)
        taken[key][code] += 1
    return [[*key, *_row(key[1], codes)] for key, codes in sorted(taken.items())]


def _row(lang: str, codes: Counter[str]) -> list[str]:
    total = codes.total()
    others = [f"{code} {n}" for code, n in codes.most_common() if code != lang]
    right = f"{codes[lang] / total:.4f}" if codes[lang] else "-"
    return [str(total), right, ", ".join(others[:6])]


def _sums(documents: list[Document], found: list[str]) -> list[list[str]]:
    right: dict[str, list[bool]] = defaultdict(list)
    for document, code in zip(documents, found, strict=True):
        group = _group(document)
        if group == "rare languages":
            right["rare languages: not called English"].append(code != "en")
        elif group in ("English sources", "XQuAD", "German law"):
            right[group].append(code == document["lang"])
    return [
        [group, str(len(hits)), str(hits.count(False)), f"{sum(hits) / len(hits):.4f}"]
        for group, hits in right.items()
    ]


def _misses(documents: list[Document], found: list[str]) -> list[list[str]]:
    rows = []
    for document, code in zip(documents, found, strict=True):
        group, lang = _group(document), str(document["lang"])
        is_missed = code == "en" if group == "rare languages" else code != lang
        if is_missed and group in ("English sources", "XQuAD", "German law", "rare languages"):
            begins = " ".join(document["text"][:80].split()).replace("|", "/")
            rows.append([str(document["id"]), lang, code, begins])
    return rows


def _pages(documents: list[Document]) -> list[str]:
    pages = [
        document["text"][start : start + PAGE]
        for document in documents
        for start in range(0, len(document["text"]) - PAGE + 1, PAGE)
    ]
    return random.Random(6).sample(pages, min(N_PAGES, len(pages)))


def _texts(pages: list[str], documents: list[Document]) -> dict[str, list[str]]:
    drawn = random.Random(6).sample(documents, len(documents) // 4)
    foreign = [d["text"][:PAGE] for d in documents if _group(d) in ("XQuAD", "German law")]
    return {
        f"pages of {PAGE:,} characters": pages,
        "whole documents": [document["text"] for document in drawn],
        f"XQuAD and German law, at most {PAGE:,} characters": foreign,
    }


def _speed(texts: list[str]) -> float:
    speeds = []
    for _ in range(3):
        start = time.process_time()
        for text in texts:
            detect_language(text)
        speeds.append(len(texts) / (time.process_time() - start))
    return statistics.median(speeds)


def _peers(python: Path, documents: list[Document], pages: list[str]) -> list[list[str]]:
    """Other detectors, asked in a process of their own about the same texts."""
    groups: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        groups[_group(document)].append(document)
    english = random.Random(6).sample(groups["English sources"], PEER_ENGLISH)
    asked = [*english, *groups["XQuAD"], *groups["German law"], *groups["rare languages"]]
    task = json.dumps({"pages": pages[:1_000], "texts": [document["text"] for document in asked]})
    script = Path(__file__).with_name("language_peers.py")
    done = subprocess.run(
        [python, script], input=task, stdout=subprocess.PIPE, text=True, check=True
    )
    answers = {"webscale": {"codes": [detect_language(d["text"])[0] for d in asked]}}
    answers["webscale"]["speed"] = _speed(pages[:1_000])
    answers |= json.loads(done.stdout)
    rows = []
    for name, answer in answers.items():
        sums = {row[0]: row[3] for row in _sums(asked, answer["codes"])}
        false = 1 - float(sums["rare languages: not called English"])
        shares = [sums["English sources"], sums["XQuAD"], sums["German law"], f"{false:.4f}"]
        rows.append([name, f"{answer['speed']:,.0f}", *shares])
    return rows


def _print(title: str, names: list[str], rows: list[list[str]]) -> None:
    print(f"\n## {title}")
    for row in [names, ["---"] * len(names), *rows]:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
