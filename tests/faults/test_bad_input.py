"""Whatever a file holds, each of its records comes out once, good or bad, in bounded memory."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from webscale_dagster.readers import REASONS, BadRecord, Record, SourceError, read_shard
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards
from webscale_dagster.tables import TABLES

N_ROWS = 200
TEXTS = [f"Text {n}: " + " ".join(f"word{n * k % 997}" for k in range(60)) for n in range(N_ROWS)]
LINES = "".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(TEXTS))
# Reads a file in a process of its own and says what came out, and its peak memory in kB.
MEASURE = """
import sys
from pathlib import Path
from webscale_dagster.readers import BadRecord, read_shard
from webscale_dagster.recipe import RawCorpus
from webscale_dagster.sources import Source, plan_shards
from webscale_dagster.tables import TABLES
shards = plan_shards(Source(name="c", uris=(sys.argv[1],)), TABLES["shards"].empty()).new
found = [r.reason if isinstance(r, BadRecord) else "kept" for s in shards
         for r in read_shard(s, RawCorpus())]
status = Path("/proc/self/status").read_text()
print(",".join(found), status.partition("VmHWM:")[2].split()[0])
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux only")


def read(path: Path, settings: RawCorpus | None = None, **fields: Any) -> list[Record | BadRecord]:
    settings = settings or RawCorpus()
    source = Source(name="c", uris=(str(path),), rows_per_shard=50, **fields)
    shards = plan_shards(source, TABLES["shards"].empty(), settings).new
    return [record for shard in shards for record in read_shard(shard, settings)]


def outcome(records: list[Record | BadRecord]) -> list[str]:
    assert [record.row for record in records] == list(range(len(records)))
    return [record.reason if isinstance(record, BadRecord) else "kept" for record in records]


