"""A file read as its users read it: registered as shards, then read shard by shard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from webscale_dagster.readers import BadRecord, Record, read_shard
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards
from webscale_dagster.tables import TABLES

ReadFile = Callable[..., list[Record | BadRecord]]


@pytest.fixture
def read_file() -> ReadFile:
    def read(path: Path, settings: RawCorpus | None = None, **fields: Any) -> list[Any]:
        settings = settings or RawCorpus()
        source = Source(name="corpus", uris=(str(path),), **fields)
        shards = plan_shards(source, TABLES["shards"].empty(), settings).new
        return [record for shard in shards for record in read_shard(shard, settings)]

    return read
