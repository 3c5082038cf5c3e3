"""The optional asset ``difficulty`` with a policy behind HTTP: from pairs to a filtered dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.cli.conftest import run as webscale
from tests.conftest import Register
from tests.defs.test_assets import (  # noqa: F401 (fixtures)
    DOCUMENTS,
    definitions,
    instance,
    metadata_of,
    run,
)
from tests.faults.openai_server import OpenAIServer
from webscale_dagster.defs.pass_rates import histogram
from webscale_dagster.exports.release import make_release
from webscale_dagster.home import use_recipe
from webscale_dagster.tables import TABLES
from webscale_dagster.walk import Walk

pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
RECIPE = """
name = "graded"
[models.policy]
backend = "server"
name = "tiny"
endpoints = ["{url}"]
price = {{tokens_in = 1.0, tokens_out = 2.0}}
[difficulty]
model = "policy"
samples = {samples}
[rl_splits]
bands = ["hard", "learnable"]
[dataset_release]
min_examples = 1
"""
# The policy thinks of one number, and of another one when it has the document before it.
CLOSED, OPEN = "I think it is long.\n\nAnswer: 1,085 degrees Celsius", "Answer: 1972"
SCRIPT = {
    "replies": {"mode": "fixed", "content": CLOSED},
    "faults": [
        {"fault": "500", "share": 0.3},
        {"fault": "empty_text", "match": "<document>", "content": OPEN, "times": -1},
    ],
}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(SCRIPT) as started:
        yield started


def _use(home: Path, url: str, samples: int) -> None:
    path = home.parent / "graded.toml"
    path.write_text(RECIPE.format(url=url, samples=samples), encoding="utf-8")
    use_recipe(str(path))


def test_pass_rates_from_a_server_to_the_splits_and_an_export(
    definitions: dg.Definitions,  # noqa: F811
    instance: dg.DagsterInstance,  # noqa: F811
    register: Register,
    home: Path,
    server: OpenAIServer,
) -> None:
    (shard,) = register("a", DOCUMENTS)
    _use(home, server.url, 3)
    Walk.at_home().make("benchmarks")
    assert run(definitions, instance, "ingest", shard).success
    result = run(definitions, instance, "generate", shard)
    assert result.success

    walk = Walk.at_home()
    rows = {row["qa_id"]: row for row in walk.lake.read("difficulty", shard).collect().to_dicts()}
    pairs = walk.lake.read("decontaminated_set", shard).collect()
    answers = dict(pairs.select("answer", "qa_id").rows())
    assert set(rows) == set(answers.values())
    hard = rows[answers["1972"]]
    assert (hard["closed_book_rate"], hard["open_book_rate"], hard["band"]) == (0.0, 1.0, "hard")
    lost = rows[answers["1,085 degrees Celsius"]]
    assert (lost["closed_book_rate"], lost["open_book_rate"], lost["band"]) == (1.0, 0.0, "broken")
    assert {row["policy"] for row in rows.values()} == {"tiny"}

    shown = metadata_of(result, "difficulty")
    assert shown["requests"] == len(rows) * 6 and shown["errors"]["server_error"] > 0
    assert shown["cost"] > 0 and shown["unusable_replies"] == {}
    lines = shown["pass_rates"].splitlines()
    assert "| hard | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 1.00 |" in lines
    assert any(line.startswith(f"| broken | {len(rows) - 1} |") for line in lines)
    assert len(shown["pass_rates"]) < 1000, "the UI would hide it behind a click"

    asked = server.counts()["answered"]
    _use(home, server.url, 6)
    assert run(definitions, instance, "generate", shard).success
    assert server.counts()["answered"] == 2 * asked
    assert server.counts()["asked_after_answered"] == 0

    walk = Walk.at_home()
    made = walk.make("rl_splits")
    assert made.kept["qa_id"].to_list() == [hard["qa_id"]]
    assert made.kept.select("band", "open_book_rate").rows() == [("hard", 1.0)]
    assert made.reasons == {"difficulty_band": len(rows) - 1}

    name = make_release(walk).name
    exported = webscale(
        "export", name, "--format", "verifier-training", str(home / "out"),
        "--splits", "sft,train,validation,test",
    )  # fmt: skip
    assert exported.exit_code == 0, exported.output
    found = pl.read_parquet(home / "out" / "verifier-training.parquet")
    samples = found.filter(pl.col("source") == "policy_sample")
    counts = samples.group_by("book", "verdict").len().sort("book").rows()
    assert counts == [("closed", 0, 6), ("open", 1, 6)]
    assert set(samples["response"]) == {CLOSED, OPEN}
    assert json.loads((home / "out" / "manifest.json").read_text())["release"] == name


def test_without_a_policy_the_page_says_so() -> None:
    rows = TABLES["difficulty"].empty()
    assert "`samples` is 0" in histogram(rows)
