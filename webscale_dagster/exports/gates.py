"""The gates of a release, read again from the lake: never from the colour of a Dagster check.

Makes gates from verdicts, contents and the examples; reads the lake. What the verifiers make of the
examples is kept there (``verifier_checks.py``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from webscale_dagster import shards
from webscale_dagster.exports.verifier_checks import VerifierChecks, kept_checks
from webscale_dagster.recipe import DatasetRelease, Recipe
from webscale_dagster.stages.example_prompt import question_of
from webscale_dagster.text.engine_report import Report
from webscale_dagster.text.normalise import says
from webscale_dagster.walk import SHARDED, Walk


@dataclass(frozen=True)
class Gate:
    """One condition of a release: what was seen against what is wanted."""

    name: str
    passed: bool
    seen: str
    wanted: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def gates(
    walk: Walk, examples: pl.DataFrame, checks: VerifierChecks | None, engine: Report | None = None
) -> list[Gate]:
    """Every gate of the recipe, passed or not; those of ``checks`` and ``engine`` if given."""
    settings = walk.recipe.dataset_release
    return [
        _contracts(walk),
        _carried_through(walk),
        Gate(
            "enough_examples",
            examples.height >= settings.min_examples,
            f"{examples.height} examples",
            f"at least {settings.min_examples}",
        ),
        Gate(
            "enough_domains",
            examples["domain"].n_unique() >= settings.min_domains,
            f"{examples['domain'].n_unique()} domains",
            f"at least {settings.min_domains}",
        ),
        _leaks(examples, walk.recipe),
        _verified(examples, settings.allow_verified_by_rules),
        *([] if checks is None else [_self_check(checks), _red_team(checks, settings)]),
        *([] if engine is None else [_verbatim(engine)]),
    ]


def closed_gates(walk: Walk) -> list[Gate]:
    """The gates that keep what rl_splits holds now out of its channel, as far as is known.

    Nothing is verified for it: a release does that, and what it found is read.
    """
    examples = walk.lake.read("rl_splits").collect()
    known = kept_checks(walk, examples)
    return [gate for gate in gates(walk, examples, known) if not gate.passed]


def unpassed(walk: Walk) -> list[str]:
    """``table/shard: failed check`` of every shard whose last verdict is bad."""
    wanted = set(shards.names(walk.lake)) | {""}
    return [
        f"{verdict['table']}/{verdict['shard'] or '-'}: "
        + ", ".join(check["name"] for check in verdict["checks"] if not check["passed"])
        for verdict in walk.lake.verdicts()
        if not verdict["passed"] and verdict["shard"] in wanted
    ]


def _contracts(walk: Walk) -> Gate:
    bad = unpassed(walk)
    return Gate(
        "every_contract_holds",
        not bad,
        "; ".join(bad) or "no failed contract",
        "no failed contract",
    )


def _carried_through(walk: Walk) -> Gate:
    names = shards.names(walk.lake)
    stale = {name: walk.stale(SHARDED, name) for name in names}
    late = [f"{shard} ({stages[0]} on)" for shard, stages in stale.items() if stages]
    late += [name for name in ("benchmarks", "rl_splits") if not walk.fresh(name)]
    done = sum(not stages for stages in stale.values())
    seen = f"{done} of {len(names)} shards up to date"
    return Gate(
        "every_shard_carried_through",
        not late,
        f"{seen}; not: {', '.join(late[:20])}" if late else seen,
        "all of them",
    )


def _leaks(examples: pl.DataFrame, recipe: Recipe) -> Gate:
    limit = recipe.dataset_release.max_exact_leak_share
    asked = [question_of(prompt, recipe.rl_splits) for prompt in examples["prompt"]]
    leaking = sum(map(says, asked, examples["ground_truth"]))
    share = leaking / max(examples.height, 1)
    return Gate(
        "no_answer_in_its_question", share <= limit, f"share {share:.4f}", f"at most {limit}"
    )


def _verified(examples: pl.DataFrame, by_rules_allowed: bool) -> Gate:
    by_rules = examples.filter(pl.col("verified_by") == "rules").height
    return Gate(
        "verified_as_wanted",
        by_rules_allowed or by_rules == 0,
        f"{by_rules} of {examples.height} examples verified by rules alone",
        "any" if by_rules_allowed else "none by rules alone",
    )


def _self_check(checks: VerifierChecks) -> Gate:
    first = "; ".join(f"{p['id']}: {p['reason']}: {p['detail']}" for p in checks.problems[:3])
    seen = f"{checks.n_problems} of {checks.n_examples} examples have a problem"
    return Gate(
        "verifiers_accept_their_truths",
        checks.n_problems == 0,
        f"{seen}; {first}" if first else seen,
        "each verifier accepts its own ground truth, and none of five others",
    )


def _red_team(checks: VerifierChecks, settings: DatasetRelease) -> Gate:
    at_most = settings.max_verifier_failure_share
    worst = max(checks.rows, key=lambda row: row.hacks, default=None)
    seen = (
        f"hack rate {checks.hack_rate:.4f} ({checks.n_hacks} of {checks.attacks} attacks), "
        f"{checks.n_failures} without a verdict"
    )
    if worst is not None and worst.hacks:
        seen += f"; most in {worst.answer_type}, {worst.family}: {worst.hacks}"
    return Gate(
        "red_team",
        checks.hack_rate <= settings.max_hack_rate and checks.failure_share <= at_most,
        seen,
        f"hack rate at most {settings.max_hack_rate}, without a verdict at most {at_most:.1%}",
    )


def _verbatim(engine: Report) -> Gate:
    leaks = engine.verbatim
    return Gate(
        "verbatim_leaks_found",
        leaks.missed == 0,
        f"{leaks.found} of {leaks.rows} planted benchmark questions found",
        "all of them",
    )
