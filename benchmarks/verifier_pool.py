"""Verifications per second of processor time: in this process, through the pool, beside peers.

Every simple answer type on completions of about 300 characters that end in "Answer: …", in groups
of eight that share their truth, as GRPO samples them; half of the answers are wrong. Beside them a
bare ``multiprocessing.Pool`` of the same function. Then mathematics: ours through the pool, and
math-verify alone in this process with its own time limit; and what one hang costs each of them.
Processor time is that of this process and of its children, starting them excluded. Medians.

    python benchmarks/verifier_pool.py [--runs 5] [--jobs 4000] [--processes 2]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from webscale_dagster.verifiers import verify
from webscale_dagster.verifiers.pool import Job, Pool

REASONING = (
    "The passage describes how the mill was built along the river in stages, and the records of"
    " the parish mention it several times over the years. Reading the relevant sentence again, the"
    " value follows directly from the figures that are given there, and nothing else in the text"
    " speaks against it.\n\nAnswer: "
)
# A truth, what is right besides it, and what is wrong; {n} makes each group's its own.
SIMPLE: dict[str, tuple[str, str, str]] = {
    "number": ("{n} km", "{n}000 m", "{n}1 km"),
    "percent": ("{n}.5%", "{n}.5 percent", "{n}.6%"),
    "currency": ("${n}.2 million", "{n}.2 million dollars", "${n}.3 million"),
    "date": ("3 May {n}", "May 3, {n}", "4 May {n}"),
    "duration": ("{n} hours", "{n} h", "{n}1 hours"),
    "entity": ("Marie Curie {n}", "**Marie Curie {n}**", "Pierre Curie {n}"),
    "term": ("photosynthesis {n}", "Photosynthesis {n}", "respiration {n}"),
    "short_phrase": ("loss of the habitat {n}", "the loss of habitat {n}", "gain of habitat {n}"),
    "multiple_choice": ("B", "(B)", "C"),
    "boolean": ("yes", "Yes, it is.", "no"),
    "list": ("red {n}, green and blue", "blue, green, red {n}", "red {n}, green"),
    "ordered_list": ("spring {n}; summer; autumn", "spring {n}, summer, autumn", "summer; spring"),
}
MATHEMATICS = [
    (r"\frac{\sqrt{3}}{2}", r"\frac{3}{2\sqrt{3}}", r"\frac{\sqrt{2}}{2}"),
    (r"\{1, 2, 3\}", r"\{3, 1, 2\}", r"\{1, 2\}"),
    (r"(-\infty, 4]", r"x \le 4", r"(-\infty, 4)"),
    (r"x^2 + 2x + 1", r"(x+1)^2", r"(x-1)^2"),
    (r"2\pi", r"\frac{4\pi}{2}", r"3\pi"),
    ("17", "17.0", "18"),
    (r"\sin(2x)", r"2\sin x\cos x", r"2\sin x"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\\frac{4}{2}\end{pmatrix}", "3"),
]
HANG = (
    r"\int_0^1\int_0^1 \sin(x^y + y^x) e^{x^y} dx dy",
    r"\int_0^1 \cos(x^x) e^{x^x} dx",
)


def simple_jobs(kind: str, count: int) -> list[Job]:
    """Groups of eight completions, four of them right in two wordings."""
    truth, right, wrong = SIMPLE[kind]
    options = {"choices": ["Rome", "Paris", "Oslo"]} if kind == "multiple_choice" else {}
    found = []
    for at in range(count):
        number = 1100 + at // 8 % 900
        answer = (truth, right, wrong, wrong)[at % 4].format(n=number)
        found.append(Job(kind, REASONING + answer, truth.format(n=number), options))
    return found


def math_jobs(count: int) -> list[Job]:
    """The same for mathematics, with numbers that make each group new to every cache."""
    found = []
    for at in range(count):
        truth, right, wrong = MATHEMATICS[at // 8 % len(MATHEMATICS)]
        answer = (truth, right, wrong, wrong)[at % 4]
        found.append(Job("math", f"{REASONING}\\boxed{{{answer}}}", truth))
    return found


def plain(job: Job) -> Any:
    """What ``verify`` says, or what a bare pool's processes do."""
    return verify(job.answer_type, job.completion, job.ground_truth, **job.options)


