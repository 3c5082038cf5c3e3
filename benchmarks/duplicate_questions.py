"""Duplicate questions: what is found of each kind, and how many questions a CPU second takes.

Reads ``corpora/qa_pairs.parquet`` below a folder. First table: pairs whose label is known, made of
the real questions by seeded rules (``text/planted_questions.py``). Second: a stream of questions
of which a quarter are rewordings of others and the rest real ones, where those do not suffice with
other names and numbers; its first quarter, half and the whole, the median of some runs, with what a
question costs and how that grows. CPU seconds are user + system of this process.

    python benchmarks/duplicate_questions.py /data [--pairs 1000] [--questions 100000] [--runs 3]
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import re
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import polars as pl

from webscale_dagster.recipe import RlSplits
from webscale_dagster.text.asked import read
from webscale_dagster.text.duplicate_questions import DuplicateQuestions, similarity
from webscale_dagster.text.planted_questions import (
    POSITIVES,
    Pair,
    Source,
    name_changed,
    number_changed,
    pairs,
)
from webscale_dagster.verifiers.wordings import same_meaning

SEED = 17
_LEAST_SUBJECT = 5  # characters of a title; of a shorter one the template is not known
_REWORDED = 0.25  # of the stream


def real_sources(folder: Path) -> list[Source]:
    """English questions with an answer; those of MedQuAD have a template, without their subject."""
    rows = pl.read_parquet(folder / "corpora" / "qa_pairs.parquet").filter(
        (pl.col("lang") == "en") & (pl.col("answers").list.len() > 0)
    )
    columns = ("question", "answers", "doc_id", "paragraph_index", "dataset", "title")
    found = []
    for question, answers, doc, paragraph, dataset, title in rows.select(columns).iter_rows():
        subject = re.sub(r"\s*\(.*", "", title or "").strip().lower()
        known = dataset == "medquad" and len(subject) >= _LEAST_SUBJECT
        template = question.lower().replace(subject, "X") if known else ""
        found.append(Source(question, answers[0], f"{doc}/{paragraph}", template))
    return [s if "X" in s.template else s._replace(template="") for s in found]


def show_kinds(made: Sequence[Pair], settings: RlSplits) -> None:
    """A line per kind, then precision and recall over all."""
    counts: Counter[tuple[str, bool]] = Counter()
    found: Counter[str] = Counter()
    for pair in made:
        counts[pair.kind, pair.same] += 1
        seen = similarity(read(*pair.one), read(*pair.other), settings, same_meaning)
        found[pair.kind] += seen > 0
    print(f"{'kind':28}{'the same':>10}{'pairs':>8}{'called the same':>18}")
    for (kind, same), n in counts.items():
        print(f"{kind:28}{'yes' if same else 'no':>10}{n:8}{found[kind] / n:18.4f}")
    right = sum(found[kind] for kind, same in counts if same)
    wrong = sum(found[kind] for kind, same in counts if not same)
    wanted = sum(n for (_, same), n in counts.items() if same)
    print(f"precision {right / (right + wrong):.4f}, recall {right / wanted:.4f}\n")


def stream(sources: Sequence[Source], n: int) -> list[tuple[str, str]]:
    """So many questions with their answers, in one mixture from the first to the last."""
    draw = random.Random(SEED)
    originals = list(itertools.islice(_originals(sources, draw), int(n * (1 - _REWORDED))))
    changes = list(POSITIVES.values())
    found = list(originals)
    while len(found) < n:
        question, answer = draw.choice(originals)
        changed = draw.choice(changes)(question, draw)
        if changed:
            found.append((changed, answer))
    draw.shuffle(found)
    return found


def _originals(sources: Sequence[Source], draw: random.Random) -> Iterator[tuple[str, str]]:
    yield from ((s.question, s.answer) for s in sources)
    while True:
        for change in (name_changed, number_changed):
            yield from (other for _, other in change(sources, draw))


def measured(questions: Sequence[tuple[str, str]], settings: RlSplits) -> tuple[float, int]:
    """CPU seconds to decide on all, and how many were duplicates."""
    start = time.process_time()
    asked, answers = [q for q, _ in questions], [a for _, a in questions]
    index = DuplicateQuestions(asked, answers, settings, same_meaning)
    duplicates = 0
    for place in range(len(questions)):
        if index.repeated(place) is None:
            index.keep(place)
        else:
            duplicates += 1
    return time.process_time() - start, duplicates


def show_speed(questions: Sequence[tuple[str, str]], runs: int, settings: RlSplits) -> None:
    """A line per size, then the growth."""
    print(f"{'questions':>10}{'duplicates':>12}{'CPU-s':>9}{'questions/CPU-s':>17}{'peak MB':>9}")
    times = []
    sizes = [len(questions) // 4, len(questions) // 2, len(questions)]
    for size in sizes:
        found = [measured(questions[:size], settings) for _ in range(runs)]
        seconds = median(t for t, _ in found)
        times.append(seconds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate = size / seconds
        print(f"{size:10,}{found[0][1]:12,}{seconds:9.2f}{rate:17,.0f}{peak:9.0f}")
    exponent = math.log(times[-1] / times[0]) / math.log(sizes[-1] / sizes[0])
    print(f"CPU seconds grow as the number of questions to the power of {exponent:.2f}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=1000, help="of each kind, at most")
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    sources = real_sources(options.folder)
    settings = RlSplits()
    show_kinds(pairs(sources, options.pairs, SEED), settings)
    show_speed(stream(sources, options.questions), options.runs, settings)


if __name__ == "__main__":
    main()
