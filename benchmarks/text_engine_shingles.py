"""Our word shingles of many texts as one array, for a peer that takes hashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.folding import Folding, folding
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.minhash import Scratch, scratch, shingle_set
from webscale_dagster.text.kernels.tokens import Flags, Hashes, Offsets, prepare
from webscale_dagster.text.kernels.utf8 import Bytes


def flat_shingles(texts: Any, n: int) -> tuple[Hashes, npt.NDArray[np.uint64]]:
    """Distinct shingles of a polars column, and where each text's begin."""
    prepared = prepare(texts)
    encoded = prepared.texts
    room = scratch(int(np.diff(encoded.offsets).max(initial=0)))
    flat = np.empty(len(encoded.data) // 2 + len(encoded), np.uint64)
    ends = np.zeros(len(encoded) + 1, np.int64)
    _collect(encoded.data, encoded.offsets, prepared.folded, folding(), n, room, flat, ends)
    return flat[: ends[-1]], ends.astype(np.uint64)


@kernel
def _collect(
    data: Bytes,
    offsets: Offsets,
    folded: Flags,
    table: Folding,
    n: int,
    room: Scratch,
    flat: Hashes,
    ends: Offsets,
) -> None:
    for text in range(len(folded)):
        count = shingle_set(data, offsets[text], offsets[text + 1], folded[text], table, n, room)
        for index in range(count):
            flat[ends[text] + index] = room.shingles[index]
        ends[text + 1] = ends[text] + count
