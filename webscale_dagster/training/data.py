"""What experiments train on: rows of a release, as parquet files named by their content.

Reads a pinned release; writes ``data/<name>-<hash>.parquet`` below the folder of all checkpoints.

    texts      doc_id, text of documents whose family is of the train split: what cpt may read
    corpus     doc_id, text of all documents: what a model made on the spot is pretrained on
    documents  doc_id, text of documents with an example: what source tokens are counted of
    train      the train split; validation, test: the others
    warm_up    the sft split with the answers of sft_answers
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import orjson
import polars as pl

from webscale_dagster.content import parquet
from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.example_prompt import question_of
from webscale_dagster.stages.rl_splits import split_of
from webscale_dagster.training.program import TrainingError

COLUMNS = (
    *("example_id", "doc_id", "domain", "prompt", "question", "ground_truth", "answer_type"),
    *("verifier_options", "closed_book_rate", "band"),
)


@dataclass(frozen=True)
class DataFile:
    """A parquet file and the hash of its bytes."""

    path: str
    digest: str


def store(root: Path, name: str, frame: pl.DataFrame) -> DataFile:
    """Write a frame under a name that its content decides; an equal one is left alone."""
    data = parquet(frame)
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = root / "data" / f"{name}-{digest}.parquet"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}.part")
        aside.write_bytes(data)
        os.replace(aside, path)
    return DataFile(str(path), digest)


def release_recipe(release: Pinned) -> Recipe:
    """The recipe that the release was made by."""
    data = release.lake.objects.get(f"releases/{release.name}/recipe.json")
    return Recipe.model_validate_json(data or b"{}")


def examples(release: Pinned, split: str) -> pl.DataFrame:
    """A split's rows with their question; raises ``TrainingError`` where it is empty."""
    settings = release_recipe(release).rl_splits
    rows = release_rows(release).filter(pl.col("split") == split)
    if rows.is_empty():
        raise TrainingError(
            f"release {release.name} has no example in the split {split!r}; raise rl_splits.{split}"
            if split != "train"
            else f"release {release.name} has no example in the split 'train'"
        )
    asked = [question_of(prompt, settings) for prompt in rows["prompt"]]
    return rows.with_columns(question=pl.Series(asked, dtype=pl.String)).select(COLUMNS)


def release_rows(release: Pinned) -> pl.DataFrame:
    """All examples of a release, in a fixed order."""
    version = release.manifest["tables"].get("rl_splits")
    return release.lake.read("rl_splits", version=version).sort("example_id").collect()


def corpus(release: Pinned) -> pl.DataFrame:
    """doc_id and text of every document that passed the filters, in a fixed order."""
    return release.table("filtered_docs").select("doc_id", "text").sort("doc_id").collect()


def texts(release: Pinned) -> pl.DataFrame:
    """Documents of the train split: no continual pretraining on what the test asks about."""
    recipe = release_recipe(release)
    about = release.table("relatives").select("doc_id", "family", "families").collect()
    wanted = [
        doc_id
        for doc_id, family, families in about.rows()
        if {split_of(f, recipe.rl_splits, recipe.seed) for f in [family, *(families or ())]}
        == {"train"}
    ]
    found = corpus(release)
    known = set(about["doc_id"])
    alone = [
        doc_id
        for doc_id in found["doc_id"]
        if doc_id not in known and split_of(doc_id, recipe.rl_splits, recipe.seed) == "train"
    ]
    rows = found.filter(pl.col("doc_id").is_in([*wanted, *alone]))
    if rows.is_empty():
        raise TrainingError(f"release {release.name} has no document of the train split")
    return rows


def documents(release: Pinned) -> pl.DataFrame:
    """Documents with an example of any split."""
    return corpus(release).filter(pl.col("doc_id").is_in(release_rows(release)["doc_id"].to_list()))


def with_answers(rows: pl.DataFrame, direct: str) -> pl.DataFrame:
    """Rows with the direct answer as their completion."""
    said = [direct.replace("{answer}", truth) for truth in rows["ground_truth"]]
    return rows.with_columns(completion=pl.Series(said, dtype=pl.String))


def only_prompts(rows: pl.DataFrame) -> pl.DataFrame:
    """What the sampling program reads: id and prompt."""
    return rows.select(id="example_id", prompt="prompt")


def drawn(rows: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """At most so many rows, drawn by hash of their id; 0: all."""
    if not most or rows.height <= most:
        return rows
    keys = [hashlib.sha256(f"{seed}/{name}".encode()).hexdigest() for name in rows["example_id"]]
    ranked = rows.with_columns(key=pl.Series(keys)).sort("key").head(most)
    return ranked.drop("key").sort("example_id")


def options_of(row: dict[str, str]) -> dict[str, object]:
    """A row's options for its verifier, with its question."""
    return {**orjson.loads(row["verifier_options"] or "{}"), "question": row["question"]}
