"""Carries a stage over the lake: reads its tables, runs it, publishes what it made.

Reads and writes the lake's tables, corpus and benchmark files and the journal. Used by the Dagster
assets and by the command line, so that both do the same; knows nothing of Dagster.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster import shards
from webscale_dagster.admitted import Admitted
from webscale_dagster.contracts.audit import parent_keys
from webscale_dagster.home import exclusive, home_recipe, journal_folder, lake_root
from webscale_dagster.lake import Lake, Publication
from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.tally import Tally, joined
from webscale_dagster.progress import Progress
from webscale_dagster.readers import BadRecord, read_benchmarks, read_shard
from webscale_dagster.recipe import Recipe, content_hash
from webscale_dagster.stages import STAGES, Context, Result, Stage, code_version
from webscale_dagster.tables import TABLES

INGEST = ("raw_corpus", "near_duplicates")
GENERATE = (
    *("filtered_docs", "personas", "qa_pairs", "verified_qa"),
    *("decontaminated_set", "difficulty"),
)
SHARDED = INGEST + GENERATE
Check = Callable[[], None]  # raises where this attempt must not go on


@dataclass(frozen=True)
class Made:
    """What one run of a stage made, for people to look at."""

    publication: Publication
    kept: pl.DataFrame
    rejects: pl.DataFrame
    tally: Tally | None = None  # of the model, where the stage asks one

    @property
    def reasons(self) -> dict[str, int]:
        """Rejects by reason, most first."""
        counts = (
            self.rejects.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
        )
        return dict(counts.rows())


def _quiet(stage: str, done: int, total: int, tally: Tally | None = None) -> None:
    del stage, done, total, tally


class Walk:
    """The stages over one lake with one recipe."""

    def __init__(
        self,
        lake: Lake,
        recipe: Recipe,
        progress: Progress = _quiet,
        pace: Pace | None = None,
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Opens nothing; ``say`` hears what a run waits for."""
        self.lake, self.recipe, self.progress, self.say = lake, recipe, progress, say
        self.pace = pace or Pace()

    @classmethod
    def at_home(
        cls,
        progress: Progress = _quiet,
        pace: Pace | None = None,
        say: Callable[[str], None] = lambda message: None,
    ) -> Walk:
        """The walk of the home folder: its lake and its recipe."""
        return cls(Lake(lake_root()), home_recipe(), progress, pace, say)

    # -- what a stage was made from -------------------------------------------------------------

    def inputs(self, name: str, shard: str = "") -> dict[str, str]:
        """What the stage's rows depend on beside its code: contents by name."""
        if name == "raw_corpus":
            found = shards.row(self.lake, shard)
            keys = ("uri", "row_from", "row_to", "sha256", "options")
            return {"file": content_hash(*(str(found[key]) for key in keys))}
        if name == "benchmarks":
            return {"files": _files_hash(benchmark_files(self.recipe))}
        if name == "rl_splits":
            order = shards.names(self.lake)
            tables = ("decontaminated_set", "difficulty", "relatives", "raw_corpus")
            return {t: _joined(self.lake.contents(t, order)) for t in tables}
        read = {
            table: self.lake.content(table, shard if TABLES[table].sharded else "")
            for table in _main_reads(STAGES[name])
        }
        if name == "near_duplicates":
            before = self._admitted_before(shard)
            read["earlier"] = _joined(self.lake.contents("relatives", before))
        return {table: str(content) for table, content in read.items()}

    def fresh(self, name: str, shard: str = "") -> bool:
        """True if the last verdict is good and was given to these inputs and this code."""
        verdict = self.lake.verdict(name, shard)
        return (
            verdict is not None
            and verdict["passed"]
            and verdict.get("code") == code_version(STAGES[name], self.recipe)
            and verdict.get("inputs") == self.inputs(name, shard)
            and verdict["content"] == self.lake.content(name, shard)
            and (name != "near_duplicates" or shards.row(self.lake, shard)["admitted"] is not None)
        )

    def stale(self, names: Sequence[str], shard: str = "") -> list[str]:
        """Stages to make again: those that are not fresh, and all that follow one of them."""
        found: list[str] = []
        for name in names:
            if set(STAGES[name].reads) & set(found) or not self.fresh(name, shard):
                found.append(name)
        return found

    def _admitted_before(self, shard: str) -> list[str]:
        place = shards.next_place(self.lake, shard)
        known = shards.registered(self.lake).filter(pl.col("admitted") < place)
        return [name for name in known["shard"].to_list() if name != shard]

    # -- making -------------------------------------------------------------------------------

    def make(self, name: str, shard: str = "") -> Made:
        """Run one stage for one shard and publish it; a broken contract raises AuditFailed."""
        stage = STAGES[name]
        guard = exclusive("admission") if name == "near_duplicates" else nullcontext()
        with guard, self._context(stage, shard) as (context, check):
            inputs = self.inputs(name, shard)
            frames = self.frames(stage, shard)
            result = stage.run(frames, context)
            asked = [m for m in (context.model, context.second) if isinstance(m, JournaledModel)]
            if asked:
                calls = pl.concat([model.calls() for model in asked])
                result = replace(result, beside={**result.beside, "llm_calls": calls})
            check()
            made = self._publish(stage, shard, frames, result, inputs)
            if asked:
                made = replace(made, tally=joined([model.tally for model in asked]))
            if name == "near_duplicates":
                shards.admit(self.lake, shard, shards.next_place(self.lake, shard))
        return made

    def _publish(
        self,
        stage: Stage,
        shard: str,
        frames: Mapping[str, pl.DataFrame],
        result: Result,
        inputs: dict[str, str],
    ) -> Made:
        publication = self.lake.publish(
            stage.name,
            result.kept,
            result.rejects,
            shard or None,
            recipe=self.recipe,
            parents=_parents(stage, frames),
            beside=result.beside,
            provenance={"code": code_version(stage, self.recipe), "inputs": inputs},
        )
        return Made(publication, result.kept, result.rejects)

    @contextmanager
    def _context(self, stage: Stage, shard: str) -> Iterator[tuple[Context, Check]]:
        rows = (0, 0)  # done, in all

        def progress(done: int, total: int) -> None:
            nonlocal rows
            rows = done, total
            self.progress(stage.name, done, total)

        context = Context(self.recipe, shard, None, progress, lambda ids: self._earlier.texts(ids))
        if not stage.asks_model:
            yield context, lambda: None
            return
        from webscale_dagster.llm.attempt import attempt

        with attempt(
            self.recipe,
            self.lake.objects,
            journal_folder(),
            stage.name,
            shard,
            pace=self.pace,
            watch=lambda tally: self.progress(stage.name, rows[0], rows[1], tally),
            say=self.say,
        ) as ((model, *more), check):
            yield replace(context, model=model, second=more[0] if more else None), check

    def frames(self, stage: Stage, shard: str) -> dict[str, pl.DataFrame]:
        """What the stage reads, for one shard or for all."""
        if stage.name == "raw_corpus":
            return record_frames(shards.row(self.lake, shard), self.recipe, self.progress)
        if stage.name == "benchmarks":
            return {"benchmark_files": read_benchmarks(benchmark_files(self.recipe))}
        if stage.name == "rl_splits":
            return self._all_shards()
        frames = {
            table: self.lake.read(table, shard).collect()
            if TABLES[table].sharded
            else _unsharded(self.lake.root, table, self.lake.version(table))
            for table in stage.reads
            if table in TABLES
        }
        if stage.name == "near_duplicates":
            self._earlier = Admitted(self.lake, self._admitted_before(shard))
            frames["earlier"] = self._earlier.matching(frames["signatures"])
        return frames

    def _all_shards(self) -> dict[str, pl.DataFrame]:
        """Pairs of all shards in order of admission, and what is known of each and its document."""
        order = {name: place for place, name in enumerate(shards.names(self.lake))}
        place = pl.col("shard").replace_strict(order, default=None, return_dtype=pl.Int64)
        pairs = self.lake.read("decontaminated_set").filter(pl.col("shard").is_in(list(order)))
        columns = ["shard", "doc_id", "license", "source"]
        rates = ["shard", "qa_id", "closed_book_rate", "open_book_rate", "band"]
        return {
            "decontaminated_set": pairs.with_columns(place.alias("place"))
            .sort("place", maintain_order=True)
            .drop("place")
            .collect(),
            "difficulty": self.lake.read("difficulty").select(rates).collect(),
            "relatives": self.lake.read("relatives").collect(),
            "raw_corpus": self.lake.read("raw_corpus").select(columns).collect(),
        }


