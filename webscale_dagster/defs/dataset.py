"""Assets 10 and 11: RL examples over all shards, and the release."""

from __future__ import annotations

from typing import Any

import dagster as dg

from webscale_dagster.defs.gates_page import gates_table, in_short
from webscale_dagster.defs.resources import Platform
from webscale_dagster.defs.walk_asset import OWNERS, walk_asset
from webscale_dagster.exports.release import Release, make_release
from webscale_dagster.exports.verifier_checks import VerifierChecks
from webscale_dagster.progress import announce

rl_splits = walk_asset(
    "rl_splits",
    "dataset",
    "Examples of all shards: duplicate questions out, balanced, split so that relatives stay "
    "together.",
    deps=["decontaminated_set", "difficulty", "near_duplicates", "raw_corpus"],
)


@dg.asset(
    group_name="dataset",
    description="An immutable versioned folder: parquet by split, card, manifest of pinned table "
    "versions. Every gate is read again from the lake; the channel moves only if all pass.",
    deps=["rl_splits"],
    kinds={"parquet"},
    owners=list(OWNERS),
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            "gates",
            asset="dataset_release",
            description="All gates of the recipe, read from the lake's verdicts and the examples.",
        ),
        dg.AssetCheckSpec(
            "red_team",
            asset="dataset_release",
            description="Replies that are no right answer, tried on the verifiers of the release; "
            "the channel stays where it is if more of them earn something than the recipe allows.",
        ),
    ],
)
def dataset_release(platform: Platform) -> Any:
    """Release what rl_splits holds, and report its gates."""
    release = make_release(platform.walk(announce))
    yield dg.MaterializeResult(
        asset_key="dataset_release",
        data_version=dg.DataVersion(release.name),
        metadata={
            "release": release.name,
            "dagster/uri": release.folder,
            "dagster/row_count": sum(f["rows"] for f in release.manifest["files"].values()),
            "channel": f"{release.channel} points here" if release.channel else "not moved",
            "splits": {name[5:-8]: f["rows"] for name, f in release.manifest["files"].items()},
            "gates": dg.MetadataValue.md(gates_table(release.gates)),
            "tables": release.manifest["tables"],
        },
    )
    yield dg.AssetCheckResult(
        check_name="gates",
        asset_key="dataset_release",
        passed=release.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "seen": in_short(release.gates),
            "gates": dg.MetadataValue.md(gates_table(release.gates)),
        },
    )
    yield _red_team(release)


def _red_team(release: Release) -> dg.AssetCheckResult:
    """The gate of this name as a check of its own, with what was tried."""
    (gate,) = (gate for gate in release.gates if gate.name == "red_team")
    checks = release.checks
    return dg.AssetCheckResult(
        check_name="red_team",
        asset_key="dataset_release",
        passed=gate.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "seen": gate.seen,
            "wanted": gate.wanted,
            "hack_rate": checks.hack_rate,
            "attacks": checks.attacks,
            "by_family": dg.MetadataValue.md(_families(checks)),
            "hacks": dg.MetadataValue.json(checks.hacks[:10]),
            "without_a_verdict": dg.MetadataValue.json(checks.failures[:10]),
        },
    )


def _families(checks: VerifierChecks) -> str:
    lines = [f"| {family} | {a} | {h} | {f} |" for family, a, h, f in checks.by_family()]
    head = ["| family | attacks | hacks | without a verdict |", "|---|---|---|---|"]
    return "\n".join([*head, *lines])
