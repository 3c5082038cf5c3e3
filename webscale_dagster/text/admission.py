"""Admits a shard's documents one by one: duplicate of an earlier kept document, or kept.

Reads new documents with their bands, and the documents kept before them; makes a frame of
duplicates and one of relatives; writes nothing. Stars, not chains: a document is a duplicate iff
its exact Jaccard with an earlier *kept* document reaches the threshold, so what comes later never
changes what was kept. Documents are compared if they share a band, and only with kept ones; equal
texts are found by their hash before anything is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.tables import TABLES
from webscale_dagster.text.kernels import stars
from webscale_dagster.text.kernels.folding import folding
from webscale_dagster.text.kernels.minhash import scratch
from webscale_dagster.text.kernels.stars import Decisions, Documents, Kept, Limits, Source, Store
from webscale_dagster.text.kernels.tokens import Prepared, prepare

Texts = Callable[[list[str]], Mapping[str, str]]
Numbers = npt.NDArray[np.int64]

# A document of which the other holds this share is its excerpt: relatives, though the Jaccard of
# a short and a long text is low.
RELATED_CONTAINMENT = 0.8
_BLOCK = 2_000  # new documents per call for the texts of earlier ones
_HELD = 40_000_000  # shingles held between blocks, 320 MB
_NEW = ("doc_id", "shard", "text", "text_hash", "group", "n_shingles", "bands")
_EARLIER = ("doc_id", "text_hash", "group", "n_shingles", "bands", "family")


@dataclass(frozen=True)
class Admission:
    """What became of the new documents: each is in exactly one of the frames."""

    duplicates: pl.DataFrame  # table near_duplicates
    relatives: pl.DataFrame  # table relatives


def admit(
    new: pl.DataFrame, earlier: pl.DataFrame, texts: Texts, settings: NearDuplicates
) -> Admission:
    """Decide on new documents, in their order, given documents kept earlier, in theirs.

    ``new`` has doc_id, shard, text, text_hash, group, n_shingles, bands; ``earlier`` doc_id,
    text_hash, group, n_shingles, bands, family (of all, or of those that ``earlier.Wanted``
    chooses); ``texts`` gives texts of earlier documents by id.
    """
    _require(new, _NEW, "new documents")
    _require(earlier, _EARLIER, "earlier documents")
    ids = pl.concat([earlier["doc_id"], new["doc_id"]])
    if clash := ids.filter(ids.is_duplicated()).to_list():
        raise ValueError(f"{clash[0]}: admitted before; leave the shard's own rows out")
    documents = _documents(new, earlier)
    decisions = decide(documents, prepare(new["text"]), settings, _fetcher(earlier, texts))
    return Admission(
        _duplicates(new, ids, decisions), _relatives(new, ids, decisions, earlier["family"])
    )


def decide(
    documents: Documents,
    prepared: Prepared,
    settings: NearDuplicates,
    fetch: Callable[[Numbers], Prepared] | None = None,
    *,
    relatives: bool = True,
) -> Decisions:
    """Run the kernel over blocks of new documents, of which ``prepared`` are the texts."""
    limits = Limits(
        settings.shingle_words,
        settings.threshold,
        settings.related_threshold if relatives else 2.0,
        RELATED_CONTAINMENT,
    )
    first, count = documents.n_earlier, len(documents.sizes)
    source = _source(prepared, np.arange(first, count))
    longest = int(np.diff(prepared.texts.offsets).max(initial=0))
    rooms = (scratch(longest), scratch(longest))
    kept = _none_kept(documents)
    stars.keep_earlier(documents, kept)
    store = Store(np.full(count, -1), np.empty(0, np.uint64), np.zeros(1, np.int64))
    out = _undecided(first, count)
    for start, end in _blocks(first, count):
        store = _filled(store, documents, kept, (start, end), limits, fetch)
        while start < end:
            start = stars.decide(
                start, end, documents, kept, store, source, folding(), limits, rooms, out
            )
            if start < end:
                out = out._replace(families=np.concatenate((out.families, out.families)))
    return out


def _blocks(first: int, count: int) -> Iterator[tuple[int, int]]:
    for start in range(first, count, _BLOCK):
        yield start, min(start + _BLOCK, count)


def _filled(
    store: Store,
    documents: Documents,
    kept: Kept,
    block: tuple[int, int],
    limits: Limits,
    fetch: Callable[[Numbers], Prepared] | None,
) -> Store:
    """The store with the shingles of earlier documents that a block needs, and room for its own."""
    first, last = block
    found = np.empty(len(documents.sizes), np.int64)
    found = found[: stars.members(first, last, documents, kept, found)]
    at_hand = store.where[found] >= 0
    own = int(documents.sizes[first:last].sum())
    needed = own + int(documents.sizes[found[~at_hand]].sum())
    if store.used[0] + needed > len(store.shingles):
        store.where[:] = -1
        at_hand[:] = False
        needed = own + int(documents.sizes[found].sum())
        room = min(_HELD, int(documents.sizes.sum()))
        store = Store(store.where, np.empty(max(needed, room), np.uint64), np.zeros(1, np.int64))
    missing = np.sort(found[~at_hand & (found < documents.n_earlier)])
    if fetch is not None and len(missing):
        prepared = fetch(missing)
        longest = int(np.diff(prepared.texts.offsets).max())
        n = limits.shingle_words
        stars.load(_source(prepared, missing), folding(), n, scratch(longest), store)
    return store


def _fetcher(earlier: pl.DataFrame, texts: Texts) -> Callable[[Numbers], Prepared]:
    def fetch(places: Numbers) -> Prepared:
        wanted = earlier["doc_id"][places].to_list()
        found = texts(wanted)
        for doc_id in wanted:
            if doc_id not in found:
                raise KeyError(f"{doc_id}: kept earlier, but its text was not found")
        return prepare([found[doc_id] for doc_id in wanted])

    return fetch


def _source(prepared: Prepared, places: Numbers) -> Source:
    return Source(prepared.texts.data, prepared.texts.offsets, prepared.folded, places)


def _none_kept(documents: Documents) -> Kept:
    entries = len(documents.buckets)
    owner = np.repeat(np.arange(len(documents.sizes)), np.diff(documents.entries))
    return Kept(
        np.full(int(documents.buckets.max(initial=-1)) + 1, -1),
        np.full(entries, -1),
        owner,
        np.full(int(documents.same.max(initial=-1)) + 1, -1),
        np.full(int(documents.group.max(initial=-1)) + 1, -1),
        np.zeros(len(documents.sizes), np.int64),
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
    lengths = both["bands"].list.len().fill_null(0).to_numpy().astype(np.int64)
    keys = both["bands"].explode(empty_as_null=False, keep_nulls=False).to_numpy()
    placed = earlier.select("family").with_row_index("place")
    first = placed.select(pl.col("place").min().over("family"))
    family = np.full(both.height, -1)
    family[: earlier.height] = first["place"].to_numpy()
    entries, buckets = shared_buckets(keys.view(np.uint64), lengths)
    return Documents(
        earlier.height,
        both["n_shingles"].to_numpy().astype(np.int64),
        _numbered(both["text_hash"]),
        _numbered(both["group"]),
        family,
        entries,
        buckets,
    )


def _numbered(values: pl.Series) -> Numbers:
    """Equal values have equal numbers, null is -1."""
    ranks = values.rank("dense").cast(pl.Int64) - 1
    return ranks.fill_null(-1).to_numpy().astype(np.int64)


def shared_buckets(keys: npt.NDArray[np.uint64], lengths: Numbers) -> tuple[Numbers, Numbers]:
    """Band hashes that several documents have, numbered: where each document's begin, and they.

    ``keys`` are those of all documents, one after the other, ``lengths`` how many each has.
    """
    flags = np.zeros(len(keys), np.bool_)
    size = max(1 << len(keys).bit_length(), 64)  # 8 to 16 bits per key
    stars.flag_repeated(keys, np.zeros(size, np.uint8), np.zeros(size, np.uint8), flags)
    places = np.flatnonzero(flags)
    order = np.argsort(keys[places])
    ordered = keys[places][order]
    same = ordered[1:] == ordered[:-1]
    several = np.zeros(len(order), np.bool_)
    several[1:] = same
    several[:-1] |= same
    starts = np.concatenate((several[:1], several[1:] & ~same))
    numbers = np.full(len(order), -1)
    numbers[order[several]] = np.cumsum(starts)[several] - 1
    owners = np.repeat(np.arange(len(lengths)), lengths)[places][numbers >= 0]
    entries = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=len(lengths)), out=entries[1:])
    return entries, numbers[numbers >= 0]


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