@functools.lru_cache(maxsize=2)
def _unsharded(root: str, table: str, version: int | None) -> pl.DataFrame:
    """A table that every shard reads; held, for the benchmarks' index takes seconds to load."""
    return Lake(root).read(table, version=version).collect()


def record_frames(
    shard: Mapping[str, Any], recipe: Recipe, progress: Progress = _quiet
) -> dict[str, pl.DataFrame]:
    """A shard's file as the frames ``records`` and ``bad_records``."""
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for record in read_shard(shard, recipe.raw_corpus):
        if isinstance(record, BadRecord):
            bad.append({"row": record.row, "reason": record.reason, "detail": record.detail})
        else:
            good.append({name: getattr(record, name) for name in RECORDS if hasattr(record, name)})
        if (len(good) + len(bad)) % 500 == 0:
            progress("raw_corpus", len(good) + len(bad), 0)
    origin = [pl.lit(shard["source"]).alias("source"), pl.lit(shard["uri"]).alias("uri")]
    records = pl.DataFrame(good, schema=RECORDS, infer_schema_length=None)
    return {
        "records": records.with_columns(origin),
        "bad_records": pl.DataFrame(bad, schema=BAD_RECORDS),
    }


RECORDS = pl.Schema(
    {"row": pl.Int64()}
    | dict.fromkeys(("record_id", "url", "title", "text", "license", "group"), pl.String())
)
BAD_RECORDS = pl.Schema({"row": pl.Int64(), "reason": pl.String(), "detail": pl.String()})


