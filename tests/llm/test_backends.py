"""The model that a recipe names for a stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.llm.fakes import SHARD
from tests.llm.serving import Answer, Asked, Serving, completion, models
from webscale_dagster.llm.backends import open_backend, open_model
from webscale_dagster.llm.batch import Batches
from webscale_dagster.llm.extractive import Extractive
from webscale_dagster.llm.journal import Journal
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.server import Server
from webscale_dagster.llm.vllm_server import KeptServer
from webscale_dagster.models import ModelChoice, model_from
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.library_requests import library_requests

URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("model", "kind", "verifies"),
    [
        ("extractive", Extractive, False),
        (f"{URL}#m", Server, True),
        ("vllm#m", KeptServer, True),
        ("batch#m", Batches, True),
        (f"batch+{URL}#m", Batches, True),
    ],
)
def test_each_form_has_its_backend_and_nothing_is_started(
    tmp_path: Path, model: str, kind: type, verifies: bool
) -> None:
    found = open_backend(model_from(model), Pace(), tmp_path / "batches", lambda message: None)
    assert type(found) is kind
    assert found.verifies is verifies
    assert list(tmp_path.iterdir()) == []


def test_each_stage_asks_its_own_model(tmp_path: Path) -> None:
    judge = ModelChoice(backend="vllm", name="judge")
    recipe = Recipe.model_validate({"models": {"judge": judge}, "verified_qa": {"model": "judge"}})
    for stage, name, verifies in (
        ("qa_pairs", "extractive", False),
        ("verified_qa", "judge", True),
    ):
        with Journal(tmp_path, stage, SHARD) as journal:
            model = open_model(recipe, journal)
            assert (model.name, model.verifies) == (name, verifies)


def test_rules_answer_a_stages_requests_and_cost_nothing(tmp_path: Path) -> None:
    text = "The human heart has four chambers. The Eiffel Tower is 330 metres tall."
    recipe = Recipe()
    with Journal(tmp_path, "qa_pairs", SHARD) as journal:
        model = open_model(recipe, journal)
        replies = list(model.ask(library_requests(recipe, "qa_pairs", text, None)))
        assert [reply.problem for reply in replies] == [None] * recipe.personas.max_personas
        pairs = [reply.value.pairs[0] for reply in replies]
        assert {pair.answer for pair in pairs} == {"four", "330 metres", ""}
        assert model.calls()["cost"].sum() == 0 and model.tally.tokens_out == 0


def test_a_server_is_asked_with_the_runs_pace_and_the_recipes_budget(tmp_path: Path) -> None:
    from webscale_dagster.llm.errors import BudgetReached

    def answer(asked: Asked) -> Answer:
        return models("m") if asked.path == "/v1/models" else completion("{}", 500, 500)

    with Serving(answer) as serving:
        recipe = Recipe.model_validate(
            {
                "model": model_from(f"{serving.url}#m"),
                "budget": {"max_tokens_total": 6000},
                "filtered_docs": {"max_tokens": 500},
            }
        )
        texts = (f"Text number {n}." for n in range(50))
        requests = (next(library_requests(recipe, "filtered_docs", t, None)) for t in texts)
        with Journal(tmp_path / "journal", "filtered_docs", SHARD) as journal:
            model = open_model(recipe, journal, pace=Pace(concurrency=1, adapt=False))
            with pytest.raises(BudgetReached):
                list(model.ask(requests))
            assert 2 <= len(journal) <= 6  # 1,000 tokens each
        assert len(serving.of("/v1/chat/completions")) == len(journal)
    assert (tmp_path / "journal" / "spent.json").exists()
