"""What ``webscale decontaminate`` found, for people: counts, and matches beside the questions.

Makes Markdown from a frame of hits and the benchmarks; writes nothing.
"""

from __future__ import annotations

import polars as pl

_EXAMPLES = 5  # of each rule in each benchmark
_SHOWN = 300  # characters of a question


def counts(hits: pl.DataFrame) -> pl.DataFrame:
    """Rows and questions by benchmark and rule."""
    return (
        hits.group_by("benchmark", "rule")
        .agg(
            rows=pl.col("id").n_unique(),
            questions=pl.col("benchmark_id").n_unique(),
            lowest_score=pl.col("score").min().round(2),
        )
        .sort("benchmark", "rule")
    )


def report(hits: pl.DataFrame, benchmarks: pl.DataFrame, n_rows: int) -> str:
    """The whole report."""
    found = counts(hits)
    lines = [
        "# Overlap with benchmarks",
        "",
        f"{hits['id'].n_unique():,} of {n_rows:,} rows overlap a benchmark question.",
        "",
        "| benchmark | rule | rows | questions | lowest score |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(map(str, row))} |" for row in found.rows()),
    ]
    about = benchmarks.select("benchmark", "benchmark_id", "question", "context")
    named = hits.join(about, on=["benchmark", "benchmark_id"], how="left", maintain_order="left")
    for benchmark, rule in found.select("benchmark", "rule").rows():
        chosen = named.filter((pl.col("benchmark") == benchmark) & (pl.col("rule") == rule))
        lines += ["", f"## {benchmark}: {rule}", "", "| row | score | benchmark | match |"]
        lines += ["|---|---|---|---|"]
        for row in chosen.sort("score").head(_EXAMPLES).iter_rows(named=True):
            text = row["context"] if rule == "context" else row["question"]
            cells = (row["id"], f"{row['score']:.2f}", _cell(text or "(withheld)"), row["match"])
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Untrusted text on one line of a table."""
    flat = " ".join(text.split())
    short = flat if len(flat) <= _SHOWN else flat[:_SHOWN] + " …"
    return short.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