def benchmark_files(recipe: Recipe) -> list[Path]:
    """Benchmark files: ``WEBSCALE_BENCHMARKS``, else the recipe's, else the package's sample."""
    from importlib import resources

    from webscale_dagster.readers.benchmarks import SUFFIXES

    named = os.environ.get("WEBSCALE_BENCHMARKS")
    uris = [named] if named else [os.path.expandvars(uri) for uri in recipe.benchmarks.uris]
    if not uris:
        return [Path(str(resources.files("webscale_dagster") / "samples" / "benchmark.jsonl"))]
    files: list[Path] = []
    for uri in uris:
        path = Path(uri)
        inside = [f for f in sorted(path.rglob("*")) if f.name.endswith(tuple(SUFFIXES))]
        if not path.exists() or (path.is_dir() and not inside):
            raise FileNotFoundError(
                f"{uri}: no benchmark files; set WEBSCALE_BENCHMARKS to a folder"
            )
        files += inside if path.is_dir() else [path]
    return files


def _files_hash(files: Sequence[Path]) -> str:
    return content_hash(*(part for f in files for part in (f.name, f.read_bytes())))


def _main_reads(stage: Stage) -> list[str]:
    """The tables whose content decides; what lies beside one is published with it."""
    return [name for name in stage.reads if name in STAGES]


def _joined(contents: Mapping[str, str | None]) -> str:
    return content_hash(*(f"{shard}={content}" for shard, content in contents.items()))


def _parents(stage: Stage, frames: Mapping[str, pl.DataFrame]) -> pl.Series | None:
    """Keys of the rows that must each be kept or rejected."""
    if stage.parent is None:
        return None
    if stage.parent == "records":
        rows = pl.concat([frames["records"]["row"], frames["bad_records"]["row"]])
        return rows.cast(pl.String)
    return parent_keys(stage.name, frames[stage.parent])
