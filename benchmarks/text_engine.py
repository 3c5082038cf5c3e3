"""The text engine beside its peers: documents and MB per CPU-second, memory, recall, precision.

    python benchmarks/text_engine.py --documents DIR --benchmarks DIR --peers PYTHON
    python benchmarks/text_engine.py --only walk,growth --documents DIR --benchmarks DIR

Every method runs in a process of its own, on one thread, by turns, three times; medians are
printed. CPU-seconds are user + system, of the work alone: starting, reading the corpus, indexing
the questions and a warm-up on 100 documents come before the clock starts; what they cost is
printed apart. Documents are made from real ones (``--documents``: ``.jsonl.zst`` files with
``text``) as ``text_engine_corpus.py`` says, questions are GSM8K's (``--benchmarks``); without the
folders both are made up. Slow peers get fewer documents: a column says how many. ``--peers`` is
the Python of an environment with datatrove, datasketch, rensa, numba, polars, pyarrow, xxhash<4.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl
import text_engine_corpus as corpus
from text_engine_runs import Bench, Method
from text_engine_tables import (
    decontamination_table,
    growth_table,
    near_duplicates_table,
    print_table,
    speed_rows,
    walk_table,
)

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages import STAGES, Context

OURS = "text_engine_ours.py"


def near_duplicates(bench: Bench, documents: pl.DataFrame) -> None:
    """End to end, from texts to decisions."""
    small, large = bench.options.sizes[:2]
    name = bench.write("documents", documents.head(large))
    peers = [
        ("rensa, our shingles: flags only", "rensa_flags", large, {}),
        ("rensa, our shingles: pairs", "rensa_pairs", large, {}),
        ("rensa, Python shingles: flags only", "rensa_python", small, {}),
        ("datasketch update_batch + LSH", "datasketch", small, {"update": "batch"}),
        ("datasketch update + LSH", "datasketch", small // 2, {"update": "loop"}),
        ("datatrove, four stages", "datatrove", small, {}),
    ]
    methods = [Method("ours, verified", OURS, "near_duplicates", name, large)]
    methods += [
        Method(title, "text_engine_peers.py", task, name, rows, settings, peer=True)
        for title, task, rows, settings in peers
    ]
    near_duplicates_table(bench.rounds(methods), documents.head(large))


def quality(bench: Bench, documents: pl.DataFrame) -> None:
    """Gopher quality and repetition, C4, FineWeb; two fifths of the documents are dirtied."""
    small, large = bench.options.sizes[:2]
    name = bench.write("dirtied", corpus.dirtied(documents.head(large)))
    methods = [
        Method(f"ours, {profile}", OURS, "quality", name, large, {"profile": profile})
        for profile in ("adapted", "published")
    ]
    peer = "text_engine_datatrove.py"
    methods.append(Method("datatrove, four filters", peer, "quality", name, small // 16, peer=True))
    rows = [
        [*row, f"{len(runs[0].made['kept']) / runs[0].method.rows:.3f}"]
        for row, runs in speed_rows(bench.rounds(methods))
    ]
    print_table("Quality rules, all four sets on every document", rows, "kept")


def decontamination(bench: Bench, documents: pl.DataFrame) -> None:
    """GSM8K's questions in 6 % of the documents."""
    small, large = bench.options.sizes[:2]
    questions = corpus.questions(bench.options.benchmarks)
    leaked = corpus.leaked(documents.head(large), questions["question"].to_list())
    name, index = bench.write("leaked", leaked), bench.path(bench.write("questions", questions))
    task, given = "decontamination", {"questions": index}
    methods = [
        Method("ours", OURS, task, name, large, given),
        Method("datatrove", "text_engine_datatrove.py", task, name, small // 4, given, peer=True),
    ]
    title = f"Decontamination, {questions.height:,} questions, 6 % of the documents planted"
    decontamination_table(title, bench.rounds(methods), leaked)


def walk(bench: Bench, documents: pl.DataFrame) -> None:
    """From JSON Lines to decontaminated documents: one process, then two at once."""
    n = bench.options.sizes[1] // 2
    frame = documents.head(2 * n)
    name, jsonl = bench.write("walked", frame), bench.folder / "walked.jsonl.zst"
    frame.select("id", "text").write_ndjson(jsonl, compression="zstd")
    given = {"jsonl": str(jsonl), **_index(bench)}
    halves = [
        Method(f"walk {i + 1}", OURS, "walk", name, n, given | {"first": f"{i * n}"})
        for i in range(2)
    ]
    alone, together = [], []
    for _ in range(bench.options.repeats):
        alone.append(bench.once(halves[0]))
        started = [bench.start(half) for half in halves]
        pairs = zip(halves, started, strict=True)
        together.append([bench.end(half, *process) for half, process in pairs])
    walk_table(alone, together)


def _index(bench: Bench) -> dict[str, str]:
    """The benchmarks' tables, as a lake keeps them."""
    from webscale_dagster.readers import read_benchmarks

    folder = bench.options.benchmarks
    files = read_benchmarks(folder) if folder else corpus.questions(None)
    made = STAGES["benchmarks"].run({"benchmark_files": files}, Context(Recipe()))
    frames = {"benchmarks": made.kept, **made.beside}
    return {name: bench.path(bench.write(name, frame)) for name, frame in frames.items()}


def growth(bench: Bench, documents: pl.DataFrame) -> None:
    """Near-duplicates at each size: how CPU-seconds and memory grow.

    Each size is worked on as long as the largest, on one part of the documents after the other: a
    processor that has rested is a quarter faster for a second.
    """
    name = bench.write("growing", documents)
    sizes = bench.options.sizes[1:]
    methods = [Method(f"{n:,}", OURS, "growth", name, max(sizes), {"size": f"{n}"}) for n in sizes]
    growth_table(bench.rounds(methods))


def start(bench: Bench, documents: pl.DataFrame) -> None:
    """What the first documents cost: imports, and kernels compiled or read from disk."""
    name = bench.write("first", documents.head(200))
    asked = bench.path(bench.write("questions", corpus.questions(bench.options.benchmarks)))
    given = {"near_duplicates": {}, "quality": {"profile": "adapted"}}
    for task, settings in (given | {"decontamination": {"questions": asked}}).items():
        method = Method(f"start of {task}", OURS, task, name, 200, settings)
        with tempfile.TemporaryDirectory() as empty:
            cold, cached = (
                bench.once(method, NUMBA_CACHE_DIR=empty).measures["start_cpu_s"] for _ in range(2)
            )
        print(f"{method.name}, CPU-s with imports: {cold:.1f} cold, {cached:.1f} cached")


PARTS = {
    "start": start,
    "near_duplicates": near_duplicates,
    "quality": quality,
    "decontamination": decontamination,
    "walk": walk,
    "growth": growth,
}
BY_DEFAULT = ",".join(name for name in PARTS if name != "growth")


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=Path, help="folder of .jsonl.zst files with text")
    parser.add_argument("--benchmarks", type=Path, help="folder of benchmark files")
    parser.add_argument("--peers", type=Path, help="the peers' Python; without it ours alone")
    parser.add_argument("--only", default=BY_DEFAULT, help=f"of {', '.join(PARTS)}")
    sizes = [4_000, 25_000, 100_000, 400_000]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="slow peers', ours, …")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="the larger sizes too")
    parser.add_argument("--json", type=Path, help="write every run's measures to this file")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Make the corpora, run, report."""
    options = options_of(arguments)
    names = [*options.only.split(","), *(["growth"] if options.growth else [])]
    if unknown := set(names) - set(PARTS):
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    pool = corpus.paragraphs(options.documents)
    size = max(options.sizes) if "growth" in names else options.sizes[1]
    documents = corpus.documents(pool, size)
    mean = documents["text"].str.len_bytes().mean()
    print(
        f"{len(pool):,} paragraphs; documents of {mean:,.0f} bytes; load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        for name in dict.fromkeys(names):
            PARTS[name](bench, documents)
    if options.json:
        rows = [asdict(run.method) | run.measures for run in bench.runs]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
