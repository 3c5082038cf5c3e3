"""A release as it was made: its manifest, and every table at the version that it pins.

Reads ``releases/``, ``channels/`` and the tables of a lake; writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from webscale_dagster.lake import Lake
from webscale_dagster.tables import TABLES

_MANIFEST, _CHANNEL = "/manifest.json", ".json"


class UnknownRelease(ValueError):
    """No release and no channel of this name; the message lists those there are."""


@dataclass(frozen=True)
class Pinned:
    """A release to read from, long after its tables went on."""

    name: str
    manifest: dict[str, Any]
    lake: Lake

    def table(self, name: str) -> pl.LazyFrame:
        """The rows of its shards; none of a table that was made only later."""
        version = self.manifest["tables"].get(name)
        if version is None:
            return TABLES[name].empty().lazy()
        rows = self.lake.read(name, version=version)
        return rows.filter(pl.col("shard").is_in(self.manifest["shards"]))

    def policy_samples(self) -> pl.LazyFrame:
        """What a policy answered, by the versions it pins."""
        pins = self.manifest["tables"]
        if not {"difficulty", "policy_samples"} <= set(pins):
            return TABLES["policy_samples"].empty().lazy()
        return self.lake.beside("policy_samples", self.manifest["shards"], pins)


def open_release(lake: Lake, name: str) -> Pinned:
    """The release of this name, or the one that the channel of this name points to."""
    releases = _named(lake, "releases/", _MANIFEST)
    channels = _named(lake, "channels/", _CHANNEL)
    wanted = name
    if name not in releases and name in channels:
        wanted = json.loads(lake.objects.get(f"channels/{name}{_CHANNEL}") or b"{}")["release"]
    if wanted not in releases:
        known = ", ".join([*channels, *releases]) or "none yet; `webscale run` makes one"
        raise UnknownRelease(f"{name}: no such release or channel; there are: {known}")
    manifest = json.loads(lake.objects.get(f"releases/{wanted}{_MANIFEST}") or b"{}")
    return Pinned(wanted, manifest, lake)


def _named(lake: Lake, prefix: str, suffix: str) -> list[str]:
    keys = (key.removeprefix(prefix) for key in lake.objects.keys(prefix) if key.endswith(suffix))
    return [key.removesuffix(suffix) for key in keys]
