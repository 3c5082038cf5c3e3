"""Admits a shard's documents one by one: duplicate of an earlier kept document, or kept.

Reads new documents with their bands, and the documents kept before them; makes a frame of
duplicates and one of relatives; writes nothing. Stars, not chains: a document is a duplicate iff
its exact Jaccard with an earlier *kept* document reaches the threshold, so what comes later never
changes what was kept. Documents are compared if they share a band (two, where only duplicates are
wanted and not relatives), and only with kept ones; equal texts are found by their hash before
anything is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.tables import TABLES
from webscale_dagster.text.buckets import band_matrix, numbered, shared_buckets
from webscale_dagster.text.kernels import stars
from webscale_dagster.text.kernels.folding import folding
from webscale_dagster.text.kernels.minhash import Scratch, scratch
from webscale_dagster.text.kernels.stars import Decisions, Documents, Kept, Limits, Source, Store
from webscale_dagster.text.kernels.tokens import SLICE, Prepared, prepare

Texts = Callable[[list[str]], Mapping[str, str]]
Numbers = npt.NDArray[np.int64]
PreparedTexts = Callable[[Numbers], Prepared]  # of the documents of these places, in their order

# A document of which the other holds this share is its excerpt: relatives, though the Jaccard of
# a short and a long text is low.
RELATED_CONTAINMENT = 0.8
_BLOCK = 20_000  # new documents per call for the texts of earlier shards: a shard
_MISSED = 1e-5  # share of duplicates just at the threshold that may go without being compared
_HELD = 40_000_000  # shingles held between blocks, 320 MB
_NEW = ("doc_id", "shard", "text", "text_hash", "group", "n_shingles", "bands")
_EARLIER = ("doc_id", "text_hash", "group", "n_shingles", "bands", "family")


@dataclass(frozen=True)
class Admission:
    """What became of the new documents: each is in exactly one of the frames."""

    duplicates: pl.DataFrame  # table near_duplicates
    relatives: pl.DataFrame  # table relatives


def admit(
    new: pl.DataFrame,
    earlier: pl.DataFrame,
    texts: Texts,
    settings: NearDuplicates,
    *,
    relatives: bool = True,
) -> Admission:
    """Decide on new documents, in their order, given documents kept earlier, in theirs.

    ``new`` has doc_id, shard, text, text_hash, group, n_shingles, bands; ``earlier`` doc_id,
    text_hash, group, n_shingles, bands, family (of all, or of those that ``earlier.Wanted``
    chooses); ``texts`` gives texts of earlier documents by id. Without ``relatives`` every kept
    document is its own family, or that of its group.
    """
    _require(new, _NEW, "new documents")
    _require(earlier, _EARLIER, "earlier documents")
    ids = pl.concat([earlier["doc_id"], new["doc_id"]])
    if clash := ids.filter(ids.is_duplicated()).to_list():
        raise ValueError(f"{clash[0]}: admitted before; leave the shard's own rows out")
    documents = _documents(new, earlier)
    prepared = _prepared(new, earlier, texts)
    decisions = decide(documents, prepared, settings, relatives=relatives)
    return Admission(
        _duplicates(new, ids, decisions), _relatives(new, ids, decisions, earlier["family"])
    )


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


def _prepared(new: pl.DataFrame, earlier: pl.DataFrame, texts: Texts) -> PreparedTexts:
    first = earlier.height

    def prepared(places: Numbers) -> Prepared:
        wanted = earlier["doc_id"][places[places < first]].to_list()
        found = texts(wanted) if wanted else {}
        for doc_id in wanted:
            if doc_id not in found:
                raise KeyError(f"{doc_id}: kept earlier, but its text was not found")
        before = pl.Series([found[doc_id] for doc_id in wanted], dtype=pl.String)
        return prepare(before.append(new["text"][places[places >= first] - first]))

    return prepared


def _none_kept(documents: Documents) -> Kept:
    entries = len(documents.buckets)
    owner = np.repeat(np.arange(len(documents.sizes)), np.diff(documents.entries))
    return Kept(
        np.full(int(documents.buckets.max(initial=-1)) + 1, -1),
        np.full(entries, -1),
        owner,
        np.full(int(documents.same.max(initial=-1)) + 1, -1),
        np.full(int(documents.group.max(initial=-1)) + 1, -1),
        *(np.zeros(len(documents.sizes), np.int64) for _ in range(3)),
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


def _documents(new: pl.DataFrame, earlier: pl.DataFrame) -> Documents:
    both = pl.concat([frame.select(_NEW[3:]) for frame in (earlier, new)])
    placed = earlier.select("family").with_row_index("place")
    first = placed.select(pl.col("place").min().over("family"))
    family = np.full(both.height, -1)
    family[: earlier.height] = first["place"].to_numpy()
    entries, buckets = shared_buckets(*band_matrix(both["bands"]))
    return Documents(
        earlier.height,
        both["n_shingles"].to_numpy().astype(np.int64),
        numbered(both["text_hash"]),
        numbered(both["group"]),
        family,
        entries,
        buckets,
    )


def _duplicates(new: pl.DataFrame, ids: pl.Series, decisions: Decisions) -> pl.DataFrame:
    places = np.flatnonzero(decisions.keep >= 0)
    keep = ids[decisions.keep[places]]
    return pl.DataFrame(
        {
            "doc_id": new["doc_id"][places],
            "shard": new["shard"][places],
            "keep_doc_id": keep,
            "cluster_id": keep,
            "jaccard": decisions.jaccard[places],
        },
        TABLES["near_duplicates"].schema,
    )


def _relatives(
    new: pl.DataFrame, ids: pl.Series, decisions: Decisions, families: pl.Series
) -> pl.DataFrame:
    places = np.flatnonzero(decisions.keep < 0)
    rows = pl.DataFrame(
        {
            "at": np.repeat(places, np.diff(decisions.ends)[places]),
            "number": decisions.families[: decisions.ends[-1]],
        }
    )
    # A family's number is the place of its first document, so the earliest comes first.
    rows = rows.unique().sort("at", "number")
    names = pl.concat([families, new["doc_id"]])[rows["number"]]
    listed = rows.select("at", families=names).group_by("at", maintain_order=True).agg("families")
    return pl.DataFrame(
        {
            "doc_id": new["doc_id"][places],
            "shard": new["shard"][places],
            "family": listed["families"].list.first(),
            "families": listed["families"],
        },
        TABLES["relatives"].schema,
    )


def _require(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"{what}: columns {', '.join(missing)} are missing; have {frame.columns}")
    if frame["doc_id"].is_duplicated().any():
        twice = frame.filter(pl.col("doc_id").is_duplicated())["doc_id"][0]
        raise ValueError(f"{what}: {twice} appears twice; ids must be unique")
