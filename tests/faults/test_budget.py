"""A budget: the run stops below it, keeps every reply, and goes on once it is raised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.faults.openai_server import OpenAIServer
from webscale_dagster.cli import cli
from webscale_dagster.llm.errors import BudgetReached

pytestmark = pytest.mark.service

DOCUMENTS = 60


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer({"latency_ms": 5}) as started:
        yield started


def _stage(folder: Path, server: OpenAIServer, budget: str) -> Result:
    recipe = folder / "recipe.toml"
    text = f"""
    [model]
    backend = "server"
    name = "tiny"
    endpoints = ["{server.url}"]
    price = {{tokens_in = 1000.0, tokens_out = 1000.0}}
    [filtered_docs]
    max_tokens = 200
    min_words = 1
    rules_off = RULES
    [budget]
    {budget}
    """
    from webscale_dagster.text.quality import THRESHOLDS

    recipe.write_text(text.replace("RULES", json.dumps(list(THRESHOLDS))), encoding="utf-8")
    source = folder / "documents.jsonl"
    rows = [
        {"id": f"d{n}", "text": f"Depot {n} shipped {n} boxes to the harbour in May of that year."}
        for n in range(DOCUMENTS)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = ["stage", "filtered_docs", str(source), str(folder / "out")]
    return CliRunner().invoke(cli, [*arguments, "--recipe", str(recipe)])


@pytest.mark.parametrize(
    ("budget", "most"), [("max_tokens_total = 20000", 20_000), ("max_cost = 20.0", 20_000)]
)
def test_the_run_stops_below_the_budget_and_goes_on_when_it_is_raised(
    tmp_path: Path, server: OpenAIServer, budget: str, most: int
) -> None:
    first = _stage(tmp_path, server, budget)
    assert isinstance(first.exception, BudgetReached)
    assert budget.split(" = ")[0] in str(first.exception)
    assert "[budget]" in str(first.exception)
    asked = server.counts()["asked"]
    assert 5 < asked < DOCUMENTS
    (journal,) = (tmp_path / "out" / ".journal").glob("*/*.jsonl")
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(entries) == asked, "a reply that was paid for is lost"
    spent = sum(entry["tokens_in"] + entry["tokens_out"] for entry in entries)
    assert most / 2 < spent <= most
    assert _stage(tmp_path, server, budget).exception is not None
    assert server.counts()["asked"] == asked, "nothing more may be asked"
    last = _stage(tmp_path, server, budget.replace("20", "900", 1))
    assert last.exit_code == 0, last.output
    counts = server.counts()
    assert counts["asked_after_answered"] == 0 and counts["answered"] == counts["asked"]
