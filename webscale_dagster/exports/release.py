"""Writes a release: an immutable folder with data, card and manifest, and moves its channel.

Reads rl_splits and the lake's verdicts. Writes ``releases/<id>/`` (``data/<split>.parquet``,
``README.md``, ``recipe.json``, ``text_engine.json``, ``manifest.json`` last: a folder without it is
no release) and ``channels/<name>.json``, one small object replaced whole. The id is a hash of the
content, so the same dataset is the same release.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import polars as pl

from webscale_dagster import shards
from webscale_dagster.content import parquet
from webscale_dagster.exports.card import card
from webscale_dagster.exports.gates import Gate, gates
from webscale_dagster.exports.text_engine import FILE, engine_report, kept_report
from webscale_dagster.exports.verifier_checks import VerifierChecks, verifier_checks
from webscale_dagster.recipe import content_hash
from webscale_dagster.stages import STAGES, code_version
from webscale_dagster.tables import TABLES
from webscale_dagster.text.engine_report import Report
from webscale_dagster.walk import Walk


@dataclass(frozen=True)
class Release:
    """A release, whether this call made it, and the channel it was let into, if any."""

    name: str
    folder: str
    created: bool
    gates: list[Gate]
    channel: str | None
    manifest: dict[str, Any]
    checks: VerifierChecks
    engine: Report

    @property
    def passed(self) -> bool:
        """True if every gate is open."""
        return all(gate.passed for gate in self.gates)


def make_release(walk: Walk) -> Release:
    """Release what rl_splits holds now; the channel moves only if all gates pass."""
    lake = walk.lake
    dataset = [name for name, table in TABLES.items() if table.by == "shard"]
    pins = {table: version for table in dataset if (version := lake.version(table)) is not None}
    examples = lake.read("rl_splits", version=pins.get("rl_splits")).collect()
    checks = verifier_checks(walk, examples)
    recipe = walk.recipe.of_dataset()
    content = lake.content("rl_splits", version=pins.get("rl_splits"))
    name = f"{walk.recipe.name}-{content_hash(recipe, str(content))[:12]}"
    folder = f"releases/{name}"
    engine = kept_report(lake, folder) or engine_report(lake, walk.recipe)
    found = gates(walk, examples, checks, engine)
    seen = _Seen(found, checks, engine)
    old = lake.objects.get(f"{folder}/manifest.json")
    manifest = json.loads(old) if old else _write(walk, folder, examples, pins, seen)
    channel = walk.recipe.dataset_release.channel
    moved = channel if channel != "none" and all(gate.passed for gate in found) else None
    if moved:
        _move_channel(walk, moved, name, found)
    place = f"{lake.root}/{folder}"
    return Release(name, place, old is None, found, moved, manifest, checks, engine)


@dataclass(frozen=True)
class _Seen:
    """What was found out about the examples, and about the engine that cleaned their documents."""

    gates: list[Gate]
    checks: VerifierChecks
    engine: Report


def _write(
    walk: Walk, folder: str, examples: pl.DataFrame, pins: dict[str, int], seen: _Seen
) -> dict[str, Any]:
    objects = walk.lake.objects
    files: dict[str, dict[str, Any]] = {}
    for split in sorted(examples["split"].unique()):
        rows = examples.filter(pl.col("split") == split)
        data = parquet(rows)
        objects.put(f"{folder}/data/{split}.parquet", data)
        digest = hashlib.sha256(data).hexdigest()
        files[f"data/{split}.parquet"] = {"rows": rows.height, "sha256": digest}
    manifest = {
        "release": folder.removeprefix("releases/"),
        "recipe": walk.recipe.name,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "files": files,
        "tables": pins,
        "shards": shards.names(walk.lake),
        "code_versions": {n: code_version(s, walk.recipe) for n, s in STAGES.items()},
        "gates_at_creation": [gate.as_dict() for gate in seen.gates],
    }
    objects.put(f"{folder}/recipe.json", walk.recipe.of_dataset().encode())
    objects.put(f"{folder}/{FILE}", json.dumps(seen.engine.as_dict(), indent=1).encode())
    text = card(walk, examples, manifest, seen.checks, seen.engine)
    objects.put(f"{folder}/README.md", text.encode())
    objects.put(f"{folder}/manifest.json", json.dumps(manifest, indent=2).encode())
    return manifest


def _move_channel(walk: Walk, channel: str, release: str, found: list[Gate]) -> None:
    now = current_channel(walk, channel)
    if now is not None and now["release"] == release:
        return
    pointer = {
        "release": release,
        "before": now["release"] if now else None,
        "moved_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "gates": [gate.as_dict() for gate in found],
    }
    walk.lake.objects.put(f"channels/{channel}.json", json.dumps(pointer, indent=2).encode())


def current_channel(walk: Walk, channel: str) -> dict[str, Any] | None:
    """What the channel points at: release, the one before it, when it moved, the gates then."""
    data = walk.lake.objects.get(f"channels/{channel}.json")
    return None if data is None else dict(json.loads(data))
