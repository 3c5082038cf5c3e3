"""Decides on documents in their order, some at a time: the kernel ``stars`` with what it needs.

Reads sizes, buckets and the like of all documents, and texts as they are needed; makes decisions;
writes nothing. Memory holds the texts of a slice of new documents and the shingle sets of some of
those kept before, whatever the number of documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text.kernels import stars
from webscale_dagster.text.kernels.folding import folding
from webscale_dagster.text.kernels.minhash import Scratch, scratch
from webscale_dagster.text.kernels.stars import Decisions, Documents, Kept, Limits, Source, Store
from webscale_dagster.text.kernels.tokens import SLICE, Prepared

Numbers = npt.NDArray[np.int64]
PreparedTexts = Callable[[Numbers], Prepared]  # of the documents of these places, in their order

# A document of which the other holds this share is its excerpt: relatives, though the Jaccard of
# a short and a long text is low.
RELATED_CONTAINMENT = 0.8
_BLOCK = 20_000  # new documents per call for the texts of earlier shards: a shard
_MISSED = 1e-5  # share of duplicates just at the threshold that may go without being compared
_HELD = 40_000_000  # shingles held between blocks, 320 MB


def decide(
    documents: Documents, texts: PreparedTexts, settings: NearDuplicates, *, relatives: bool = True
) -> Decisions:
    """Run the kernel over new documents, some at a time; ``texts`` prepares those of any places."""
    limits = Limits(
        settings.shingle_words,
        settings.threshold,
        settings.related_threshold if relatives else 2.0,
        RELATED_CONTAINMENT,
        1 if relatives else bands_to_share(*settings.banding(), settings.threshold),
    )
    first, count = documents.n_earlier, len(documents.sizes)
    kept = _none_kept(documents)
    stars.keep_earlier(documents, kept)
    store = Store(np.full(count, -1), np.empty(0, np.uint64), np.zeros(1, np.int64))
    out = _undecided(first, count)
    block_end = first
    for start in range(first, count, SLICE):
        part = np.arange(start, min(start + SLICE, count))
        if start >= block_end and first:
            block_end, found = _block(start, documents, kept, limits)
            store = _filled(store, documents, found, 0, limits, texts)
        found = _members(start, int(part[-1]) + 1, documents, kept, limits)
        own = int(documents.sizes[part].sum())
        store = _filled(store, documents, found, own, limits, texts)
        out = _decided(part, documents, kept, store, texts(part), limits, out)
    return out


def bands_to_share(bands: int, rows: int, threshold: float) -> int:
    """How many bands two documents must share to be compared: as many as nearly all duplicates do.

    A band of so many rows is shared with probability threshold ** rows, so how many are is
    binomial. For 32 bands of 4 rows at 0.8 it is 2, which one duplicate in a million does not
    reach; most other pairs have one.
    """
    chance = threshold**rows
    missed, least = (1 - chance) ** bands, 1
    while True:
        missed += math.comb(bands, least) * chance**least * (1 - chance) ** (bands - least)
        if missed > _MISSED:
            return least
        least += 1


def _decided(
    part: Numbers,
    documents: Documents,
    kept: Kept,
    store: Store,
    prepared: Prepared,
    limits: Limits,
    out: Decisions,
) -> Decisions:
    source, at, end = _source(prepared, part), int(part[0]), int(part[-1]) + 1
    rooms = (_room(prepared), _room(prepared))
    while at < end:
        at = stars.decide(at, end, documents, kept, store, source, folding(), limits, rooms, out)
        if at < end:
            out = out._replace(families=np.concatenate((out.families, out.families)))
    return out


def _room(prepared: Prepared) -> Scratch:
    return scratch(int(np.diff(prepared.texts.offsets).max(initial=0)))


def _members(start: int, end: int, documents: Documents, kept: Kept, limits: Limits) -> Numbers:
    """The kept documents that new ones may be compared with."""
    found = np.empty(len(documents.sizes), np.int64)
    return found[: stars.members(start, end, documents, kept, limits, found)]


def _block(start: int, documents: Documents, kept: Kept, limits: Limits) -> tuple[int, Numbers]:
    """Where a block of new documents ends, and the earlier ones that it may be compared with.

    A block is as long as the shingles of these fit into half of what is held.
    """
    end = min(start + _BLOCK, len(documents.sizes))
    while True:
        found = _members(start, end, documents, kept, limits)
        found = found[found < documents.n_earlier]
        if documents.sizes[found].sum() <= _HELD // 2 or end - start <= SLICE:
            return end, found
        end = start + max((end - start) // 2, SLICE)


def _filled(
    store: Store,
    documents: Documents,
    found: Numbers,
    own: int,
    limits: Limits,
    texts: PreparedTexts,
) -> Store:
    """The store with the shingles of documents, and room for ``own`` more."""
    at_hand = store.where[found] >= 0
    if store.used[0] + own + documents.sizes[found[~at_hand]].sum() > len(store.shingles):
        store.where[:], store.used[0], at_hand[:] = -1, 0, False
        room = max(own + int(documents.sizes[found].sum()), min(_HELD, int(documents.sizes.sum())))
        if room > len(store.shingles):
            store = store._replace(shingles=np.empty(room, np.uint64))
    missing = np.sort(found[~at_hand])
    if len(missing):
        prepared = texts(missing)
        source = _source(prepared, missing)
        stars.load(source, folding(), limits.shingle_words, _room(prepared), store)
    return store


def _source(prepared: Prepared, places: Numbers) -> Source:
    return Source(prepared.texts.data, prepared.texts.offsets, prepared.folded, places)


def _none_kept(documents: Documents) -> Kept:
    entries, none = len(documents.buckets), np.zeros(len(documents.sizes), np.int64)
    owner = np.repeat(np.arange(len(documents.sizes)), np.diff(documents.entries))
    return Kept(
        np.full(int(documents.buckets.max(initial=-1)) + 1, -1),
        np.full(entries, -1),
        owner,
        np.full(int(documents.same.max(initial=-1)) + 1, -1),
        np.full(int(documents.group.max(initial=-1)) + 1, -1),
        none,
        none.copy(),
        none.copy(),
        np.zeros(1, np.int64),
    )


def _undecided(first: int, count: int) -> Decisions:
    new = count - first
    return Decisions(
        np.full(new, -1),
        np.zeros(new),
        np.zeros(new + 1, np.int64),
        np.zeros(2 * new + 64, np.int64),
        np.zeros(count + 1, np.int64),
        np.zeros(count + 1, np.int64),
    )
