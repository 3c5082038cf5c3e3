from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from webscale_dagster.readers import SourceError, read_shard
from webscale_dagster.readers.s3 import glob_pattern
from webscale_dagster.readers.storage import list_uri, local_copy
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards, updated_rows
from webscale_dagster.tables import TABLES

ALL = (".jsonl", ".txt")


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


def names(uri: str) -> list[str]:
    return [Path(entry.uri).name for entry in list_uri(uri, ALL)]


def test_folders_globs_and_paths(tmp_path: Path) -> None:
    make(tmp_path, "b.jsonl", "a.txt", "sub/c.jsonl", "skip.csv", "_SUCCESS.txt", ".hid/d.txt")
    assert names(str(tmp_path)) == ["a.txt", "b.jsonl", "c.jsonl"]
    assert names(f"{tmp_path}/*.csv") == ["skip.csv"]
    assert names(f"{tmp_path}/**/*.jsonl") == ["b.jsonl", "c.jsonl"]
    assert names(f"{tmp_path}/sub/../a.txt") == ["a.txt"]
    make(tmp_path, "odd[1].txt")
    assert names(f"{tmp_path}/odd[1].txt") == ["odd[1].txt"]


def test_uris_do_not_depend_on_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.txt")
    monkeypatch.chdir(tmp_path)
    [entry] = list_uri("a.txt", ALL)
    assert (entry.uri, entry.size, entry.etag) == (str(tmp_path / "a.txt"), 1, None)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("nowhere", "no such file or folder"),
        ("nowhere/*.txt", "nothing matches this glob"),
        ("empty", r"holds no file that ends in \.jsonl, \.txt \(1 others\)"),
        ("a,b.txt", "contains a comma; rename it"),
        ("a\nb.txt", "contains a line break"),
        ("a\x7fb.txt", "control character"),
        (os.fsdecode(b"a\xff.txt"), "not UTF-8"),
    ],
)
def test_clear_errors(tmp_path: Path, uri: str, message: str) -> None:
    make(tmp_path, "empty/a.csv", "a,b.txt", "a\nb.txt", "a\x7fb.txt", os.fsdecode(b"a\xff.txt"))
    with pytest.raises(SourceError, match=message) as raised:
        list_uri(str(tmp_path / uri), ALL)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a/*.txt", "a/b.txt", True),
        ("a/*.txt", "a/b/c.txt", False),
        ("a/**/*.txt", "a/b/c.txt", True),
        ("a/**/*.txt", "a/c.txt", True),
        ("a/?.txt", "a/bc.txt", False),
        ("a/[!x].txt", "a/b.txt", True),
        ("a/[!x].txt", "a/x.txt", False),
        ("a.b/*", "aXb/c", False),
    ],
)
def test_globs_over_keys(pattern: str, key: str, matches: bool) -> None:
    assert bool(glob_pattern(pattern).fullmatch(key)) == matches


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="corpus")
    yield "s3://corpus"
    server.stop()


def put(key: str, data: bytes) -> None:
    import boto3

    boto3.client("s3", region_name="us-east-1").put_object(Bucket="corpus", Key=key, Body=data)


@pytest.mark.service
@pytest.mark.filterwarnings("default")
def test_a_bucket_is_listed_read_and_checked(bucket: str) -> None:
    rows = b"".join(b'{"id": "%d", "text": "text %d"}\n' % (n, n) for n in range(5))
    put("crawl/b.jsonl.zst", zstandard.compress(rows))
    put("crawl/sub/a.jsonl", rows)
    put("crawl/_SUCCESS", b"")
    put("crawl/", b"")
    empty = TABLES["shards"].empty()
    source = Source(name="c", uris=(f"{bucket}/crawl/",), rows_per_shard=3)
    plan = plan_shards(source, empty)
    assert [(s["shard"], s["uri"], s["row_from"], s["row_to"]) for s in plan.new] == [
        ("c-00000", "s3://corpus/crawl/b.jsonl.zst", 0, 3),
        ("c-00001", "s3://corpus/crawl/b.jsonl.zst", 3, 5),
        ("c-00002", "s3://corpus/crawl/sub/a.jsonl", 0, 3),
        ("c-00003", "s3://corpus/crawl/sub/a.jsonl", 3, 5),
    ]
    assert [r.record_id for s in plan.new[:2] for r in read_shard(s, RawCorpus())] == list("01234")

    existing = empty.extend(type(empty)(plan.new, schema=empty.schema))
    assert plan_shards(source, existing).n_unchanged == 2
    put("crawl/sub/a.jsonl", rows.replace(b"text 4", b"text 5"))
    with pytest.raises(SourceError, match="changed since it was registered as shard c-00002"):
        list(read_shard(plan.new[2], RawCorpus()))
    [change] = plan_shards(source, existing).changed
    [first, second] = updated_rows(source, [change], existing)
    assert (first["shard"], second["shard"]) == ("c-00002", "c-00003")
    assert list(read_shard(second, RawCorpus()))[-1].text == "text 5"  # type: ignore[union-attr]


@pytest.mark.service
@pytest.mark.filterwarnings("default")
def test_addresses_in_a_bucket(bucket: str) -> None:
    for key in ("a/x.jsonl", "a/x.jsonl.txt", "a/y.jsonl", "b/z.csv", "c/a,b.txt"):
        put(key, b"x")
    assert names(f"{bucket}/a/x.jsonl") == ["x.jsonl"]
    assert names(f"{bucket}/a/*.jsonl") == ["x.jsonl", "y.jsonl"]
    assert names(f"{bucket}/a") == ["x.jsonl", "x.jsonl.txt", "y.jsonl"]
    for uri, message in (
        (f"{bucket}/b/", r"nothing to read there \(1 objects of other kinds\)"),
        (f"{bucket}/nowhere/*", "nothing to read there"),
        (f"{bucket}/c/", "contains a comma"),
        ("s3://other/a", "NoSuchBucket.*check the address, AWS_ENDPOINT_URL"),
        ("s3:///a", "no bucket; write s3://bucket/prefix"),
    ):
        with pytest.raises(SourceError, match=message):
            list_uri(uri, ALL)
    with (
        pytest.raises(SourceError, match="check the address, AWS_ENDPOINT_URL"),
        local_copy(f"{bucket}/gone.jsonl"),
    ):
        pass
