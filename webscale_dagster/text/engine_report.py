"""What the text engine finds of what was planted or labelled: recall, precision, false positives.

Reads documents and benchmark questions, or labelled rows; makes one row for each kind; writes
nothing. The truth is never the engine's own: exact Jaccard by definition, leaks that were planted
or labelled, documents without a run of eight words of any question.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from webscale_dagster.recipe import NearDuplicates, Recipe
from webscale_dagster.text import planted
from webscale_dagster.text.normalise import words

if TYPE_CHECKING:
    from webscale_dagster.text.decontamination import Decontaminator

MAX_DOCUMENTS, MAX_QUESTIONS = 1_000, 300
MERGED_FROM = 0.7  # a merged pair of at least this exact Jaccard is no mistake
MIN_WORDS = 50  # of a document: edits of less are a matter of luck
_MAX_CHARACTERS = 4_000  # of a document that are used
NEAR, LEAKS, RECALL, PRECISION = "near_duplicates", "leaks", "recall", "precision"
_CLEAN = "clean"


@dataclass(frozen=True)
class Measure:
    """Of ``rows`` of a kind, ``found`` were found; ``truth`` says what is true of them."""

    part: str  # near_duplicates | leaks
    kind: str
    form: str  # document | pair, of leaks
    rows: int
    found: int
    truth: str

    @property
    def share(self) -> float | None:
        """The share found; none of no rows."""
        return self.found / self.rows if self.rows else None

    @property
    def missed(self) -> int:
        """Rows that were not found."""
        return self.rows - self.found

    @property
    def title(self) -> str:
        """The kind, in a few words for a card."""
        return f"{self.truth}: {self.kind}".replace("_", " ")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        share = self.share
        return {**asdict(self), "share": None if share is None else round(share, 4)}


@dataclass(frozen=True)
class Report:
    """The measures, and how many documents and questions they were made from."""

    documents: int
    questions: int
    measures: list[Measure]

    @property
    def verbatim(self) -> Measure:
        """Leaks that are the question word for word, in both forms."""
        return self._of_both_forms("verbatim")

    def short(self) -> list[Measure]:
        """Near-duplicates in two rows, and the kinds of leaks."""
        near = [m for m in self.measures if m.kind in (RECALL, PRECISION)]
        kinds = dict.fromkeys(m.kind for m in self.measures if m.part == LEAKS)
        return [*near, *map(self._of_both_forms, kinds)]

    def _of_both_forms(self, kind: str) -> Measure:
        rows = [m for m in self.measures if (m.part, m.kind) == (LEAKS, kind)]
        n_rows, found = sum(m.rows for m in rows), sum(m.found for m in rows)
        return Measure(LEAKS, kind, "", n_rows, found, _truth(kind))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        measures = [measure.as_dict() for measure in self.measures]
        return {"documents": self.documents, "questions": self.questions, "measures": measures}

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Report:
        """From what ``as_dict`` made."""
        rows = [{k: v for k, v in row.items() if k != "share"} for row in known["measures"]]
        return cls(known["documents"], known["questions"], [Measure(**row) for row in rows])


def planted_report(
    documents: Sequence[str],
    benchmarks: pl.DataFrame,
    engine: Decontaminator,
    recipe: Recipe,
    n: int = MAX_DOCUMENTS,
) -> Report:
    """Plant copies and leaks into ``n`` of the documents, and count what is found."""
    draw = random.Random(recipe.seed)
    texts = [text[:_MAX_CHARACTERS] for text in documents if len(text.split()) >= MIN_WORDS]
    texts = draw.sample(texts, min(len(texts), n))
    questions = _questions(benchmarks, draw)
    told = [text for name in ("question", "context") for text in benchmarks[name].drop_nulls()]
    unlike = [texts[index] for index in planted.clean(texts, told)]
    rows = planted.leaks(questions, unlike, seed=recipe.seed)
    rows += [planted.Leak(_CLEAN, "document", text=text) for text in unlike]
    pairs = planted.clean_pairs(unlike)
    rows += [planted.Leak(_CLEAN, "pair", question=q, answer=a) for q, a in pairs]
    measures = [
        *_near_duplicates(texts, recipe.near_duplicates, recipe.seed),
        *_leaks(rows, engine),
    ]
    return Report(len(texts), len(questions), measures)


def labelled_report(
    pairs: pl.DataFrame, leaks: pl.DataFrame, engine: Decontaminator, recipe: Recipe
) -> Report:
    """Count what is found of labelled pairs and of labelled leaks.

    Columns read: label, kind, text_a, text_b; leak_kind, text, question, answer.
    """
    columns = ("label", "kind", "text_a", "text_b")
    told = pairs.sort("label", "kind", descending=[True, False]).select(columns).rows()
    rows = [
        planted.Leak(kind, "document" if text else "pair", text or "", question or "", answer or "")
        for kind, text, question, answer in leaks.select(
            "leak_kind", "text", "question", "answer"
        ).iter_rows()
    ]
    measures = [*_labelled_pairs(told, recipe.near_duplicates), *_leaks(rows, engine)]
    asked = sum(row.kind != _CLEAN for row in rows)
    return Report(2 * len(told) + leaks.height - asked, asked, measures)


def _questions(benchmarks: pl.DataFrame, draw: random.Random) -> list[tuple[str, str]]:
    """Questions long enough to be told from a phrase, with their answers, drawn by a seed."""
    known = benchmarks.filter(pl.col("n_words") >= planted.CLEAN_RUN)
    rows = known.sort("benchmark", "benchmark_id").select("question", "answer").rows()
    drawn = draw.sample(rows, min(len(rows), MAX_QUESTIONS))
    return [(q, a or "") for q, a in drawn if len(words(q)) >= planted.CLEAN_RUN]


class _Compared(NamedTuple):
    """A pair of texts: its exact Jaccard, and whether the engine found it."""

    kind: str
    jaccard: float
    found: bool


def _near_duplicates(texts: Sequence[str], settings: NearDuplicates, seed: int) -> list[Measure]:
    from webscale_dagster.text.near_duplicates import find_near_duplicates

    n = settings.shingle_words
    copies = planted.near_duplicates(texts, n=n, seed=seed)
    every = [*texts, *(copy.text for copy in copies)]
    ids = list(map(str, range(len(every))))
    frame = pl.DataFrame({"id": ids, "text": every}, dict.fromkeys(("id", "text"), pl.String))
    found = find_near_duplicates(frame, settings=settings)
    kept_for = {int(a): int(b) for a, b in found.select("id", "keep_id").iter_rows()}
    compared = [
        _Compared(copy.kind, copy.jaccard, len(texts) + at in kept_for)
        for at, copy in enumerate(copies)
        if copy.original not in kept_for  # else it may have nobody to be a duplicate of
    ]
    known = {(len(texts) + at, copy.original): copy.jaccard for at, copy in enumerate(copies)}
    merged = [
        known[pair] if pair in known else planted.exact_jaccard(every[pair[0]], every[pair[1]], n)
        for pair in kept_for.items()
    ]
    return [*_by_kind(compared, settings.threshold), *_merged(merged)]


def _labelled_pairs(
    pairs: Iterable[tuple[int, str, str, str]], settings: NearDuplicates
) -> list[Measure]:
    from webscale_dagster.text.near_duplicates import find_near_duplicates

    compared = []
    for label, kind, one, other in pairs:
        frame = pl.DataFrame({"id": ["a", "b"], "text": [one, other]})
        found = find_near_duplicates(frame, settings=settings).height > 0
        exact = planted.exact_jaccard(one, other, settings.shingle_words)
        compared.append(_Compared(kind if label else f"unlike: {kind}", exact, found))
    merged = [pair.jaccard for pair in compared if pair.found]
    return [*_by_kind(compared, settings.threshold), *_merged(merged)]


def _by_kind(compared: Sequence[_Compared], threshold: float) -> Iterator[Measure]:
    """Every kind, with how many of it reach the threshold; then all that reach it."""
    for kind in dict.fromkeys(pair.kind for pair in compared):
        of_kind = [pair for pair in compared if pair.kind == kind]
        reach = sum(pair.jaccard >= threshold for pair in of_kind)
        found = sum(pair.found for pair in of_kind)
        truth = f"{reach} reach {threshold:g}"
        yield Measure(NEAR, kind, "", len(of_kind), found, truth)
    true = [pair for pair in compared if pair.jaccard >= threshold]
    truth = f"exact Jaccard >= {threshold:g}"
    found = sum(pair.found for pair in true)
    yield Measure(NEAR, RECALL, "", len(true), found, truth)


def _merged(jaccards: Sequence[float]) -> Iterator[Measure]:
    right = sum(jaccard >= MERGED_FROM for jaccard in jaccards)
    truth = f"exact Jaccard >= {MERGED_FROM:g}"
    yield Measure(NEAR, PRECISION, "", len(jaccards), right, truth)


def _leaks(rows: Sequence[planted.Leak], engine: Decontaminator) -> Iterator[Measure]:
    """Every kind in every form: how many are flagged, by whichever question and rule."""
    schema = dict.fromkeys(planted.Leak._fields, pl.String)
    frame = pl.DataFrame(rows, schema, orient="row").with_columns(
        id=pl.int_range(pl.len()).cast(pl.String)
    )
    in_document = pl.col("form") == "document"
    flagged = {
        *engine.find(frame.filter(in_document).select("id", "text"))["id"],
        *engine.find_pairs(frame.filter(~in_document).select("id", "question", "answer"))["id"],
    }
    counted = frame.group_by("kind", "form").agg(
        pl.len(), pl.col("id").is_in(list(flagged)).sum().alias("found")
    )
    order = {kind: place for place, kind in enumerate(frame["kind"].unique(maintain_order=True))}
    for kind, form, n_rows, found in sorted(
        counted.iter_rows(), key=lambda row: (order[row[0]], row[1])
    ):
        yield Measure(LEAKS, kind, form, n_rows, found, _truth(kind))


def _truth(kind: str) -> str:
    return "no leak" if kind == _CLEAN else "leak"
