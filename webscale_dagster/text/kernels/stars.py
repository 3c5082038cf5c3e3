"""Decides on documents one after the other: duplicate of a kept one, or kept.

Works on arrays that ``text.admission`` prepares; reads and writes nothing else. Documents are
numbered in the order of admission, those kept in earlier shards first. Two documents are compared
if they share a bucket: a band hash that at least two documents have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.folding import Folding
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.minhash import Scratch, shingle_set
from webscale_dagster.text.kernels.tokens import Flags, Hashes
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets

Numbers = npt.NDArray[np.int64]
_ROUNDING = 1e-6  # of a number of shingles, which is whole


class Documents(NamedTuple):
    """What is known of each document; -1 is none."""

    n_earlier: int
    sizes: Numbers  # distinct shingles
    same: Numbers  # number of its text hash
    group: Numbers
    family: Numbers  # number of the first document of its family; of new ones written here
    entries: Numbers  # where its buckets begin in ``buckets``; one more at the end
    buckets: Numbers


class Kept(NamedTuple):
    """Documents kept so far, by what they are found by; -1 is none."""

    head: Numbers  # by bucket: the entry put in last
    link: Numbers  # by entry: the entry put in before it
    owner: Numbers  # by entry: its document
    by_same: Numbers
    by_group: Numbers  # the group's family
    stamps: Numbers  # by document: when it was looked at last
    shared: Numbers  # by document: buckets in common with the one that looked at it
    listed: Numbers  # by document: when it was listed last
    turn: Numbers  # one number: the last time


class Store(NamedTuple):
    """Shingle sets at hand: that of a document begins at ``where``, -1 if it is not here."""

    where: Numbers
    shingles: Hashes
    used: Numbers  # one number


class Source(NamedTuple):
    """Prepared texts, and the document of each."""

    data: Bytes
    offsets: Offsets
    folded: Flags
    documents: Numbers


class Limits(NamedTuple):
    """From which similarity on two documents are duplicates, and relatives."""

    shingle_words: int
    threshold: float
    related: float  # above 1: relatives are not wanted
    containment: float
    shared: int  # buckets in common from which on two documents are compared


class Decisions(NamedTuple):
    """Per new document the kept one it duplicates (-1: none), and the families it is in."""

    keep: Numbers
    jaccard: npt.NDArray[np.float64]
    ends: Numbers  # where its families end in ``families``
    families: Numbers  # in no order, some more than once
    found: Numbers  # room for one number per document
    near: Numbers


@kernel
def flag_repeated(
    keys: Hashes, rows: Numbers, column: int, once: Bytes, twice: Bytes, flags: Flags
) -> None:
    """Flag rows whose key others may have too: all that have, and a few that have not.

    ``once`` and ``twice`` are zeros, each a power of two long.
    """
    mask = np.uint64(len(once) * 8 - 1)
    for row in rows:
        key = keys[row, column]
        place, bit = np.int64((key & mask) >> np.uint64(3)), np.uint8(1) << np.uint8(key & 7)
        if once[place] & bit:
            twice[place] |= bit
        once[place] |= bit
    for row in rows:
        key = keys[row, column]
        place, bit = np.int64((key & mask) >> np.uint64(3)), np.uint8(1) << np.uint8(key & 7)
        flags[row] = (twice[place] & bit) != 0


@kernel
def keep(document: int, documents: Documents, kept: Kept) -> None:
    """Note a document as kept, under all that it can be found by."""
    for entry in range(documents.entries[document], documents.entries[document + 1]):
        bucket = documents.buckets[entry]
        kept.link[entry] = kept.head[bucket]
        kept.head[bucket] = entry
    if kept.by_same[documents.same[document]] < 0:
        kept.by_same[documents.same[document]] = document
    group = documents.group[document]
    if group >= 0 and kept.by_group[group] < 0:
        kept.by_group[group] = documents.family[document]


@kernel
def keep_earlier(documents: Documents, kept: Kept) -> None:
    """Note all documents of earlier shards."""
    for document in range(documents.n_earlier):
        keep(document, documents, kept)


@kernel
def candidates(
    document: int, documents: Documents, kept: Kept, least: int, found: Numbers, count: int
) -> int:
    """Append kept documents with so many buckets in common, each once; gives the new number."""
    kept.turn[0] += 1
    turn, begin = kept.turn[0], count
    for entry in range(documents.entries[document], documents.entries[document + 1]):
        other = kept.head[documents.buckets[entry]]
        while other >= 0:
            owner = kept.owner[other]
            if kept.stamps[owner] != turn:
                kept.stamps[owner], kept.shared[owner] = turn, 0
                found[count] = owner
                count += 1
            kept.shared[owner] += 1
            other = kept.link[other]
    end, count = count, begin
    for index in range(begin, end):
        if kept.shared[found[index]] >= least:
            found[count] = found[index]
            count += 1
    return count


@kernel
def members(
    first: int, last: int, documents: Documents, kept: Kept, limits: Limits, found: Numbers
) -> int:
    """Write the kept documents that some of these may be compared with; gives their number."""
    count, began = min(first, 0), kept.turn[0]  # no literal (see jit.py)
    for document in range(first, last):
        if kept.by_same[documents.same[document]] >= 0:
            continue
        size, begin = documents.sizes[document], count
        end = candidates(document, documents, kept, limits.shared, found, count)
        for index in range(begin, end):
            other = found[index]
            fits = limits.related <= 1 or may_be_duplicates(
                size, documents.sizes[other], limits.threshold
            )
            if fits and kept.listed[other] <= began:
                kept.listed[other] = kept.turn[0]
                found[count] = other
                count += 1
    return count


@kernel
def may_be_duplicates(a: int, b: int, threshold: float) -> bool:
    """Whether sets of such sizes can be: Jaccard is at most the smaller over the larger."""
    return max(a, b) > 0 and float(min(a, b)) >= threshold * float(max(a, b))


@kernel
def load(source: Source, table: Folding, n: int, room: Scratch, store: Store) -> None:
    """Put the shingle sets of texts into the store."""
    for text in range(len(source.documents)):
        put(text, source, table, n, room, store)


@kernel
def put(text: int, source: Source, table: Folding, n: int, room: Scratch, store: Store) -> None:
    """Put a text's shingle set into the store; ``room`` holds it as a table too."""
    count = shingle_set(
        source.data,
        source.offsets[text],
        source.offsets[text + 1],
        source.folded[text],
        table,
        n,
        room,
    )
    start = store.used[0]
    for index in range(count):
        store.shingles[start + index] = room.shingles[index]
    store.where[source.documents[text]] = start
    store.used[0] = start + count