def children_seconds() -> float:
    """Processor time so far of the processes that this one started and that still run."""
    ticks = 0
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text().split():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rate(run: Callable[[Sequence[Job]], object], jobs: Sequence[Job], runs: int) -> float:
    """Verifications per second of processor time, the median of some runs."""
    run(jobs[:64])
    found = []
    for _ in range(runs):
        start = time.process_time() + children_seconds()
        run(jobs)
        found.append(len(jobs) / (time.process_time() + children_seconds() - start))
    return statistics.median(found)


def show_simple(pool: Pool, options: argparse.Namespace) -> None:
    """A line per type, and one for all of them mixed."""
    print(f"{'':16}{'in process':>12}{'through pool':>14}{'bare pool':>12}   per processor second")
    every = [job for kind in SIMPLE for job in simple_jobs(kind, options.jobs // len(SIMPLE))]
    samples = {kind: simple_jobs(kind, options.jobs) for kind in SIMPLE} | {"all mixed": every}
    with multiprocessing.get_context("spawn").Pool(options.processes) as bare:
        for name, jobs in samples.items():
            within = rate(lambda given: [plain(job) for job in given], jobs, options.runs)
            through = rate(pool.verify_many, jobs, options.runs)
            beside = rate(lambda given: bare.map(plain, given, 256), jobs, options.runs)
            print(f"{name:16}{within:12,.0f}{through:14,.0f}{beside:12,.0f}")


def math_verify_alone(jobs: Sequence[Job]) -> list[bool]:
    """math-verify as its documentation shows it, with its own time limit of five seconds."""
    from math_verify import parse
    from math_verify import verify as same

    return [same(parse(f"${job.ground_truth}$"), parse(job.completion)) for job in jobs]


def show_mathematics(pool: Pool, options: argparse.Namespace) -> None:
    """Rates, right verdicts and the price of a hang."""
    jobs = math_jobs(320)
    wanted = [at % 4 < 2 for at in range(len(jobs))]
    ours = [outcome.score == 1 for outcome in pool.verify_many(jobs)]
    theirs = math_verify_alone(jobs)
    right = [sum(a == b for a, b in zip(found, wanted, strict=True)) for found in (ours, theirs)]
    print(
        f"\nmath through the pool  {rate(pool.verify_many, jobs, options.runs):8,.0f} per processor"
        f" second, {right[0]} of {len(jobs)} verdicts right"
    )
    print(
        f"math-verify alone      {rate(math_verify_alone, jobs, options.runs):8,.0f} per processor"
        f" second, {right[1]} of {len(jobs)} verdicts right"
    )
    hang = Job("math", f"Answer: \\boxed{{{HANG[0]}}}", HANG[1])
    start = time.monotonic()
    outcomes = pool.verify_many([*jobs[:100], hang, *jobs[100:200]])
    found = outcomes.pop(100)
    assert all(outcome.outcome in ("correct", "wrong") for outcome in outcomes)
    print(
        f"\na hang among 200 others: {found.outcome} ({found.reason}), all others judged, in"
        f" {time.monotonic() - start:.1f} s"
    )
    start = time.monotonic()
    verdict = math_verify_alone([hang])[0]
    print(f"the same alone in math-verify: {verdict} in {time.monotonic() - start:.1f} s")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=4000, help="verifications of a run")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs; {options.processes} processes")
    with Pool(options.processes) as pool:
        show_simple(pool, options)
        show_mathematics(pool, options)


if __name__ == "__main__":
    main()
