"""Assets that ask a model: what the UI shows, how a run ends, who waits for a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.conftest import Register
from tests.defs.test_assets import (  # noqa: F401 (fixtures)
    DOCUMENTS,
    definitions,
    instance,
    metadata_of,
    run,
)
from tests.faults.openai_server import OpenAIServer
from webscale_dagster.defs import materialise
from webscale_dagster.defs.materialise import ENDS_ALL
from webscale_dagster.home import use_model
from webscale_dagster.walk import Walk

pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
GOOD = '{"reason": "It states lengths.", "informative": true, "self_contained": true, '
GOOD += '"enough_context": true, "boilerplate": false}'


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    script = {
        "latency_ms": 30,
        "replies": {"mode": "fixed", "content": GOOD},
        "faults": [{"fault": "500", "match": "Danube"}],
    }
    with OpenAIServer(script) as started:
        yield started


def _ingested(register: Register, home: Path, model: str) -> str:
    (shard,) = register("a", DOCUMENTS)
    use_model(model)
    text = (home / "recipe.toml").read_text(encoding="utf-8")
    price = "[model]\nprice = {tokens_in = 1.0, tokens_out = 2.0}"
    (home / "recipe.toml").write_text(text.replace("[model]", price), encoding="utf-8")
    walk = Walk.at_home()
    for name in ("benchmarks", "raw_corpus", "near_duplicates"):
        walk.make(name, "" if name == "benchmarks" else shard)
    return shard


def _observed(instance: dg.DagsterInstance) -> list[dict[str, Any]]:  # noqa: F811
    found = instance.fetch_observations(dg.AssetKey("filtered_docs"), limit=100).records
    events = [record.asset_observation for record in reversed(found)]
    return [{k: v.value for k, v in e.metadata.items()} for e in events if e is not None]


def test_requests_tokens_errors_and_cost_are_shown_while_it_runs_and_after(
    definitions: dg.Definitions,  # noqa: F811
    instance: dg.DagsterInstance,  # noqa: F811
    register: Register,
    home: Path,
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from webscale_dagster.llm import client

    shard = _ingested(register, home, f"{server.url}#tiny")
    monkeypatch.setattr(materialise, "_SECONDS_BETWEEN_LOGS", 0.0)
    monkeypatch.setattr(client, "TICK", 0.0)
    result = run(definitions, instance, "generate", shard)
    after = metadata_of(result, "filtered_docs")
    assert after["requests"] == 2 and after["errors"] == {"server_error": 1}
    assert after["replayed_share"] == 0 and after["requests_per_second"] > 0
    prices = (after["tokens_in"] + 2 * after["tokens_out"]) / 1e6
    assert after["cost"] == pytest.approx(prices, abs=1e-6)
    seen = _observed(instance)
    assert seen, "nothing was observed while it ran"
    assert seen[-1]["rows"] == 2 and {"tokens_per_second", "errors"} <= set(seen[-1])
    assert [e["requests"] for e in seen] == sorted(e["requests"] for e in seen)
    (observation,) = instance.fetch_observations(dg.AssetKey("filtered_docs"), limit=1).records
    assert observation.partition_key == shard


def test_a_dead_server_ends_the_run_with_one_clear_line(
    definitions: dg.Definitions,  # noqa: F811
    instance: dg.DagsterInstance,  # noqa: F811
    register: Register,
    home: Path,
    server: OpenAIServer,
) -> None:
    shard = _ingested(register, home, f"{server.url}#tiny")
    server.kill()
    config = {"resources": {"platform": {"config": {"give_up_seconds": 0.5}}}}
    instance.add_dynamic_partitions("shards", [shard])
    result = definitions.resolve_job_def("generate").execute_in_process(
        instance=instance, partition_key=shard, raise_on_error=False, run_config=config
    )
    failure = next(e.step_failure_data for e in result.all_events if e.is_step_failure)
    assert failure.user_failure_data is not None
    said = failure.user_failure_data.description or ""
    assert server.url in said and "run again" in said and "\n" not in said
    assert failure.user_failure_data.metadata[ENDS_ALL].value is True
    server.restart()
    again = definitions.resolve_job_def("generate").execute_in_process(
        instance=instance, partition_key=shard, raise_on_error=False
    )
    made = [e.asset_key.to_user_string() for e in again.get_asset_materialization_events()]
    assert "filtered_docs" in made


@pytest.mark.parametrize(
    ("model", "pools"),
    [
        ("extractive", set()),
        ("http://127.0.0.1:1/v1#m", set()),
        ("batch+http://127.0.0.1:1/v1#m", set()),
        ("vllm#m", {"gpu"}),
        ("batch#m", {"gpu"}),
    ],
)
def test_stages_that_start_vllm_here_wait_for_the_gpu(
    home: Path, model: str, pools: set[str]
) -> None:
    from webscale_dagster.defs.walk_asset import walk_asset

    use_model(model)
    for name in ("filtered_docs", "personas", "qa_pairs", "verified_qa"):
        assert {op.pool for op in [walk_asset(name, "g", "d").op] if op.pool} == pools
    assert walk_asset("decontaminated_set", "g", "d").op.pool is None
