"""SHA-256 of runs of words, for texts whose benchmark publishes such hashes only.

Makes the first 64 bits of digests; reads and writes nothing. The algorithm is FIPS 180-4, section
6.2. A run is ``n`` words, runs of ASCII letters and digits in lower case, joined by one space.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.tokens import Flags, Hashes
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets

Block = npt.NDArray[np.uint32]


def _fractions(degree: int, count: int) -> Block:
    """The first 32 bits of the fractions of the first primes' roots (FIPS 180-4, 4.2.2, 5.3.3)."""
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, int(n**0.5) + 1))][:count]
    roots = [_root(prime << 32 * degree, degree) for prime in primes]
    return np.array([root & 0xFFFFFFFF for root in roots], np.uint32)


def _root(value: int, degree: int) -> int:
    """The integer root, rounded down."""
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low


_ROUNDS = _fractions(3, 64)
_START = _fractions(2, 8)


class Room(NamedTuple):
    """Room for a text's words joined by spaces, where each begins and ends, and a schedule."""

    joined: Bytes
    starts: Offsets
    ends: Offsets
    schedule: Block


def room_for(longest: int) -> Room:
    """Room for a text of so many bytes."""
    return Room(
        np.empty(longest + 1, np.uint8),
        np.empty(longest + 1, np.int64),
        np.empty(longest + 1, np.int64),
        np.empty(64, np.uint32),
    )


@kernel
def turned(value: np.uint32, by: int) -> np.uint32:
    """Rotated to the right."""
    return np.uint32(np.uint32(value >> np.uint32(by)) | np.uint32(value << np.uint32(32 - by)))


@kernel
def byte_at(data: Bytes, first: int, size: int, blocks: int, at: int) -> np.uint32:
    """Byte ``at`` of the padded message."""
    if at < size:
        return np.uint32(data[first + at])
    if at == size:
        return np.uint32(0x80)
    left = blocks * 64 - 1 - at
    return np.uint32((size * 8) >> (8 * left) & 0xFF) if left < 8 else np.uint32(0)


@kernel
def digest64(data: Bytes, first: int, size: int, schedule: Block) -> np.uint64:
    """The first 64 bits of the digest of ``size`` bytes."""
    h0, h1, h2, h3 = _START[0], _START[1], _START[2], _START[3]
    h4, h5, h6, h7 = _START[4], _START[5], _START[6], _START[7]
    blocks = (size + 8) // 64 + 1
    for block in range(blocks):
        for i in range(16):
            at = block * 64 + 4 * i
            word = np.uint32(0)
            for j in range(4):
                word = np.uint32(word << np.uint32(8)) | byte_at(data, first, size, blocks, at + j)
            schedule[i] = word
        for i in range(16, 64):
            w2, w15 = schedule[i - 2], schedule[i - 15]
            s0 = turned(w15, 7) ^ turned(w15, 18) ^ np.uint32(w15 >> np.uint32(3))
            s1 = turned(w2, 17) ^ turned(w2, 19) ^ np.uint32(w2 >> np.uint32(10))
            schedule[i] = np.uint32(schedule[i - 16] + s0 + schedule[i - 7] + s1)
        a, b, c, d, e, f, g, h = h0, h1, h2, h3, h4, h5, h6, h7
        for i in range(64):
            s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
            t1 = np.uint32(h + s1 + ((e & f) ^ (~e & g)) + _ROUNDS[i] + schedule[i])
            s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
            t2 = np.uint32(s0 + ((a & b) ^ (a & c) ^ (b & c)))
            h, g, f, e = g, f, e, np.uint32(d + t1)
            d, c, b, a = c, b, a, np.uint32(t1 + t2)
        h0, h1, h2, h3 = np.uint32(h0 + a), np.uint32(h1 + b), np.uint32(h2 + c), np.uint32(h3 + d)
        h4, h5, h6, h7 = np.uint32(h4 + e), np.uint32(h5 + f), np.uint32(h6 + g), np.uint32(h7 + h)
    return np.uint64(h0) << np.uint64(32) | np.uint64(h1)


@kernel
def join_words(data: Bytes, first: int, last: int, room: Room) -> int:
    """Write the words of a text, a space between, and where each begins; gives their number."""
    used, count, inside = 0, 0, False
    for at in range(first, last):
        char = data[at]
        if 65 <= char <= 90:
            char += np.uint8(32)
        if 97 <= char <= 122 or 48 <= char <= 57:
            if not inside:
                if count:
                    room.joined[used] = 32
                    used += 1
                room.starts[count] = used
                inside = True
            room.joined[used] = char
            used += 1
        elif inside:
            room.ends[count] = used
            count, inside = count + 1, False
    if inside:
        room.ends[count] = used
        count += 1
    return count


@kernel
def flag_known(
    data: Bytes, offsets: Offsets, n: int, stride: int, known: Hashes, room: Room, flags: Flags
) -> None:
    """Flag texts of which a run is known; every run that is a multiple of ``stride`` is tried.

    ``known`` is an open table of digests, 0 a free slot.
    """
    mask = len(known) - 1
    for text in range(len(offsets) - 1):
        count = join_words(data, offsets[text], offsets[text + 1], room)
        for start in range(0, count - n + 1, stride):
            begin = room.starts[start]
            value = digest64(room.joined, begin, room.ends[start + n - 1] - begin, room.schedule)
            slot = np.int64(value) & mask
            while known[slot] != 0 and known[slot] != value:
                slot = (slot + 1) & mask
            if known[slot] == value:
                flags[text] = True
                break
