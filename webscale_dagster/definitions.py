"""Everything Dagster sees: loads ``defs/`` with its resources and executor, nothing else."""

from __future__ import annotations

import warnings

import dagster as dg

import webscale_dagster.defs
from webscale_dagster.defs.resources import RESOURCES

# Partitioned checks are what a gate per shard needs; that they are in preview is known.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors below ``defs/``.

    In one process by default: a spawned step pays ten seconds of imports. Loaded as a package,
    because Dagster's own loader of defs folders wants a pyproject.toml beside the code, and an
    installed package has none.
    """
    return dg.load_definitions_from_package_module(
        webscale_dagster.defs, resources=RESOURCES, executor=dg.in_process_executor
    )
