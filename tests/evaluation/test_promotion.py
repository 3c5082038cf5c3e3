"""A checkpoint's gates: shut for a score that fell, hacks, verifiers without verdicts."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from webscale_dagster.evaluation.promotion import current, gates_of, move_channel
from webscale_dagster.experiment import PromoteCheckpoint
from webscale_dagster.exports.verifier_checks import VerifierChecks
from webscale_dagster.lake import Lake
from webscale_dagster.verifiers.red_team import Row

SETTINGS = PromoteCheckpoint()
CHECKS = VerifierChecks(2, 0, [], [Row("number", "echo", 200, 0, 0)], [], [], 0)


def _scores(**values: float) -> pl.DataFrame:
    rows = [
        {"set": name, "group": "all", "metric": "pass@1" if name == "test" else "acc,none"}
        | {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 100}
        for name, value in values.items()
    ]
    rows.append(rows[0] | {"group": "domain:math", "value": 0.0})
    return pl.DataFrame(rows)


def _samples(errors: int = 0, count: int = 2000) -> pl.DataFrame:
    return pl.DataFrame({"outcome": ["correct"] * (count - errors) + ["error"] * errors})


def _closed(
    mine: pl.DataFrame,
    other: pl.DataFrame,
    samples: pl.DataFrame | None = None,
    checks: VerifierChecks | None = CHECKS,
) -> set[str]:
    given = _samples() if samples is None else samples
    found = gates_of(mine, other, given, checks, SETTINGS)
    return {gate.name for gate in found if not gate.passed}


def test_as_good_as_before_is_let_through() -> None:
    before = _scores(test=0.30, arc_easy=0.5)
    assert _closed(_scores(test=0.40, arc_easy=0.46), before) == set()


def test_a_benchmark_that_fell_beyond_its_interval_shuts_the_gate() -> None:
    before = _scores(test=0.30, arc_easy=0.5)
    assert _closed(_scores(test=0.40, arc_easy=0.44), before) == {"not_down_arc_easy_acc,none"}
    assert _closed(_scores(test=0.40), before) == {"evaluated_alike"}
    assert "evaluated_alike" in _closed(_scores(test=0.4), _scores(test=0.3).head(0))


@pytest.mark.parametrize(
    ("checks", "samples", "gate"),
    [
        (None, None, "hack_rate"),
        (VerifierChecks(2, 0, [], [Row("n", "e", 100, 2, 0)], [], [], 0), None, "hack_rate"),
        (CHECKS, _samples(errors=3), "verifiers_came_to_verdicts"),
        (CHECKS, _samples(count=0), "verifiers_came_to_verdicts"),
    ],
)
def test_rewards_must_be_trusted(
    checks: VerifierChecks | None, samples: pl.DataFrame | None, gate: str
) -> None:
    good = _scores(test=0.3)
    assert _closed(good, good, samples, checks) == {gate}


def test_two_errors_of_two_thousand_are_within_bounds() -> None:
    good = _scores(test=0.3)
    assert _closed(good, good, _samples(errors=2)) == set()


def test_the_channel_remembers_what_was_before(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert current(lake, "candidate") is None
    assert move_channel(lake, "candidate", {"checkpoint": "grpo-1"})
    assert not move_channel(lake, "candidate", {"checkpoint": "grpo-1"})
    assert move_channel(lake, "candidate", {"checkpoint": "grpo-2"})
    now = current(lake, "candidate")
    assert now is not None and (now["checkpoint"], now["before"]) == ("grpo-2", "grpo-1")
