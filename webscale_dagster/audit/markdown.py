"""The words and tables of an audit's report, as Markdown.

Makes text from the dictionary of ``report.py``; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webscale_dagster.audit.criteria import ALL_FIVE, CATEGORIES, CRITERIA
from webscale_dagster.audit.judgement import FEWEST

Row = Mapping[str, Any]
_ASKS = {criterion.name: criterion.asks for criterion in CRITERIA} | {ALL_FIVE: "**All five**"}


def report_markdown(report: Row) -> str:
    """The report for people to read."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Row) -> Iterator[str]:
    yield f"# Audit {report['audit']}"
    yield ""
    yield (
        f"{report['labelled']:,} of {report['drawn']:,} drawn pairs are judged by all five "
        f"criteria. They were drawn from {report['pairs']:,} pairs, {report['kept_pairs']:,} of "
        "them kept."
    )
    yield from _reviewers(report)
    yield from _precision(report)
    for column, rows in report["by"].items():
        yield from _section(
            f"All five, by {column.replace('_', ' ')}",
            [column.replace("_", " "), "precision", "judged"],
            [[row[column], percent(row), row["n"]] for row in rows],
        )
    yield from _agreement(report)
    yield from _checks(report)
    yield from _section(
        "What is wrong",
        ["category", "kept pairs", "rejected pairs", "share of judgements on kept pairs"],
        [
            [CATEGORIES[r["category"]], r["kept"], r["rejected"], _plain(r["share_of_kept"])]
            for r in report["errors"]
        ],
    )
    yield from _thresholds(report)


def _reviewers(report: Row) -> Iterator[str]:
    rows = [
        [r["reviewer"], r["pairs"], r["complete"], _seconds(r["median_seconds"])]
        for r in report["reviewers"]
    ]
    yield from _section(
        "Reviewers", ["reviewer", "pairs", "all five answered", "median time"], rows
    )


def _precision(report: Row) -> Iterator[str]:
    yield from _section(
        "Precision of kept pairs",
        ["criterion", "precision", "judged", "unsure"],
        [
            [_ASKS[r["criterion"]], percent(r), r["n"], _plain(r["unsure"])]
            for r in report["precision"]
        ],
    )
    yield ""
    yield (
        f"Weighted by stratum; in brackets Wilson's {report['confidence']:.0%} interval with the "
        "effective number of pairs. A criterion holds where more than half of the answers are yes: "
        "a tie is not yes, nor is unsure."
    )
    if report["represented"] is not None and report["represented"] < 0.9995:
        yield (
            f"The judged strata hold {report['represented']:.1%} of the kept pairs; "
            "the figures say nothing about the rest."
        )


def _agreement(report: Row) -> Iterator[str]:
    if not report["agreement"]:
        yield from ("", "## Agreement", "", "One reviewer: there is nobody to agree with.")
        return
    kind = {"Cohen": "Cohen's", "Fleiss": "Fleiss'"}[report["agreement"][0]["kind"]]
    rows = [
        [_ASKS[r["criterion"]], _kappa(r), _plain(r["agreement"]), r["pairs"]]
        for r in report["agreement"]
    ]
    yield from _section(
        "Agreement", ["criterion", f"{kind} kappa", "raw agreement", "pairs judged twice"], rows
    )


def _kappa(row: Row) -> str:
    if row["pairs"] < FEWEST:
        return _few(row["pairs"])
    return "undefined, all say the same" if row["kappa"] is None else f"{row['kappa']:.2f}"


def _checks(report: Row) -> Iterator[str]:
    head = ["check", "is about", "tp", "fp", "fn", "tn", "false rejections", "misses"]
    yield from _section(
        "Automatic checks against people",
        head,
        [
            [
                f"`{r['check']}`, {r['kind']}",
                _ASKS[r["criterion"]].strip("*").lower(),
                *(r[name] for name in ("tp", "fp", "fn", "tn")),
                percent(r["false_rejections"]),
                percent(r["misses"]),
            ]
            for r in report["checks"]
        ],
    )
    yield ""
    yield (
        "tp: flagged, and people agree; fp: flagged, but people find it good; fn: not flagged, "
        "but people find it bad. False rejections are a share of the pairs that people find good, "
        "misses of those they find bad; both are weighted, the counts are not."
    )


def _thresholds(report: Row) -> Iterator[str]:
    for name, rows in report["thresholds"].items():
        sign = "≤" if name == "leak_score" else "≥"
        yield from _section(
            f"If `{name}` alone decided",
            ["threshold", "pairs kept", "of all pairs", "precision, all five", "judged"],
            [
                [
                    f"{sign} {row['threshold']:g}",
                    f"{row['pairs']:,}",
                    _plain(row["yield"]),
                    percent(row),
                    row["n"],
                ]
                for row in rows
            ],
        )
    if report["thresholds"]:
        yield ""
        yield "Only pairs that nothing else speaks against; their number is counted, not estimated."


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if not rows:
        yield "Nothing to show."
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())


def percent(row: Row) -> str:
    """A share with its interval, or why there is none."""
    if row["rate"] is None:
        return _few(row["n"])
    return f"{row['rate']:.1%} ({100 * row['low']:.1f}–{row['high']:.1%})"


def _few(n: int) -> str:
    return f"too few ({n})" if n else "none judged"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} s"
