"""Makes the asset of a stage: lineage, group, kinds, owner, code version and contract check."""

from collections.abc import Sequence

import dagster as dg

from webscale_dagster.defs.materialise import CHECK, Events, materialise
from webscale_dagster.defs.partitions import SHARDS
from webscale_dagster.defs.resources import Platform
from webscale_dagster.home import home_recipe
from webscale_dagster.stages import STAGES, code_version
from webscale_dagster.tables import TABLES

OWNERS = ("team:post-training",)


def walk_asset(
    name: str, group: str, description: str, deps: Sequence[str] = (), pool: str | None = None
) -> dg.AssetsDefinition:
    """The asset of stage ``name``; its body only reports what the stage did."""
    table = TABLES[name]
    if pool is None and STAGES[name].asks_model and home_recipe().model_of(name).on_this_gpu:
        pool = "gpu"
    # No backfill policy: that is one run per shard. `multi_run(1)` launches ranges of one shard,
    # whose runs have no partition key, so that their check is never seen to be evaluated.
    partitions = SHARDS if table.sharded else None

    @dg.asset(
        name=name,
        group_name=group,
        description=f"{description} One row is {table.grain}.",
        deps=list(deps),
        partitions_def=partitions,
        code_version=code_version(STAGES[name], home_recipe()),
        kinds={"polars", "deltalake"} | ({"vllm"} if STAGES[name].asks_model else set()),
        owners=list(OWNERS),
        pool=pool,
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=name,
                blocking=True,
                description=f"Great Expectations judges `{name}` before it is committed.",
                partitions_def=partitions,
            )
        ],
    )
    def body(context: dg.AssetExecutionContext, platform: Platform) -> Events:
        yield from materialise(context, platform, name)

    return body
