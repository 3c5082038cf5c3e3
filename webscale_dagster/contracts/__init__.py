"""Data contracts, one per table: what must hold of a shard before it is committed.

Makes an ``Audit`` from a frame, its rejects and its parents. Polars computes one metric per check
and the offending rows; Great Expectations judges the metrics. Reads and writes nothing.
"""

from __future__ import annotations

from webscale_dagster.contracts.audit import Audit, Verdict, audit
from webscale_dagster.contracts.check import Check

__all__ = ["Audit", "Check", "Verdict", "audit"]
