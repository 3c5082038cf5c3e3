from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from webscale_dagster.readers import REASONS, SourceError, read_shard
from webscale_dagster.readers.shard import format_of
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards
from webscale_dagster.tables import TABLES


def registered(path: Path) -> dict[str, Any]:
    [shard] = plan_shards(Source(name="c", uris=(str(path),)), TABLES["shards"].empty()).new
    return shard


def texts(path: Path, *rows: str) -> Path:
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("damage", ["longer", "same size", "gone"])
def test_a_file_that_changed_is_refused_before_a_row_is_read(tmp_path: Path, damage: str) -> None:
    path = texts(tmp_path / "a.jsonl", "one", "two")
    shard = registered(path)
    if damage == "longer":
        texts(path, "one", "two", "three")
    elif damage == "same size":
        texts(path, "one", "twx")
    else:
        path.unlink()
    message = "No such file" if damage == "gone" else "changed since it was registered"
    with pytest.raises(SourceError, match=message) as raised:
        next(read_shard(shard, RawCorpus()))
    assert str(path) in str(raised.value)


def test_a_file_replaced_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = texts(tmp_path / "a.jsonl", "one", "two")
    rows = read_shard(registered(path), RawCorpus())
    next(rows)
    os.utime(path, (1, 1))
    with pytest.raises(SourceError, match="changed while it was read"):
        list(rows)


def test_an_emptied_shard_has_no_rows(tmp_path: Path) -> None:
    shard = registered(texts(tmp_path / "a.jsonl", "one"))
    assert list(read_shard({**shard, "row_from": 0, "row_to": 0}, RawCorpus())) == []


def test_reasons_are_snake_case_and_explained() -> None:
    assert all(reason.replace("_", "").isalnum() and text for reason, text in REASONS.items())


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("a.jsonl", "jsonl"),
        ("C4-TRAIN.00000.JSON.GZ", "jsonl"),
        ("a.warc.wet.gz", "wet"),
        ("a.warc.gz", "warc"),
        ("s3://b/part-0.snappy.parquet", "parquet"),
        ("a.htm", "html"),
        ("a.txt.zst", "text"),
    ],
)
def test_formats_by_name(name: str, format_name: str) -> None:
    assert format_of(name) == format_name


@pytest.mark.parametrize("name", ["a.csv", "a.zst", "a", "a.warc.wat.gz", "jsonl"])
def test_unknown_formats(name: str) -> None:
    with pytest.raises(SourceError, match="unknown format; set format"):
        format_of(name)
