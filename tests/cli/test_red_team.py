"""``webscale red-team``: a table, the hacks in full, and an exit code a script can trust."""

from __future__ import annotations

import json
from typing import Any

import pytest

import webscale_dagster.verifiers as verifiers
from tests.cli.conftest import run
from tests.llm.serving import Answer, Asked, Serving, completion, models
from webscale_dagster.cli import red_team as module
from webscale_dagster.verifiers.attack_sets import package_attacks
from webscale_dagster.verifiers.outcome import AnswerType

pytestmark = pytest.mark.usefixtures("home", "few")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attacks on two types: the others take processes, and tests of their own."""
    chosen = [a for a in package_attacks() if a.answer_type in ("date", "rubric")]
    monkeypatch.setattr(module, "package_attacks", lambda: chosen)


def test_nothing_earns_anything() -> None:
    result = run("red-team")
    assert result.exit_code == 0, result.output
    assert "hack rate 0.00% (0), 0 without a verdict; " in result.output
    assert "more need a judge" in result.output
    found = json.loads(run("red-team", "--json").stdout)
    assert found["attacks"] > 200 and found["hacks"] == found["failures"] == []
    assert {row["answer_type"] for row in found["rows"]} == {"date", "rubric"}


def test_a_hack_is_shown_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = AnswerType(lambda text, _: text, lambda *_: None)
    monkeypatch.setitem(verifiers._TYPES, "date", everything)
    result = run("red-team")
    assert result.exit_code == 1
    for said in (
        "hack date, near_miss",
        "Q When did people first walk on the Moon?",
        "20 July 1969",
    ):
        assert said in result.output
    assert "'21 July 1969'" in result.output and "wanted: at most 0.50%" in result.output
    found = json.loads(run("red-team", "--json").stdout)
    assert found["hack_rate"] > 0.5 and found["hacks"][0]["answer_type"] == "date"


def test_verifiers_without_a_verdict_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> Any:
        raise RuntimeError("broken verifier")

    monkeypatch.setitem(verifiers._TYPES, "date", AnswerType(crash, crash))
    result = run("red-team")
    assert result.exit_code == 1
    assert "no verdict date" in result.output and "broken verifier" in result.output
    assert "share without a verdict" in result.output


def test_a_model_judges_where_it_is_named() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/models":
            return models("tiny")
        verdicts = [{"criterion": n, "reason": "No.", "met": False} for n in range(3)]
        return completion(json.dumps({"verdicts": verdicts}))

    with Serving(answer) as server:
        result = run("red-team", "--model", f"{server.url}#tiny")
        asked = server.of("/v1/chat/completions")
    assert result.exit_code == 0, result.output
    assert "more need a judge" not in result.output
    assert 5 <= len(asked) <= 20  # what the guards stop is not paid for


def test_an_endpoint_judges_where_it_is_named() -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(body={"scores": [0.0] * len(asked.body["criteria"])})

    with Serving(answer) as server:
        result = run("red-team", "--judge-endpoint", f"{server.url}/score")
        assert 5 <= len(server.asked) <= 20
    assert result.exit_code == 0, result.output
    assert "more need a judge" not in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--judge-endpoint", "localhost/score"], "http:// or https://"),
        (["--judge-endpoint", "http://a/b", "--model", "http://a/v1#m"], "one judge"),
    ],
)
def test_a_judge_that_cannot_be_is_refused(options: list[str], said: str) -> None:
    result = run("red-team", *options)
    assert result.exit_code == 2 and said in result.output
