"""Texts as one array of UTF-8 bytes, and the reading of a character from it.

Makes ``Texts`` from a polars column (its Arrow buffers, without a copy or a Python string per row)
or from strings; reads and writes nothing. Halves of surrogate pairs in Python strings are encoded
as they are; nothing here fails on bytes that are not UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.text.kernels.jit import kernel

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``."""

    offsets: Offsets
    data: Bytes

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.offsets) - 1

    def text(self, index: int) -> str:
        """One text as a string."""
        raw = self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()
        return raw.decode("utf-8", "surrogatepass")


def encode(texts: Sequence[str] | pl.Series) -> Texts:
    """Texts as bytes; a null is an empty text."""
    if isinstance(texts, pl.Series):
        return _of_column(texts)
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    return joined(b"".join(raw), [len(part) for part in raw])


def joined(data: bytes | Bytes, lengths: Sequence[int] | npt.NDArray[np.int64]) -> Texts:
    """Texts of these lengths, one after the other."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return _read_only(offsets, np.frombuffer(data, np.uint8))


def _read_only(offsets: Offsets, data: Bytes) -> Texts:
    """A kernel is compiled once for arrays that can be written to, and once for others."""
    offsets.flags.writeable = data.flags.writeable = False
    return Texts(offsets, data)


def _of_column(column: pl.Series) -> Texts:
    if column.null_count():
        column = column.fill_null("")
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(column) + 1]
    return _read_only(ends, np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8))


@kernel
def decode(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The code point at a byte and the number of its bytes (1 where it is not UTF-8)."""
    first = int(data[at])
    if first < 0x80:
        return first, 1
    if 0xC2 <= first < 0xE0 and at + 1 < end:
        return (first & 0x1F) << 6 | (data[at + 1] & 0x3F), 2
    if 0xE0 <= first < 0xF0 and at + 2 < end:
        return (first & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | (data[at + 2] & 0x3F), 3
    if 0xF0 <= first < 0xF5 and at + 3 < end:
        low = (data[at + 2] & 0x3F) << 6 | (data[at + 3] & 0x3F)
        return (first & 0x07) << 18 | (data[at + 1] & 0x3F) << 12 | low, 4
    return 0xFFFD, 1
