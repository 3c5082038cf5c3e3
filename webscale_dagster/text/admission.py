"""Admits a shard's documents one by one: duplicate of an earlier kept document, or kept.

Reads new documents with their bands, and the documents kept before them; makes a frame of
duplicates and one of relatives; writes nothing. Stars, not chains: a document is a duplicate iff
its exact Jaccard with an earlier *kept* document reaches the threshold, so what comes later never
changes what was kept. Documents are compared if they share a band (two, where only duplicates are
wanted and not relatives), and only with kept ones; equal texts are found by their hash before
anything is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.tables import TABLES
from webscale_dagster.text.buckets import band_matrix, numbered, shared_buckets
from webscale_dagster.text.decisions import Numbers, PreparedTexts, decide
from webscale_dagster.text.kernels.stars import Decisions, Documents
from webscale_dagster.text.kernels.tokens import Prepared, prepare

Texts = Callable[[list[str]], Mapping[str, str]]

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
