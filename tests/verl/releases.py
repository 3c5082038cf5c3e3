"""A small release made by rules, for tests of exports and of what reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import make_home
from tests.test_walk import COPPER, DANUBE
from webscale_dagster.exports.pinned import Pinned, open_release
from webscale_dagster.exports.release import make_release
from webscale_dagster.ingest import ingest_source
from webscale_dagster.lake import Lake
from webscale_dagster.sources import write_source
from webscale_dagster.walk import SHARDED, Walk

ALL = ("sft", "train", "validation", "test")
RECIPE = "[rl_splits]\nsft = 0.0\nvalidation = 0.5\ntest = 0.0\n"


def small_release(home: Path, recipe: str = RECIPE) -> Pinned:
    """Two documents, carried to a release in this home."""
    with pytest.MonkeyPatch.context() as patch:
        make_home(home, patch)
        (home / "corpus").mkdir(parents=True)
        rows = [{"id": "danube", "text": DANUBE}, {"id": "copper", "text": COPPER}]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (home / "corpus" / "a.jsonl").write_text(lines, encoding="utf-8")
        (home / "recipe.toml").write_text(recipe, encoding="utf-8")
        walk = Walk.at_home()
        source = write_source(str(home / "corpus"), home / "sources", {}, "s")
        (shard,) = ingest_source(walk, source).new
        walk.make("benchmarks")
        for stage in SHARDED:
            walk.make(stage, shard)
        walk.make("rl_splits")
        make_release(walk)
    return open_release(Lake(str(home / "lake")), "candidate")