@kernel
def common(store: Store, document: int, size: int, least: float, room: Scratch) -> int:
    """How many of a document's shingles are in the table that ``room`` holds; 0 if under ``least``.

    Most documents that share a bucket share a page's frame only: that shows early.
    """
    count = 0
    start, mask = store.where[document], room.turn[1]
    for index in range(start, start + size):
        if count + start + size - index < least:
            return 0
        value = store.shingles[index]
        slot = np.int64(value) & mask
        while room.stamps[slot] == room.turn[0]:
            if room.slots[slot] == value:
                count += 1
                break
            slot = (slot + 1) & mask
    return count


@kernel
def compare(
    document: int,
    n_found: int,
    settled: int,
    documents: Documents,
    store: Store,
    source: Source,
    table: Folding,
    limits: Limits,
    rooms: tuple[Scratch, Scratch],
    out: Decisions,
) -> tuple[int, float, int]:
    """The most similar of the kept documents in ``out.found``, the earliest of several.

    Gives its number (-1: nobody compared), the Jaccard, and how many families of similar documents
    are now in ``out.near``. Family ``settled`` is known already: of its members only duplicates
    matter.
    """
    room, spare = rooms
    best, highest, n_near, is_put = -1, 0.0, 0, False
    a = documents.sizes[document]
    for index in range(n_found):
        other = out.found[index]
        b = documents.sizes[other]
        small, large = float(min(a, b)), float(max(a, b))
        known = limits.related > 1 or documents.family[other] == settled
        if large == 0 or (known and not may_be_duplicates(a, b, limits.threshold)):
            continue
        if not is_put:
            put(document - source.documents[0], source, table, limits.shingle_words, room, store)
            is_put = True
        if store.where[other] < 0:  # one of those decided on just now: all others were put in
            late = other - source.documents[0]
            put(late, source, table, limits.shingle_words, spare, store)
        least = limits.threshold if known else min(limits.threshold, limits.related)
        wanted = least / (1 + least) * (small + large)
        if not known:
            wanted = min(wanted, limits.containment * small)
        shared = float(common(store, other, b, wanted - _ROUNDING, room))
        jaccard = shared / (a + b - shared)
        if jaccard > highest or (jaccard == highest and 0 <= other < best):
            best, highest = other, jaccard
        if not known and (jaccard >= limits.related or shared >= limits.containment * small):
            out.near[n_near] = documents.family[other]
            n_near += 1
    return best, highest, n_near


@kernel
def decide(
    first: int,
    last: int,
    documents: Documents,
    kept: Kept,
    store: Store,
    source: Source,
    table: Folding,
    limits: Limits,
    rooms: tuple[Scratch, Scratch],
    out: Decisions,
) -> int:
    """Decide on new documents in their order; gives the first that ``out`` has no room for."""
    for document in range(first, last):
        new = document - documents.n_earlier
        begin = out.ends[new]
        out.ends[new + 1] = begin
        out.keep[new] = kept.by_same[documents.same[document]]
        out.jaccard[new] = 1.0
        if out.keep[new] >= 0:
            continue
        group = documents.group[document]
        settled = kept.by_group[group] if group >= 0 else -1
        none = min(document, 0)  # no literal (see jit.py)
        n_found = candidates(document, documents, kept, limits.shared, out.found, none)
        best, highest, n_near = compare(
            document, n_found, settled, documents, store, source, table, limits, rooms, out
        )
        if best >= 0 and highest >= limits.threshold:
            out.keep[new], out.jaccard[new] = best, highest
            continue
        if begin + n_near + 1 > len(out.families):
            return document
        if settled >= 0 or n_near == 0:
            out.near[n_near] = settled if settled >= 0 else document
            n_near += 1
        family = document
        for index in range(n_near):
            out.families[begin + index] = out.near[index]
            family = min(family, out.near[index])
        documents.family[document] = family
        out.ends[new + 1] = begin + n_near
        keep(document, documents, kept)
    return last
