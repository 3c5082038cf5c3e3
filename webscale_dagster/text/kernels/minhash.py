"""Shingles, MinHash signatures and their bands, for many texts in one pass.

Makes arrays of hashes from prepared texts; reads and writes nothing. A shingle is a run of ``n``
words, a shorter text has one of all its words. Signatures are bit for bit those of
``datasketch.MinHash`` (scheme affine32) updated with the shingles' low 32 bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.folding import Folding
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.tokens import (
    STEP,
    Flags,
    Hashes,
    hash_words,
    mix,
    most_words,
)
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets

Signature = npt.NDArray[np.uint32]

_BAND_STEP = np.uint64(0xC2B2AE3D27D4EB4F)  # XXH64's second prime
_LOW_32 = np.uint64(0xFFFFFFFF)


class Scratch(NamedTuple):
    """Room for the words and the set of shingles of one text."""

    words: Hashes
    digits: Flags
    shingles: Hashes
    slots: Hashes  # an open table of shingles; valid where ``stamps`` holds the text's stamp
    stamps: npt.NDArray[np.int64]
    low: Signature  # 32 bits of each shingle
    turn: Offsets  # of the last text: its stamp, and the table's size less 1


def scratch(longest: int) -> Scratch:
    """Room for a text of so many bytes; the system gives the pages that are touched."""
    room = most_words(longest)
    slots = 1 << (2 * room - 1).bit_length()
    return Scratch(
        np.empty(room, np.uint64),
        np.empty(room, np.bool_),
        np.empty(room, np.uint64),
        np.empty(slots, np.uint64),
        np.zeros(slots, np.int64),
        np.empty(room, np.uint32),
        np.zeros(2, np.int64),
    )


@kernel
def roll(hashes: Hashes, count: int, n: int, rolled: Hashes) -> int:
    """Write a hash per run of ``n`` of the first ``count`` words; gives their number."""
    for start in range(count - n + 1):
        value = hashes[start]
        for offset in range(1, n):
            value = value * STEP + hashes[start + offset]
        rolled[start] = mix(value + np.uint64(n))
    return max(count - n + 1, 0)


@kernel
def table_mask(size: int) -> int:
    """Of a table for so many members: the next power of two above twice their number, less 1."""
    slots = 4
    while slots < 2 * size:
        slots *= 2
    return slots - 1


@kernel
def distinct(values: Hashes, count: int, room: Scratch) -> int:
    """Move the distinct ones of the first values to the front; gives their number.

    They are then the members of the table in ``room``.
    """
    slots, stamps = room.slots, room.stamps
    stamp, mask = room.turn[0] + 1, table_mask(count)
    room.turn[0], room.turn[1] = stamp, mask
    found = 0
    for index in range(count):
        value = values[index]
        slot = np.int64(value) & mask
        while stamps[slot] == stamp and slots[slot] != value:
            slot = (slot + 1) & mask
        if stamps[slot] != stamp:
            stamps[slot], slots[slot] = stamp, value
            values[found] = value
            found += 1
    return found


@kernel
def shingle_set(
    data: Bytes, at: int, end: int, folded: bool, table: Folding, n: int, room: Scratch
) -> int:
    """Write a text's distinct shingles to ``room.shingles``, in order; gives their number."""
    none = min(at, 0)  # no literal (see jit.py)
    count = hash_words(data, at, end, folded, table, room.words, room.digits, none)
    if count == 0:
        return 0
    rolled = roll(room.words, count, min(n, count), room.shingles)
    return distinct(room.shingles, rolled, room)


@kernel
def minhash(room: Scratch, count: int, a: Signature, b: Signature, least: Signature) -> None:
    """The least permuted value per permutation, of 32 bits of each shingle."""
    low = room.low
    for index in range(count):
        # MurmurHash3's 32-bit finaliser, which datasketch applies before its permutations.
        value = np.uint32(room.shingles[index] & _LOW_32)
        value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        low[index] = np.uint32(value ^ (value >> np.uint32(16)))
    for place in range(len(a)):
        # A reduction over an array: the form that the compiler turns into vector instructions.
        factor, added, found = a[place], b[place], np.uint32(0xFFFFFFFF)
        for index in range(count):
            found = min(found, np.uint32(np.uint32(low[index] * factor) + added))
        least[place] = found


@kernel
def band(signature: Signature, rows: int, banded: Hashes) -> None:
    """A hash per band; the band's place is hashed in, so that bands do not meet each other."""
    for index in range(len(banded)):
        value = np.uint64(index + 1) * _BAND_STEP
        for row in range(index * rows, (index + 1) * rows):
            value = mix(value * STEP + np.uint64(signature[row]))
        banded[index] = value


@kernel
def sign_texts(
    data: Bytes,
    offsets: Offsets,
    folded: Flags,
    table: Folding,
    n: int,
    permutations: tuple[Signature, Signature],
    rows: int,
    room: Scratch,
    bands: npt.NDArray[np.uint64],
    sizes: Offsets,
) -> None:
    """Bands (one row per text, zeros where there is no word) and numbers of shingles."""
    a, b = permutations
    signature = np.empty(len(a), np.uint32)
    for text in range(len(folded)):
        count = shingle_set(data, offsets[text], offsets[text + 1], folded[text], table, n, room)
        sizes[text] = count
        if count:
            minhash(room, count, a, b, signature)
            band(signature, rows, bands[text])
