"""Everything Dagster sees: loads ``defs/``, nothing else."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

# Partitioned checks are what a gate per shard needs; that they are in preview is known.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors below ``defs/``."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
