"""The lake on S3: published, read, quarantined and pointed at through a real HTTP server (moto)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.test_lake import documents, publish, rejects
from webscale_dagster.lake import AuditFailed, Lake
from webscale_dagster.objects import S3Objects

pytestmark = pytest.mark.service


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"corpus-{uuid.uuid4().hex}"  # moto forgets nothing between servers of a process
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=bucket)
    yield Lake(f"s3://{bucket}/team/lake")
    server.stop()


def test_a_shard_is_published_and_read_on_s3(lake: Lake) -> None:
    kept = documents("a-00000", "one", "two two")
    gone = rejects("raw_corpus", "a-00000", "2")
    assert publish(lake, kept, "a-00000", gone=gone).committed
    publish(lake, documents("b-00000", "three"), "b-00000")
    assert not publish(lake, kept, "a-00000", gone=gone).committed
    assert lake.read("raw_corpus", "a-00000").collect()["text"].to_list() == ["one", "two two"]
    assert lake.rejects(["raw_corpus"], ["a-00000"]).collect()["parent_id"].to_list() == ["2"]
    assert [verdict["shard"] for verdict in lake.verdicts()] == ["a-00000", "b-00000"]


def test_a_broken_contract_is_quarantined_on_s3(lake: Lake) -> None:
    with pytest.raises(AuditFailed, match="text_present"):
        publish(lake, documents("a-00000", " "), "a-00000")
    assert lake.version("raw_corpus") is None
    assert any(key.endswith("rows.parquet") for key in lake.objects.keys("quarantine/"))


def test_one_of_many_creates_an_object(lake: Lake) -> None:
    objects = S3Objects(lake.root)
    won: list[bool] = []
    racers = [
        threading.Thread(target=lambda n=n: won.append(objects.put_new("lease", str(n).encode())))
        for n in range(8)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert won.count(True) == 1
