from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import zstandard

from webscale_dagster.readers.records import Job, Reading
from webscale_dagster.readers.stream import StreamError, chunks
from webscale_dagster.recipe import RawCorpus

DATA = os.urandom(300_000) + b"a" * 300_000
SKIPPABLE = b"\x50\x2a\x4d\x18" + (8).to_bytes(4, "little") + b"whatever"


def unpack(path: Path, settings: RawCorpus | None = None) -> tuple[bytes, str]:
    """All bytes that come out, and the reason why no more did."""
    held = []
    try:
        for chunk in chunks(Job(path, path.name, Reading(), settings or RawCorpus())):
            held.append(chunk)
    except StreamError as error:
        return b"".join(held), error.reason
    return b"".join(held), ""


@pytest.mark.parametrize(
    "packed",
    [
        DATA,
        zstandard.compress(DATA),
        SKIPPABLE + zstandard.compress(DATA[:9]) + SKIPPABLE + zstandard.compress(DATA[9:]),
        zstandard.compress(b"") + zstandard.compress(DATA),
        gzip.compress(DATA, mtime=0),
        gzip.compress(DATA[:9], mtime=0)
        + gzip.compress(b"")
        + gzip.compress(DATA[9:])
        + b"\0" * 100_000,
    ],
)
def test_whole_files(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(packed)
    assert unpack(path) == (DATA, "")


@pytest.mark.parametrize("packed", [zstandard.compress(DATA), gzip.compress(DATA, mtime=0)])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99, 1.0])
def test_cut_off_files_give_what_they_hold_and_say_so(
    tmp_path: Path, packed: bytes, kept: float
) -> None:
    path = tmp_path / "a"
    path.write_bytes(packed[: int((len(packed) - 1) * kept)])
    data, reason = unpack(path)
    assert reason == "truncated"
    assert DATA.startswith(data)


@pytest.mark.parametrize("packed", [zstandard.compress(DATA), gzip.compress(DATA, mtime=0)])
def test_a_cut_in_a_second_frame_is_noticed_too(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(packed + packed[:50])
    data, reason = unpack(path)
    assert reason == "truncated"
    assert data.startswith(DATA)


def test_flipped_bytes(tmp_path: Path) -> None:
    checked = zstandard.ZstdCompressor(write_checksum=True).compress(DATA)
    for packed in (bytearray(gzip.compress(DATA, mtime=0)), bytearray(checked)):
        packed[len(packed) // 3] ^= 0x55
        path = tmp_path / "a"
        path.write_bytes(packed)
        assert unpack(path)[1] == "corrupt"


def test_garbage_after_the_end(tmp_path: Path) -> None:
    for packed in (gzip.compress(DATA, mtime=0), zstandard.compress(DATA)):
        path = tmp_path / "a"
        path.write_bytes(packed + b"and then something else")
        assert unpack(path) == (DATA, "corrupt")


def test_a_name_that_promises_a_packing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(b'{"text": "not packed"}')
    assert unpack(path) == (b"", "corrupt")
    path.write_bytes(b"")
    assert unpack(path) == (b"", "")


def test_caps_on_bytes_and_ratio(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(zstandard.compress(DATA))
    data, reason = unpack(path, RawCorpus(max_file_bytes=100_000))
    assert (reason, len(data) <= 100_000) == ("decompression_limit", True)
    zeros = zstandard.compress(b"\0" * (1 << 27))
    path.write_bytes(zeros)
    data, reason = unpack(path)
    assert reason == "decompression_limit"
    assert unpack(path, RawCorpus(max_compression_ratio=100_000.0))[1] == ""


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(DATA, mtime=0))
    seen: list[tuple[int, int]] = []
    job = Job(path, "a", Reading(), RawCorpus(), progress=lambda *step: seen.append(step))
    assert b"".join(chunks(job)) == DATA
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)
