"""Looks n-grams of many texts up in an index of n-grams.

Makes hits from hashes of words; reads and writes nothing. The index is an open table of places in
sorted hashes, before it one bit per slot of a larger table, which most n-grams do not pass.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.tokens import STEP, Flags, Hashes, mix
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets


class Index(NamedTuple):
    """Distinct hashes, sorted, and the owners of each from ``starts[i]`` to ``starts[i + 1]``."""

    bits: Bytes
    slots: npt.NDArray[np.int32]
    hashes: Hashes
    starts: Offsets
    owners: Offsets


class Hits(NamedTuple):
    """One row per n-gram of a text and owner of it: text, place in its words, owner, hash."""

    texts: Offsets
    places: Offsets
    owners: Offsets
    hashes: Hashes


@kernel
def fill(index: Index) -> None:
    """Write the bits and slots of an index of which the rest is there."""
    wide, narrow = np.uint64(len(index.bits) * 8 - 1), len(index.slots) - 1
    for place in range(len(index.hashes)):
        value = index.hashes[place]
        bit = value & wide
        index.bits[np.int64(bit >> np.uint64(3))] |= np.uint8(1) << np.uint8(bit & np.uint64(7))
        slot = np.int64(value >> np.uint64(32)) & narrow
        while index.slots[slot] >= 0:
            slot = (slot + 1) & narrow
        index.slots[slot] = place


@kernel
def look_up(hashes: Hashes, offsets: Offsets, n: int, index: Index, hits: Hits) -> int:
    """Write the known n-grams of all texts; gives their number, which may exceed the room."""
    wide, narrow = np.uint64(len(index.bits) * 8 - 1), len(index.slots) - 1
    count, room = 0, len(hits.texts)
    for text in range(len(offsets) - 1):
        first = offsets[text]
        for start in range(first, offsets[text + 1] - n + 1):
            value = hashes[start]
            for offset in range(1, n):
                value = value * STEP + hashes[start + offset]
            value = mix(value + np.uint64(n))
            bit = value & wide
            if not (index.bits[np.int64(bit >> np.uint64(3))] >> np.uint8(bit & np.uint64(7))) & 1:
                continue
            slot = np.int64(value >> np.uint64(32)) & narrow
            while index.slots[slot] >= 0 and index.hashes[index.slots[slot]] != value:
                slot = (slot + 1) & narrow
            place = index.slots[slot]
            if place < 0:
                continue
            for owner in range(index.starts[place], index.starts[place + 1]):
                if count < room:
                    hits.texts[count], hits.places[count] = text, start - first
                    hits.owners[count], hits.hashes[count] = index.owners[owner], value
                count += 1
    return count


@kernel
def select(
    hashes: Hashes,
    digits: Flags,
    offsets: Offsets,
    known: tuple[Hashes, Hashes],
    content: Hashes,
    places: Offsets,
    ends: Offsets,
) -> None:
    """Write the content words of all texts that have no digit, and their places in the text.

    ``known`` is an open table of words (0: a free slot) and of those that stand for them (0: none
    does).
    """
    keys, others = known
    mask = len(keys) - 1
    count = 0
    for text in range(len(offsets) - 1):
        first = offsets[text]
        for at in range(first, offsets[text + 1]):
            if digits[at]:
                continue
            value = hashes[at]
            slot = np.int64(value) & mask
            while keys[slot] != 0 and keys[slot] != value:
                slot = (slot + 1) & mask
            if keys[slot] == value:
                value = others[slot]
            if value != 0:
                content[count], places[count] = value, at - first
                count += 1
        ends[text + 1] = count
