from __future__ import annotations

import json
from typing import Any

import pytest

from webscale_dagster.verifiers import parses, verify

ARGUMENTS = {"city": "Oslo", "days": 3, "detailed": True}
WEATHER = {"name": "weather", "arguments": ARGUMENTS}
TIME = {"name": "time", "arguments": {}}
ONE, NOW, BOTH = json.dumps(WEATHER), json.dumps(TIME), json.dumps([WEATHER, TIME])


def _with(**changed: Any) -> str:
    return json.dumps({"name": "weather", "arguments": {**ARGUMENTS, **changed}})


@pytest.mark.parametrize(
    ("completion", "truth", "outcome"),
    [
        (ONE, ONE, "correct"),
        (f"<tool_call>{ONE}</tool_call>", ONE, "correct"),
        (f"<think>{_with(city='Rome')}</think>\n<tool_call>\n{ONE}\n</tool_call>", ONE, "correct"),
        (f"I look it up.\n<tool_call>{ONE}</tool_call>", ONE, "correct"),
        (f"Here:\n```json\n{ONE}\n```", ONE, "correct"),
        (f"```\n{ONE}\n```", ONE, "correct"),
        (f"[{ONE}]", ONE, "correct"),
        (ONE, f"[{ONE}]", "correct"),
        (_with(days=3.0, city=" Oslo "), ONE, "correct"),
        (json.dumps(dict(reversed(WEATHER.items()))), ONE, "correct"),
        (json.dumps({"function": {**WEATHER, "arguments": json.dumps(ARGUMENTS)}}), ONE, "correct"),
        (json.dumps({"tool_calls": [{"id": "1", "function": WEATHER}]}), ONE, "correct"),
        (json.dumps({"name": "weather", "parameters": ARGUMENTS}), ONE, "correct"),
        (f"<tool_call>{NOW}</tool_call>\n<tool_call>{ONE}</tool_call>", BOTH, "correct"),
        (f"<tool_call>{ONE}\n{NOW}</tool_call>", BOTH, "correct"),
        ('[{"name": "time"}, ' + ONE + "]", BOTH, "correct"),
        ('{"name": "time", "arguments": null}', NOW, "correct"),
        ('{"name": "time", "arguments": ""}', NOW, "correct"),
        ("It is noon.", "[]", "correct"),
        (_with(days=4), ONE, "wrong"),
        (_with(days="3"), ONE, "wrong"),
        (_with(detailed=1), ONE, "wrong"),
        (_with(detailed="true"), ONE, "wrong"),
        (_with(city="oslo"), ONE, "wrong"),
        (_with(city=["Oslo"]), ONE, "wrong"),
        (_with(city=None), ONE, "wrong"),
        (_with(unit="C"), ONE, "wrong"),
        ('{"name": "weather", "arguments": {"city": "Oslo", "days": 3}}', ONE, "wrong"),
        (ONE.replace("weather", "Weather"), ONE, "wrong"),
        (BOTH, ONE, "wrong"),
        (ONE, BOTH, "wrong"),
        (f"[{ONE}, {ONE}]", BOTH, "wrong"),
        (f"<tool_call>{ONE}</tool_call><tool_call>{ONE}</tool_call>", ONE, "wrong"),
        (ONE, "[]", "wrong"),
        ("It is noon.", ONE, "unparseable"),
        ("", ONE, "unparseable"),
        (f"<think>{ONE}</think>", ONE, "unparseable"),
        (f"<tool_call>{ONE}", ONE, "unparseable"),
        (ONE[:-1], ONE, "unparseable"),
        ("{'name': 'weather'}", ONE, "unparseable"),
        ('{"name": "weather", "name": "time"}', ONE, "unparseable"),
        ('{"name": "weather", "arguments": {"city": "Rome", "city": "Oslo"}}', ONE, "unparseable"),
        ('{"name": "weather", "arguments": [1]}', ONE, "unparseable"),
        ('{"name": "weather", "arguments": {"days": NaN}}', ONE, "unparseable"),
        ('{"name": "weather", "arguments": {"days": 1e999}}', ONE, "unparseable"),
        ('{"name": "weather", "arguments": {"days": ' + "9" * 5000 + "}}", ONE, "unparseable"),
        ('{"city": "Oslo"}', ONE, "unparseable"),
        ("[" * 100_000, ONE, "unparseable"),
        ('{"name": "a", "arguments": ' + '{"a": ' * 60 + "1" + "}" * 61, ONE, "unparseable"),
        (json.dumps([WEATHER] * 60), ONE, "unparseable"),
        ('{"name": "a", "arguments": {"a": "' + "x" * 60_000 + '"}}', ONE, "unparseable"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_calls(completion: str, truth: str, outcome: str) -> None:
    found = verify("tool_call", completion, truth)
    assert found.outcome == outcome, found.reason
    assert found.score == (outcome == "correct")


def test_the_reason_names_the_call() -> None:
    assert "other arguments of 'weather'" in verify("tool_call", _with(days=4), ONE).reason
    assert "no call of 'time'" in verify("tool_call", ONE, BOTH).reason
    assert "a call of 'time'" in verify("tool_call", BOTH, ONE).reason


def test_any_of_several_truths_will_do() -> None:
    assert verify("tool_call", _with(days=4), [ONE, _with(days=4)]).outcome == "correct"


@pytest.mark.parametrize("truth", ["", "weather(city)", '{"city": "Oslo"}', '"weather"', "{" * 99])
def test_a_truth_that_is_no_call_is_an_error(truth: str) -> None:
    assert parses("tool_call", truth) is not None
    assert verify("tool_call", ONE, truth).outcome == "error"
