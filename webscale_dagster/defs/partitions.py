"""The partitions: one per shard, registered by ``webscale ingest`` and the sensors."""

from __future__ import annotations

import dagster as dg

SHARDS = dg.DynamicPartitionsDefinition(name="shards")


def sync_shards(instance: dg.DagsterInstance, names: list[str]) -> list[str]:
    """Make the instance know every shard of the lake; returns those that were new to it."""
    known = set(instance.get_dynamic_partitions("shards"))
    new = [name for name in names if name not in known]
    if new:
        instance.add_dynamic_partitions("shards", new)
    return new


EXPERIMENTS = dg.DynamicPartitionsDefinition(name="experiments")


def sync_experiments(instance: dg.DagsterInstance, names: list[str]) -> None:
    """Make the instance know these experiments."""
    known = set(instance.get_dynamic_partitions("experiments"))
    new = [name for name in names if name not in known]
    if new:
        instance.add_dynamic_partitions("experiments", new)
