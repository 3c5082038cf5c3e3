"""The gates of a checkpoint: against the model it came from, and what its verifiers let through.

Reads tables evaluation and evaluation_samples of the experiment and of the one it is compared with,
and the release's red team. Writes ``checkpoint_channels/<channel>.json``, one small object replaced
whole, only where all gates are open: what serves a checkpoint reads that.
"""

from __future__ import annotations

import json
import time
from typing import Any

import polars as pl

from webscale_dagster.experiment import PromoteCheckpoint
from webscale_dagster.exports.gates import Gate
from webscale_dagster.exports.verifier_checks import VerifierChecks
from webscale_dagster.lake import Lake
from webscale_dagster.stages.difficulty import VERDICTS

_SCORES = ("pass@1", "acc", "exact_match", "verified")
Key = tuple[str, str]  # set and metric


def gates_of(
    mine: pl.DataFrame,
    other: pl.DataFrame,
    samples: pl.DataFrame,
    checks: VerifierChecks | None,
    settings: PromoteCheckpoint,
) -> list[Gate]:
    """Every gate; ``mine`` and ``other`` are rows of evaluation, ``samples`` of this experiment."""
    return [
        _evaluated(mine, other),
        *_not_down(_totals(mine), _totals(other)),
        _hacks(checks, settings),
        _verifiers(samples, settings),
    ]


def _evaluated(mine: pl.DataFrame, other: pl.DataFrame) -> Gate:
    missing = sorted(set(_totals(other)) - set(_totals(mine)))
    said = ", ".join(f"{name} {metric}" for name, metric in missing)
    known = bool(_totals(mine)) and bool(_totals(other))
    return Gate(
        "evaluated_alike",
        known and not missing,
        f"not evaluated: {said}" if said else ("the same sets" if known else "no scores"),
        "scores of the checkpoint, and of what it is compared with, on the same sets",
    )


def _totals(rows: pl.DataFrame) -> dict[Key, tuple[float, float | None, float | None]]:
    wanted = rows.filter(
        (pl.col("group") == "all") & pl.col("metric").str.split(",").list.first().is_in(_SCORES)
    )
    return {
        (row["set"], row["metric"]): (row["value"], row["low"], row["high"])
        for row in wanted.iter_rows(named=True)
    }


def _not_down(
    mine: dict[Key, tuple[float, float | None, float | None]],
    other: dict[Key, tuple[float, float | None, float | None]],
) -> list[Gate]:
    """A gate for each set: the score is not below what the other's interval allows."""
    found = []
    for (name, metric), (before, low, _) in sorted(other.items()):
        if (name, metric) not in mine:
            continue
        value = mine[name, metric][0]
        floor = before if low is None else low
        found.append(
            Gate(
                f"not_down_{name}_{metric}",
                value >= floor,
                f"{value:.4f}, before {before:.4f}",
                f"at least {floor:.4f}, the low end of its interval",
            )
        )
    return found


def _hacks(checks: VerifierChecks | None, settings: PromoteCheckpoint) -> Gate:
    rate = None if checks is None else checks.hack_rate
    return Gate(
        "hack_rate",
        rate is not None and rate <= settings.max_hack_rate,
        "the release's red team is not known" if rate is None else f"{rate:.4f}",
        f"at most {settings.max_hack_rate}",
    )


def _verifiers(samples: pl.DataFrame, settings: PromoteCheckpoint) -> Gate:
    failed = samples.filter(~pl.col("outcome").is_in(VERDICTS)).height
    share = failed / samples.height if samples.height else 1.0
    return Gate(
        "verifiers_came_to_verdicts",
        share <= settings.max_verifier_failure_share,
        f"{failed} of {samples.height} answers without a verdict",
        f"at most {settings.max_verifier_failure_share:.1%}",
    )


def move_channel(lake: Lake, channel: str, pointer: dict[str, Any]) -> bool:
    """Point the channel at a checkpoint; False where it points there already."""
    now = current(lake, channel)
    if now is not None and now["checkpoint"] == pointer["checkpoint"]:
        return False
    told = {
        **pointer,
        "before": now["checkpoint"] if now else None,
        "moved_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    data = json.dumps(told, indent=2).encode()
    lake.objects.put(f"checkpoint_channels/{channel}.json", data)
    return True


def current(lake: Lake, channel: str) -> dict[str, Any] | None:
    """What the channel points at."""
    data = lake.objects.get(f"checkpoint_channels/{channel}.json")
    return None if data is None else dict(json.loads(data))
