"""Bytes of a file as a bounded stream, decompressed, with every fault named.

Reads one local file (plain, gzip or zstd, told apart by their first bytes); writes nothing.
Libraries end a cut-off zstd file without a word and unpack a bomb until memory is gone, so frame
ends and sizes are checked here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from webscale_dagster.readers.records import Job

ZSTD_MAGIC, GZIP_MAGIC = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
# RFC 8878, 3.1.2: skippable frames may come first (pzstd writes them).
SKIPPABLE_MAGIC = tuple(bytes([0x50 + n, 0x2A, 0x4D, 0x18]) for n in range(16))
READ_BYTES = 1 << 16
# A zstd block of 4 bytes can stand for 128 KiB (RFC 8878, 3.1.1.2.2), and the library unpacks all
# that it is given at once: 512 bytes of input keep the worst case at 16 MiB.
ZSTD_FEED_BYTES = 1 << 9
# Small files may repeat themselves at any ratio; only what is large is a bomb.
RATIO_FLOOR_BYTES = 1 << 26


class StreamError(Exception):
    """The stream cannot go on; all bytes before the fault were given."""

    def __init__(self, reason: str, detail: str) -> None:
        """``reason`` is one of ``REASONS``."""
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def chunks(job: Job) -> Iterator[bytes]:
    """The decompressed bytes of a job's file, then ``StreamError`` where it is broken."""
    size = job.path.stat().st_size
    done, unpacked = 0, 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        job.progress(done, size)

    with job.path.open("rb") as file:
        for chunk in _unpack(file, job.path, count):
            unpacked += len(chunk)
            _check_size(job, unpacked, done)
            yield chunk


def _unpack(file: BinaryIO, path: Path, count: Callable[[int], None]) -> Iterator[bytes]:
    magic = file.read(4)
    file.seek(0)
    if magic == ZSTD_MAGIC or magic in SKIPPABLE_MAGIC:
        return _frames(_bites(_feed(file, count), ZSTD_FEED_BYTES), _zstd_frame, "zstd")
    if magic[:2] == GZIP_MAGIC:
        return _frames(_feed(file, count), _gzip_member, "gzip")
    return _plain(file, path.name, magic, count)


def _plain(
    file: BinaryIO, name: str, magic: bytes, count: Callable[[int], None]
) -> Iterator[bytes]:
    named = {".zst": "zstd", ".zstd": "zstd", ".gz": "gzip"}.get(Path(name).suffix.lower())
    if named and magic:
        raise StreamError("corrupt", f"{name} is not {named}: it starts with {magic.hex(' ')}")
    yield from _feed(file, count)


def _check_size(job: Job, unpacked: int, packed: int) -> None:
    limit, ratio = job.settings.max_file_bytes, job.settings.max_compression_ratio
    if unpacked > limit:
        raise StreamError("decompression_limit", f"over max_file_bytes = {limit:,}")
    if unpacked > RATIO_FLOOR_BYTES and unpacked > ratio * max(packed, 1):
        raise StreamError(
            "decompression_limit",
            f"{packed:,} bytes unpack to {unpacked:,}, over max_compression_ratio = {ratio:g}",
        )


def _feed(file: BinaryIO, count: Callable[[int], None]) -> Iterator[bytes]:
    while data := file.read(READ_BYTES):
        count(len(data))
        yield data


def _bites(feed: Iterator[bytes], size: int) -> Iterator[bytes]:
    for data in feed:
        for start in range(0, len(data), size):
            yield data[start : start + size]


def _zstd_frame() -> tuple[Any, Callable[[Any, bytes], bytes]]:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj(), lambda frame, data: frame.decompress(data)


def _gzip_member() -> tuple[Any, Callable[[Any, bytes], bytes]]:
    return zlib.decompressobj(wbits=31), lambda member, data: member.decompress(data, 1 << 20)


def _frames(
    feed: Iterator[bytes], start: Callable[[], tuple[Any, Callable[[Any, bytes], bytes]]], name: str
) -> Iterator[bytes]:
    """Unpack frame after frame; ``start`` makes a decompressor and the call that feeds it."""
    frame, step = start()
    begun = False
    for data in feed:
        while data:
            # gzip files may be padded with zeros (as tape archives are); no frame starts with one.
            if not begun and not data.strip(b"\0"):
                break
            begun = True
            try:
                out = step(frame, data)
            except Exception as error:  # zlib.error, ZstdError: each library has its own
                raise StreamError("corrupt", f"{name}: {error}") from None
            if out:
                yield out
            data = frame.unused_data if frame.eof else getattr(frame, "unconsumed_tail", b"")
            if frame.eof:
                (frame, step), begun = start(), False
    if begun:
        raise StreamError("truncated", f"the file ends inside a {name} frame")
