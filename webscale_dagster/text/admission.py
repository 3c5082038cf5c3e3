"""Admits a shard's documents one by one: duplicate of an earlier kept document, or kept.

Reads new documents with their bands, and the documents kept before them; makes a frame of
duplicates and one of relatives; writes nothing. Stars, not chains: a document is a duplicate iff
its exact Jaccard with an earlier *kept* document reaches the threshold, so what comes later never
changes what was kept. Documents are compared if they share a band, and only with kept ones; equal
texts are found by their hash before anything is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.tables import TABLES
from webscale_dagster.text.shingles import Hashes, overlaps, shingles

Texts = Callable[[list[str]], Mapping[str, str]]

# A document of which the other holds this share is its excerpt: relatives, though the Jaccard of
# a short and a long text is low.
RELATED_CONTAINMENT = 0.8
_BLOCK = 256  # new documents per call for the texts of earlier ones
_MAX_CACHED = 40_000_000  # shingles held between blocks, 320 MB
_NEW = ("doc_id", "shard", "text", "text_hash", "group", "n_shingles", "bands")
_EARLIER = ("doc_id", "text_hash", "group", "n_shingles", "bands", "family")


@dataclass(frozen=True)
class Admission:
    """What became of the new documents: each is in exactly one of the frames."""

    duplicates: pl.DataFrame  # table near_duplicates
    relatives: pl.DataFrame  # table relatives


class _Document(NamedTuple):
    doc_id: str
    text_hash: str
    group: str | None
    size: int
    bands: Sequence[int]


@dataclass
class _Kept:
    """The kept documents, by place in the order of admission, and the ways to find them."""

    ids: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    by_id: dict[str, int] = field(default_factory=dict)
    by_hash: dict[str, int] = field(default_factory=dict)
    by_band: dict[int, list[int]] = field(default_factory=dict)
    by_group: dict[str, str] = field(default_factory=dict)  # the family of its first document
    by_family: dict[str, int] = field(default_factory=dict)  # its first document's place

    def add(self, document: _Document, family: str, bands: Iterable[int]) -> None:
        place = len(self.ids)
        self.ids.append(document.doc_id)
        self.sizes.append(document.size)
        self.families.append(family)
        self.by_id[document.doc_id] = place
        self.by_family.setdefault(family, place)
        self.by_hash.setdefault(document.text_hash, place)
        if document.group is not None:
            self.by_group.setdefault(document.group, family)
        for band in bands:
            self.by_band.setdefault(band, []).append(place)

    def candidates(self, document: _Document) -> set[int]:
        """Places of documents to compare with; none if an equal text was kept."""
        places: set[int] = set()
        for band in document.bands if document.text_hash not in self.by_hash else ():
            places.update(self.by_band.get(band, ()))
        return places


@dataclass
class _Shingles:
    """Shingle sets by document, made when first needed; earlier texts are fetched in blocks."""

    new_texts: Mapping[str, str]
    texts: Texts
    words: int
    made: dict[str, Hashes] = field(default_factory=dict)

    def fetch(self, ids: Iterable[str]) -> None:
        if sum(map(len, self.made.values())) > _MAX_CACHED:
            self.made.clear()
        missing = sorted({i for i in ids if i not in self.made and i not in self.new_texts})
        for start in range(0, len(missing), _BLOCK):
            wanted = missing[start : start + _BLOCK]
            found = self.texts(wanted)
            for doc_id in wanted:
                if doc_id not in found:
                    raise KeyError(f"{doc_id}: kept earlier, but its text was not found")
                self.made[doc_id] = shingles(found[doc_id], self.words)

    def of(self, doc_id: str) -> Hashes:
        if doc_id not in self.made:
            self.made[doc_id] = shingles(self.new_texts[doc_id], self.words)
        return self.made[doc_id]


def admit(
    new: pl.DataFrame, earlier: pl.DataFrame, texts: Texts, settings: NearDuplicates
) -> Admission:
    """Decide on new documents, in their order, given all documents kept earlier, in theirs.

    ``new`` has doc_id, shard, text, text_hash, group, n_shingles, bands; ``earlier`` doc_id,
    text_hash, group, n_shingles, bands, family; ``texts`` gives texts of earlier documents by id.
    """
    _require(new, _NEW, "new documents")
    _require(earlier, _EARLIER, "earlier documents")
    kept = _load(earlier, new)
    if clash := next((i for i in new["doc_id"] if i in kept.by_id), None):
        raise ValueError(f"{clash}: admitted before; leave the shard's own rows out of `earlier`")
    sets = _Shingles(dict(new.select("doc_id", "text").iter_rows()), texts, settings.shingle_words)
    duplicates: list[tuple[str, str, str, str, float]] = []
    relatives: list[tuple[str, str, str, list[str]]] = []
    for block in new.select(*_NEW[:2], *_NEW[3:]).iter_slices(_BLOCK):
        rows = [(shard, _Document._make((i, *rest))) for i, shard, *rest in block.iter_rows()]
        sets.fetch(kept.ids[place] for _, row in rows for place in kept.candidates(row))
        for shard, document in rows:
            match = _decide(document, kept, sets, settings)
            if match.keep is not None:
                keep = kept.ids[match.keep]
                duplicates.append((document.doc_id, shard, keep, keep, match.jaccard))
            else:
                relatives.append((document.doc_id, shard, match.families[0], match.families))
                kept.add(document, match.families[0], document.bands)
    return Admission(
        pl.DataFrame(duplicates, TABLES["near_duplicates"].schema, orient="row"),
        pl.DataFrame(relatives, TABLES["relatives"].schema, orient="row"),
    )


class _Match(NamedTuple):
    keep: int | None  # place of the document it is a duplicate of
    jaccard: float
    families: list[str]


def _decide(document: _Document, kept: _Kept, sets: _Shingles, settings: NearDuplicates) -> _Match:
    same = kept.by_hash.get(document.text_hash)
    if same is not None:
        return _Match(same, 1.0, [])
    families = set()
    if document.group is not None and document.group in kept.by_group:
        families.add(kept.by_group[document.group])
    # Jaccard is at most the smaller size over the larger: without a text being fetched, most
    # documents of a hot band cannot be duplicates, and their family is often settled already.
    places = sorted(
        place
        for place in kept.candidates(document)
        if kept.families[place] not in families
        or _size_ratio(document.size, kept.sizes[place]) >= settings.threshold
    )
    if places:
        own = sets.of(document.doc_id)
        common = overlaps(own, [sets.of(kept.ids[place]) for place in places])
        sizes = np.array([kept.sizes[place] for place in places])
        similar = common / np.maximum(len(own) + sizes - common, 1)
        best = int(similar.argmax())  # the first of the best: the earliest admitted
        if similar[best] >= settings.threshold:
            return _Match(places[best], float(similar[best]), [])
        held = common / np.maximum(np.minimum(len(own), sizes), 1)
        near = (similar >= settings.related_threshold) | (held >= RELATED_CONTAINMENT)
        families |= {kept.families[places[i]] for i in np.flatnonzero(near)}
    ordered = sorted(families, key=kept.by_family.__getitem__)
    return _Match(None, 0.0, ordered or [document.doc_id])


def _size_ratio(a: int, b: int) -> float:
    return min(a, b) / max(a, b, 1)


def _load(earlier: pl.DataFrame, new: pl.DataFrame) -> _Kept:
    """Earlier documents; of their bands only those that a new document has."""
    kept = _Kept()
    numbered = earlier.select("bands").with_row_index("place")
    wanted = new.select(pl.col("bands").explode()).drop_nulls().unique()
    shared = numbered.explode("bands").join(wanted, on="bands", how="semi").sort("place", "bands")
    for row in earlier.select("doc_id", "text_hash", "group", "n_shingles", "family").iter_rows():
        kept.add(_Document._make((*row[:4], ())), row[4], ())
    for place, band in shared.iter_rows():
        kept.by_band.setdefault(band, []).append(place)
    return kept


def _require(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"{what}: columns {', '.join(missing)} are missing; have {frame.columns}")
    if frame["doc_id"].is_duplicated().any():
        twice = frame.filter(pl.col("doc_id").is_duplicated())["doc_id"][0]
        raise ValueError(f"{what}: {twice} appears twice; ids must be unique")
