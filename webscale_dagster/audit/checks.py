"""Every automatic check against people: what it refuses wrongly, and what it misses.

Makes values from judged pairs; reads and writes nothing. A check is *right* about a pair where it
flags one of which people say that the criterion it is about does not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webscale_dagster.audit.criteria import ABOUT, ALL_FIVE, MODEL_CHECKS, MODEL_REASONS
from webscale_dagster.audit.judgement import Judged, Share, Weighed, share, weigh

Item = Mapping[str, Any]
Flags = Callable[[Item], bool | None]


@dataclass(frozen=True)
class Confusion:
    """One check against people: counts are pairs of the sample, shares are weighted.

    ``false_rejections``: of pairs that people find good, how many it flags. ``misses``: of pairs
    that people find bad, how many it lets pass.
    """

    check: str
    kind: str
    criterion: str
    tp: int
    fp: int
    fn: int
    tn: int
    false_rejections: Share
    misses: Share


def confusions(
    judged: Sequence[Judged], strata: Mapping[str, int], confidence: float
) -> list[Confusion]:
    """Every check that left a verdict in the sample, against the criterion it is about."""
    found = []
    for check, kind, criterion, flags in _checks([pair.item for pair in judged]):
        rows = weigh(judged, criterion, strata)
        known = [(row, flag) for row in rows if (flag := flags(row.judged.item)) is not None]
        found.append(_confusion(check, kind, criterion, known, confidence))
    return found


def _confusion(
    check: str,
    kind: str,
    criterion: str,
    known: Sequence[tuple[Weighed, bool]],
    confidence: float,
) -> Confusion:
    counts = Counter((row.holds, flag) for row, flag in known)
    return Confusion(
        check,
        kind,
        criterion,
        tp=counts[False, True],
        fp=counts[True, True],
        fn=counts[False, False],
        tn=counts[True, False],
        false_rejections=share(
            [(flag, row.weight) for row, flag in known if row.holds], confidence
        ),
        misses=share([(not flag, row.weight) for row, flag in known if not row.holds], confidence),
    )


def _checks(items: Sequence[Item]) -> Iterator[tuple[str, str, str, Flags]]:
    """Name, kind, criterion and flag of every check with a verdict on some pair."""
    yield "kept or not", "verified_qa", ALL_FIVE, lambda item: not item["kept"]
    free = {reason for item in items for reason in item["problems"] or ()}
    for reason in sorted(free, key=_place):
        yield reason, "free check", ABOUT.get(reason, ALL_FIVE), _has_problem(reason)
    for column, (bad, criterion) in MODEL_CHECKS.items():
        if any(item[column] is not None for item in items):
            yield column, "model's verdict", criterion, _is(column, bad)
    left_for = {item["problem"] for item in items if item["problem"]}
    for reason in sorted(left_for - free - MODEL_REASONS):
        yield reason, "other reason", ABOUT.get(reason, ALL_FIVE), _left_for(reason)


def _place(reason: str) -> tuple[int, str]:
    known = list(ABOUT)
    return (known.index(reason) if reason in ABOUT else len(known)), reason


def _has_problem(reason: str) -> Flags:
    return lambda item: reason in (item["problems"] or ())


def _left_for(reason: str) -> Flags:
    return lambda item: item["problem"] == reason


def _is(column: str, bad: bool) -> Flags:
    return lambda item: None if item[column] is None else item[column] is bad