def measured(path: Path) -> tuple[list[str], int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    reasons, peak_kb = done.stdout.split()
    return reasons.split(","), int(peak_kb) // 1024


def pages(texts: list[str]) -> list[bytes]:
    """A web-archive record for each text."""
    records = []
    for n, text in enumerate(texts):
        body = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>{text}</p></html>"
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:{n}>\r\n"
            f"WARC-Target-URI: http://e.org/{n}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        records.append(f"{head}{body}\r\n\r\n".encode())
    return records


@needs_proc
def test_a_line_of_100_mb_costs_one_record_and_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "before"}\n{"text": "')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"text": "after"}\n')
    reasons, peak_mb = measured(path)
    assert reasons == ["kept", "record_too_large", "kept"]
    assert peak_mb < 250, peak_mb


@needs_proc
@pytest.mark.parametrize("packing", ["zst", "gz"])
def test_a_bomb_is_stopped(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.jsonl.{packing}"
    spaces = b" " * (1 << 20)
    with path.open("wb") as file:
        if packing == "zst":
            packer: Any = zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False)
        else:
            packer = gzip.GzipFile("a.jsonl", "wb", 9, file)
        with packer:
            packer.write(b'{"text": "before"}\n')
            for _ in range(1024 if packing == "zst" else 128):
                packer.write(spaces)
    assert path.stat().st_size < 2_000_000
    reasons, peak_mb = measured(path)
    assert reasons == ["kept", "decompression_limit"]
    assert peak_mb < 250, peak_mb


def test_cut_off_files_lose_only_what_is_missing(tmp_path: Path) -> None:
    for suffix, packed in (
        ("zst", zstandard.compress(LINES.encode())),
        ("gz", gzip.compress(LINES.encode())),
    ):
        path = tmp_path / f"a.jsonl.{suffix}"
        path.write_bytes(packed[: int(len(packed) * 0.9)])
        reasons = outcome(read(path))
        assert reasons[-1] == "truncated"
        assert set(reasons[:-1]) <= {"kept"}
        assert len(reasons) <= N_ROWS


def test_bad_lines_among_good_ones(tmp_path: Path) -> None:
    lines: list[bytes] = LINES.encode().splitlines()
    damage = {
        3: (b'{"text": "\xe9"}', "invalid_utf8"),
        50: (b"{'text': 'python'}", "not_json"),  # the first row of the second shard
        99: (b"[1, 2]", "not_an_object"),
        120: (b'{"id": "120"}', "no_text"),
        121: (b'{"id": "121", "text": 7}', "no_text"),
        149: (b'{"id": "110", "text": "an id of this shard"}', "duplicate_id"),
        150: (b'{"id": "110", "text": "an id of the shard before"}', "kept"),
        199: (b'{"text": "ends here', "not_json"),
    }
    for row, (line, _) in damage.items():
        lines[row] = line
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    reasons = outcome(read(path))
    assert reasons == [damage.get(row, (b"", "kept"))[1] for row in range(N_ROWS)]


def test_lone_surrogates_and_nul_bytes_are_made_storable(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        rb'{"id": "a\ud800", "title": "t\u0000t", "url": "u\udc00", "text": "one \ud800 two\u0000"}'
        b"\n" + rb'{"id": "b", "text": "pair \ud83d\ude00"}' + b"\n"
    )
    first, second = read(path)
    assert first == Record(0, "a\ufffd", "u\ufffd", "t t", "one \ufffd two", None, None)
    assert isinstance(second, Record) and second.text == "pair \U0001f600"
    pq.write_table(pa.table({"text": [first.text], "id": [first.record_id]}), tmp_path / "ok")


def test_parquet_with_a_flipped_byte_is_refused_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": TEXTS}), path, compression="none")
    [shard] = plan_shards(Source(name="c", uris=(str(path),)), TABLES["shards"].empty()).new
    data = bytearray(path.read_bytes())
    data[data.index(b"word")] ^= 0x20  # no reader would notice: the text just differs
    path.write_bytes(data)
    with pytest.raises(SourceError, match="changed since it was registered"):
        list(read_shard(shard, RawCorpus()))


def test_empty_files(tmp_path: Path) -> None:
    for name in (
        "a.jsonl",
        "a.jsonl.zst",
        "a.jsonl.gz",
        "a.parquet",
        "a.warc.gz",
        "a.html",
        "a.txt",
    ):
        (tmp_path / name).write_bytes(b"")
        assert outcome(read(tmp_path / name)) == ["empty_file"]
    (tmp_path / "a.jsonl").write_bytes(b"\n \r\n\n")
    assert outcome(read(tmp_path / "a.jsonl")) == ["empty_file"]


def damaged(data: bytes, seed: int) -> bytes:
    """A copy with one fault: a flipped byte, a cut, a hole, or bytes that do not belong."""
    draw = random.Random(seed)
    at = draw.randrange(len(data))
    size = draw.randrange(1, 200)
    faults = (
        data[:at] + bytes([data[at] ^ draw.randrange(1, 256)]) + data[at + 1 :],
        data[:at],
        data[:at] + data[at + size :],
        data[:at] + draw.randbytes(size) + data[at:],
        data[:at] + bytes(size) + data[at + size :],
    )
    return faults[seed % len(faults)]


def whole_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    pq.write_table(pa.table({"text": TEXTS}), folder / "whole", row_group_size=70)
    yield "a.jsonl", LINES.encode()
    yield "a.jsonl.zst", zstandard.ZstdCompressor(write_checksum=True).compress(LINES.encode())
    yield "a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)
    yield "a.parquet", (folder / "whole").read_bytes()
    yield "a.warc", b"".join(pages(TEXTS[:20]))
    yield "a.warc.gz", b"".join(gzip.compress(page, mtime=0) for page in pages(TEXTS[:20]))


def test_no_damage_stops_a_run_or_loses_count(tmp_path: Path) -> None:
    for name, data in whole_files(tmp_path):
        path = tmp_path / name
        for seed in range(40):
            path.write_bytes(damaged(data, seed))
            try:
                records = read(path, RawCorpus(max_record_bytes=100_000))
            except SourceError as error:  # a damaged footer may have lost the column's name
                assert name == "a.parquet" and "no column 'text'" in str(error)
                continue
            reasons = outcome(records)
            assert reasons, (name, seed)
            assert set(reasons) <= {"kept", *REASONS}, (name, seed)
