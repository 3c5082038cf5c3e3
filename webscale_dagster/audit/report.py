"""What the labels of an audit say, as plain values: shares, agreement, checks, errors, thresholds.

Makes a dictionary that ``audit report --json`` prints and ``markdown.py`` words; reads and writes
nothing.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from webscale_dagster.audit.checks import confusions
from webscale_dagster.audit.criteria import ALL_FIVE, CATEGORIES, NAMES
from webscale_dagster.audit.judgement import Judged, Weighed, judge, share, weigh
from webscale_dagster.audit.labels import Labels
from webscale_dagster.audit.population import SCORES, Score
from webscale_dagster.audit.sampling import STRATUM
from webscale_dagster.audit.statistics import agreement, cohen_kappa, fleiss_kappa

Row = dict[str, Any]


def make_report(sample: Mapping[str, Any], files: Sequence[Labels]) -> Row:
    """Everything the labels say about kept pairs, checks and thresholds."""
    judged = judge(sample, files)
    kept = [pair for pair in judged if pair.item["kept"]]
    strata, confidence = sample["strata"], sample["confidence"]
    whole = weigh(kept, ALL_FIVE, strata)
    return {
        "audit": sample["name"],
        "sample": sample["sample"],
        "confidence": confidence,
        "pairs": sample["pairs"],
        "kept_pairs": sample["kept_pairs"],
        "drawn": sample["drawn"],
        "drawn_kept": sample["drawn_kept"],
        "labelled": sum(pair.holds(ALL_FIVE) is not None for pair in judged),
        "represented": _represented(whole, sample),
        "reviewers": [_reviewer(file) for file in files],
        "precision": _precision(kept, strata, confidence),
        "by": {name: _by(name, whole, confidence) for name in STRATUM},
        "agreement": _agreement(sample, files),
        "checks": [asdict(row) for row in confusions(judged, strata, confidence)],
        "errors": _errors(judged, kept, strata),
        "thresholds": {
            name: _thresholds(name, SCORES[name], rows, judged, sample)
            for name, rows in sample["yields"].items()
        },
    }


def _represented(rows: Sequence[Weighed], sample: Mapping[str, Any]) -> float | None:
    """Share of the kept pairs whose stratum has a judged pair."""
    return sum(row.weight for row in rows) / sample["kept_pairs"] if sample["kept_pairs"] else None


def _reviewer(file: Labels) -> Row:
    labels = file.labels.values()
    times = [label.seconds for label in labels if label.seconds]
    return {
        "reviewer": file.reviewer,
        "pairs": len(labels),
        "complete": sum(all(getattr(label, name) for name in NAMES) for label in labels),
        "median_seconds": statistics.median(times) if times else None,
    }


def _precision(kept: Sequence[Judged], strata: Mapping[str, int], confidence: float) -> list[Row]:
    rows = []
    for name in (*NAMES, ALL_FIVE):
        found = share([row.counted for row in weigh(kept, name, strata)], confidence)
        said = [answer for pair in kept for answer in pair.answers.get(name, ())]
        unsure = said.count("unsure") / len(said) if said else None
        rows.append({"criterion": name, **asdict(found), "unsure": unsure})
    return rows


def _by(column: str, whole: Sequence[Weighed], confidence: float) -> list[Row]:
    groups: dict[str, list[tuple[bool, float]]] = {}
    for row in whole:
        groups.setdefault(row.judged.item[column], []).append(row.counted)
    return [
        {column: value, **asdict(share(rows, confidence))} for value, rows in sorted(groups.items())
    ]


def _agreement(sample: Mapping[str, Any], files: Sequence[Labels]) -> list[Row]:
    """Cohen's kappa for two reviewers, Fleiss' for more; nothing for one."""
    if len(files) < 2:
        return []
    rows = []
    for name in NAMES:
        answers = []
        for item in sample["items"]:
            labels = [file.labels.get(item["qa_id"]) for file in files]
            answers.append([said for label in labels if label and (said := getattr(label, name))])
        shared = [said for said in answers if len(said) > 1]
        two = len(files) == 2
        kappa = cohen_kappa([(a, b) for a, b in shared]) if two else fleiss_kappa(shared)
        rows.append(
            {
                "criterion": name,
                "pairs": len(shared),
                "agreement": agreement(shared),
                "kappa": kappa,
                "kind": "Cohen" if two else "Fleiss",
            }
        )
    return rows


def _errors(
    judged: Sequence[Judged], kept: Sequence[Judged], strata: Mapping[str, int]
) -> list[Row]:
    """Categories, with the pairs of which anyone named them.

    ``share_of_kept`` is weighted; a pair counts with the share of its reviewers who named it.
    """
    named = Counter(category for pair in judged for category in set(pair.categories))
    of_kept = Counter(category for pair in kept for category in set(pair.categories))
    whole = weigh(kept, ALL_FIVE, strata)
    total = sum(row.weight for row in whole)
    rows = []
    for category in CATEGORIES:
        if named[category]:
            weight = sum(
                row.weight
                * list(row.judged.categories).count(category)
                / len(row.judged.categories)
                for row in whole
            )
            rows.append(
                {
                    "category": category,
                    "kept": of_kept[category],
                    "rejected": named[category] - of_kept[category],
                    "share_of_kept": weight / total if total else None,
                }
            )
    return rows


def _thresholds(
    name: str,
    score: Score,
    rows: Sequence[Mapping[str, float]],
    judged: Sequence[Judged],
    sample: Mapping[str, Any],
) -> list[Row]:
    """Yield and precision at each threshold of a score; those that change nothing are left out."""
    weighed = [
        row
        for row in weigh(judged, ALL_FIVE, sample["strata"])
        if row.judged.item["decides"][name] and row.judged.item[name] is not None
    ]
    found: list[Row] = []
    for row in rows:
        if found and found[-1]["pairs"] == row["pairs"]:
            found.pop()  # the stricter of two that keep the same pairs
        kept = [w.counted for w in weighed if _passes(score, w.judged.item[name], row["threshold"])]
        precision = asdict(share(kept, sample["confidence"]))
        found.append({**row, "yield": row["pairs"] / sample["pairs"], **precision})
    return found


def _passes(score: Score, value: float, threshold: float) -> bool:
    return value >= threshold if score.more_is_better else value <= threshold
