"""The export for whoever trains a verifier: what is in it, what is not, the same bytes always."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from tests.llm.fakes import SHARD, Fake
from tests.test_walk import COPPER, DANUBE
from webscale_dagster.exports.pinned import Pinned, UnknownRelease, open_release
from webscale_dagster.exports.release import make_release
from webscale_dagster.exports.verifier_training import PHRASINGS, SCHEMA, files
from webscale_dagster.ingest import ingest_source
from webscale_dagster.lake import Lake
from webscale_dagster.llm import backends
from webscale_dagster.llm.client import Backend, Unanswered
from webscale_dagster.llm.extractive import Extractive
from webscale_dagster.llm.journal import Completion
from webscale_dagster.models import ModelChoice
from webscale_dagster.sources import write_source
from webscale_dagster.stages.protocol import Request
from webscale_dagster.tables import TABLES
from webscale_dagster.verifiers import verify
from webscale_dagster.walk import SHARDED, Walk

POLICY = """
[models.policy]
backend = "server"
name = "tiny"
endpoints = ["http://127.0.0.1:1/v1"]
[difficulty]
model = "policy"
samples = 2
max_unusable_share = 1.0
"""
DOCUMENTS = [{"id": "danube", "text": DANUBE}, {"id": "copper", "text": COPPER}]
ALL = ("sft", "train", "validation", "test")


def _says(request: Request) -> Completion | Unanswered:
    """Right once with the document and once without; the second sample of one book is lost."""
    if request.seed == 17:
        return Completion("Answer: 1972", model="tiny")
    if "/open/" in request.row_id:
        return Unanswered("bad_request", "HTTP 400: too long")
    return Completion("I do not know.", model="tiny")


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A home with a release without a policy, and one with; not to be written to."""
    found = {}
    for name, recipe in (("rules", ""), ("policy", POLICY)):
        home = tmp_path_factory.mktemp(name) / "home"
        (home / "corpus").mkdir(parents=True)
        lines = [json.dumps(document) for document in DOCUMENTS]
        (home / "corpus" / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (home / "recipe.toml").write_text(recipe, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("WEBSCALE_HOME", str(home))
            for variable in ("WEBSCALE_LAKE", "WEBSCALE_RECIPE", "WEBSCALE_BENCHMARKS"):
                patched.delenv(variable, raising=False)
            patched.setattr(backends, "open_backend", _backend)
            _release(Walk.at_home(), write_source(str(home / "corpus"), home / "sources", {}, "s"))
        found[name] = home
    return found


def _backend(choice: ModelChoice, *more: Any) -> Backend:
    """A policy answers; rules write the pairs."""
    return Fake(_says) if choice.backend == "server" else Extractive()


def _release(walk: Walk, source: Path) -> None:
    (shard,) = ingest_source(walk, source).new
    walk.make("benchmarks")
    for stage in SHARDED:
        walk.make(stage, shard)
    walk.make("rl_splits")
    make_release(walk)


@pytest.fixture
def rules(homes: dict[str, Path]) -> Pinned:
    """A release whose pairs no policy was asked about."""
    return open_release(Lake(str(homes["rules"] / "lake")), "candidate")


@pytest.fixture
def policy(homes: dict[str, Path]) -> Pinned:
    """A release with a policy's answers."""
    return open_release(Lake(str(homes["policy"] / "lake")), "candidate")


@pytest.fixture
def mine(homes: dict[str, Path], home: Path) -> Walk:
    """The same in a home of the test's own."""
    shutil.copytree(homes["policy"], home)
    return Walk.at_home()


def _rows(release: Pinned, *splits: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(files(release, splits or ALL)["verifier-training.parquet"]))


def test_without_a_policy_there_are_phrased_truths_and_truths_of_others(rules: Pinned) -> None:
    rows, examples = _rows(rules), rules.table("rl_splits").collect()
    assert rows.schema == SCHEMA
    assert examples.height >= 3
    assert set(rows["example_id"]) == set(examples["example_id"])
    by_source = Counter(rows.select("source", "verdict").rows())
    assert by_source["truth_phrasing", 1] == examples.height * len(PHRASINGS)
    assert by_source["truth_phrasing", 0] == by_source["policy_sample", 1] == 0
    others = min(examples["ground_truth"].n_unique() - 1, len(PHRASINGS))
    assert by_source["other_truth", 0] == examples.height * others
    assert rows["policy"].null_count() == rows.height


def test_every_verdict_is_the_verifiers(policy: Pinned) -> None:
    options = dict(policy.table("rl_splits").collect().select("qa_id", "verifier_options").rows())
    questions = dict(policy.table("qa_pairs").collect().select("qa_id", "question").rows())
    for row in _rows(policy).to_dicts():
        found = verify(
            row["answer_type"],
            row["response"],
            row["ground_truth"],
            **orjson.loads(options[row["qa_id"]]),
        )
        assert (row["outcome"], row["score"]) == (found.outcome, found.score)
        assert row["verdict"] == (found.outcome == "correct")
        assert row["question"] == questions[row["qa_id"]]


def test_a_policys_answers_are_there_but_those_without_a_verdict(policy: Pinned) -> None:
    rows = _rows(policy).filter(pl.col("source") == "policy_sample")
    pairs = policy.table("rl_splits").collect().height
    assert rows.group_by("book").len().sort("book").rows() == [
        ("closed", 2 * pairs),
        ("open", pairs),
    ]
    assert rows.filter(pl.col("verdict") == 1)["ground_truth"].to_list() == ["1972", "1972"]
    assert set(rows["policy"]) == {"tiny"}
    readme = files(policy, ALL)["README.md"].decode()
    assert f"| policy_sample | no_reply | {pairs} |" in readme
    assert "Policies asked: tiny." in readme


def test_only_examples_of_the_wanted_splits_and_their_samples(policy: Pinned) -> None:
    examples = policy.table("rl_splits").collect()
    for split in ALL:
        wanted = examples.filter(pl.col("split") == split)
        assert set(_rows(policy, split)["example_id"]) == set(wanted["example_id"])


def test_it_is_read_as_it_was_released_and_never_differs(policy: Pinned, mine: Walk) -> None:
    before = files(policy, ALL)
    lake, recipe = mine.lake, mine.recipe
    beside = {"policy_samples": TABLES["policy_samples"].empty()}
    lake.publish(
        "difficulty", TABLES["difficulty"].empty(), None, SHARD, recipe=recipe, beside=beside
    )
    lake.publish("rl_splits", TABLES["rl_splits"].empty(), recipe=recipe)
    assert lake.beside("policy_samples", [SHARD]).collect().is_empty()
    again = open_release(Lake(lake.root), "candidate")
    assert again.name == policy.name
    assert files(again, ALL) == before


def test_samples_of_a_publish_that_was_cut_off_are_not_read(mine: Walk) -> None:
    samples = mine.lake.beside("policy_samples", [SHARD]).collect()
    mine.lake.commit("policy_samples", samples.clear(), SHARD)  # and then it was killed
    assert mine.lake.read("policy_samples").collect().is_empty()
    assert mine.lake.beside("policy_samples", [SHARD]).collect().equals(samples)
    freed = mine.lake.vacuum(0, dry_run=False)
    assert freed["policy_samples"] == []
    pins = {table: int(mine.lake.version(table) or 0) for table in TABLES}
    found = mine.lake.beside("policy_samples", [SHARD], pins).collect()
    assert found.equals(samples)


def test_a_release_of_before_there_was_a_policy_has_phrasings_only(rules: Pinned) -> None:
    young = ("difficulty", "policy_samples")
    tables = {n: v for n, v in rules.manifest["tables"].items() if n not in young}
    older = Pinned(rules.name, {**rules.manifest, "tables": tables}, rules.lake)
    assert older.table("difficulty").collect().is_empty()
    assert files(older, ALL) == files(rules, ALL)


def test_an_unknown_release_is_named_with_those_there_are(rules: Pinned, tmp_path: Path) -> None:
    with pytest.raises(UnknownRelease, match=rf"best: no such .* candidate, {rules.name}$"):
        open_release(rules.lake, "best")
    with pytest.raises(UnknownRelease, match="none yet"):
        open_release(Lake(str(tmp_path / "other")), "candidate")
