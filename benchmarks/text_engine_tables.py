"""Tables of ``text_engine.py``: medians, ratios to ours, recall and precision, growth."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from statistics import median
from typing import Any

import polars as pl
from text_engine_corpus import every_pair, jaccard, true_pairs

SPEED = ("method", "docs", "CPU-s", "min-max", "docs/CPU-s", "MB/CPU-s", "RSS MB", "ours/it")
TRUE, RIGHT = 0.8, 0.7  # pairs from here on are to be found; found ones from here on are right
_EXHAUSTIVE = 2_000  # documents of which every pair is compared


def print_table(title: str, rows: Iterable[Sequence[str]], *more: str) -> None:
    """A Markdown table."""
    lines = [[*SPEED, *more] if more else list(SPEED), *map(list, rows)]
    _print(title, lines)


def _print(title: str, lines: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}\n")
    for number, line in enumerate(lines):
        print(f"| {' | '.join(line)} |")
        if number == 0:
            print("|" + "---|" * len(line))


def speed_rows(methods: Sequence[Sequence[Any]]) -> Iterator[tuple[list[str], Sequence[Any]]]:
    """A row for each method's runs, with the runs; the first method is ours."""
    ours = median(run.rate for run in methods[0])
    for runs in methods:
        rate = median(run.rate for run in runs)
        spent = [run.measures["cpu_s"] for run in runs]
        row = [runs[0].method.name, f"{runs[0].method.rows:,}", f"{median(spent):.2f}"]
        row += [f"{min(spent):.2f}-{max(spent):.2f}", f"{rate:,.0f}"]
        row += [f"{rate * _bytes(runs[0]):,.2f}", _memory(runs), f"{ours / rate:,.1f}"]
        yield row, runs


def _bytes(run: Any) -> float:
    return float(run.measures["bytes"] / run.measures["documents"] / 1e6)


def _memory(runs: Sequence[Any]) -> str:
    """The peak, and how much of it came with the work: the rest are libraries and documents."""
    peak, held = (median(run.measures[name] for run in runs) for name in ("rss_mb", "held_mb"))
    return f"{peak:,.0f} (+{max(peak - held, 0):,.0f})"


def near_duplicates_table(methods: Sequence[Sequence[Any]], documents: pl.DataFrame) -> None:
    """Speed, recall of pairs from Jaccard 0.8, precision of merged pairs from 0.7."""
    sizes = {runs[0].method.rows for runs in methods}
    true = {n: true_pairs(documents.head(n), TRUE) for n in sizes}
    rows = [
        [*row, *_truth(true[runs[0].method.rows], runs[0].made, documents["text"])]
        for row, runs in speed_rows(methods)
    ]
    title = "Near-duplicates, end to end with decisions"
    print_table(title, rows, f"recall J>={TRUE}", f"precision J>={RIGHT}", "pairs")
    sample = documents.head(_EXHAUSTIVE)
    unplanted = every_pair(sample["text"], RIGHT) - true_pairs(sample, RIGHT)
    print(
        f"\nOf all pairs of the first {sample.height:,} documents, {len(unplanted)} reach {RIGHT}"
    )
    print("without having been planted.")


def _truth(true: Collection[tuple[int, int]], made: Any, texts: pl.Series) -> list[str]:
    if isinstance(made, dict):
        found = sum(made["flags"][a] and made["flags"][b] for a, b in true)
        return [f"{found / len(true):.4f}", "-", "-"]
    leaves = _leaving(made)
    right = sum(jaccard(texts[a], texts[b]) >= RIGHT for a, b in made)
    found = sum(later in leaves for _, later in true)
    return [f"{found / len(true):.4f}", f"{right / len(made):.4f}", f"{len(made):,}"]


def _leaving(pairs: Iterable[tuple[int, int]]) -> set[int]:
    """Documents that are not the first of those they are joined with."""
    first: dict[int, int] = {}

    def root(one: int) -> int:
        while (up := first.get(one, one)) != one:
            first[one] = first.get(up, up)
            one = up
        return one

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        first[high] = low
    return {one for pair in pairs for one in pair if root(one) != one}


def decontamination_table(
    title: str, methods: Sequence[Sequence[Any]], leaked: pl.DataFrame
) -> None:
    """Speed, the share found of each kind that was planted, and documents flagged wrongly."""
    kinds = sorted(leaked["leak"].drop_nulls().unique())
    rows = []
    for row, runs in speed_rows(methods):
        flagged = runs[0].made["flagged"]
        known = leaked.head(runs[0].method.rows).with_columns(found=pl.col("id").is_in(flagged))
        by_kind = dict(known.group_by("leak").agg(pl.col("found").mean()).iter_rows())
        wrong = known.filter(pl.col("leak").is_null())["found"].sum()
        index_s = median(run.made["index_s"] for run in runs)
        row += [f"{by_kind[kind]:.3f}" for kind in kinds]
        rows.append([*row, f"{wrong:,}", f"{index_s:.2f}"])
    print_table(title, rows, *kinds, "false hits", "index CPU-s")


def walk_table(alone: Sequence[Any], together: Sequence[Sequence[Any]]) -> None:
    """Milliseconds of CPU for each document, by stage, and two processes against one."""
    n = alone[0].method.rows
    lines = [["stage", "CPU ms per document"]]
    for stage in alone[0].made["stages"]:
        spent = median(run.made["stages"][stage] for run in alone)
        lines.append([stage, f"{1000 * spent / n:.3f}"])
    one = median(run.measures["cpu_s"] for run in alone)
    two = median(sum(run.measures["cpu_s"] for run in pair) / 2 for pair in together)
    lines.append(["**all, one process**", f"**{1000 * one / n:.3f}**"])
    lines.append(["all, two processes at once", f"{1000 * two / n:.3f}"])
    kept = alone[0].made["kept"] / n
    size = 1e6 * _bytes(alone[0])
    _print(f"The walk's CPU side: {n:,} documents of {size:,.0f} bytes, {kept:.2f} kept", lines)
    apart = median(run.measures["wall_s"] for run in alone)
    both = median(max(run.measures["wall_s"] for run in pair) for pair in together)
    load = max(run.measures["load"] for pair in together for run in pair)
    print(
        f"\nWall: {apart:.1f} s for one, {both:.1f} s for two at once: {2 * apart / both:.2f} times"
    )
    print(f"the documents in the same time (load {load:.1f}). {_memory(alone)} MB each.")


def growth_table(methods: Sequence[Sequence[Any]]) -> None:
    """CPU-seconds and memory by size, and the exponent of the growth."""
    lines = [["documents", "CPU-s", "documents/CPU-s", "RSS MB"]]
    points = []
    for runs in methods:
        size, rate = int(runs[0].method.settings["size"]), median(run.rate for run in runs)
        points.append((math.log(size), math.log(size / rate)))
        row = [runs[0].method.name, f"{size / rate:.2f}", f"{rate:,.0f}"]
        lines.append([*row, _memory(runs)])
    _print(f"Growth of near-duplicates: exponent {_slope(points):.3f}", lines)


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line of least squares."""
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
