"""Reward functions: routed by answer type, verified once, silent where a verifier failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

import webscale_dagster.training.rewards as module
import webscale_dagster.verifiers as verifiers
from webscale_dagster.training.rewards import Rewards, RewardSettings, reward_functions
from webscale_dagster.verifiers.outcome import Outcome, WholeAnswerType
from webscale_dagster.verifiers.pool import Job

ROWS = {
    "answer_type": ["number", "number", "boolean", "date"],
    "ground_truth": ["7", "7", "yes", "1918-05-03"],
    "verifier_options": ["{}"] * 4,
    "question": ["What is 3 plus 4?", "What is 3 plus 4?", "Is 4 larger than 3?", "When was it?"],
    "example_id": ["a", "a", "b", "c"],
}
SAID = ["Answer: 7", "Answer: 8", "It is. Answer: yes", "Answer: 3 May 1918"]


def _completions(texts: Sequence[str]) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": text}] for text in texts]


def _scores(
    rewards: Rewards, rows: dict[str, list[str]], texts: Sequence[str], **more: Any
) -> dict[str, list[float | None]]:
    """What TRL gets: all functions asked at once, with every column as a list."""

    async def ask() -> list[list[float | None]]:
        columns = {"completions": _completions(texts), "prompts": [[]] * len(texts), **rows, **more}
        columns.setdefault("completion_ids", [[0] * len(text) for text in texts])
        return list(await asyncio.gather(*(f(**columns) for f in rewards.functions)))

    names = [function.__name__ for function in rewards.functions]  # type: ignore[attr-defined]
    return dict(zip(names, asyncio.run(ask()), strict=True))


def test_each_row_is_claimed_by_the_function_of_its_type() -> None:
    rewards = Rewards(["boolean", "date", "number"], RewardSettings(weights={"date": 2.0}))
    assert rewards.weights == [1.0, 2.0, 1.0]
    assert _scores(rewards, ROWS, SAID) == {
        "boolean": [None, None, 1.0, None],
        "date": [None, None, None, 1.0],
        "number": [1.0, 0.0, None, None],
    }
    assert rewards.counts == {"correct": 3, "wrong": 1}


def test_every_completion_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = module.verify_many

    def counting(jobs: Sequence[Job]) -> list[Outcome]:
        asked.append(len(jobs))
        return real(jobs)

    monkeypatch.setattr(module, "verify_many", counting)
    settings = RewardSettings(format_weight=0.2, format_pattern="Answer:", overlong_tokens=2)
    rewards = Rewards(["boolean", "date", "number"], settings)
    _scores(rewards, ROWS, SAID)
    assert asked == [4]
    _scores(rewards, ROWS, [*SAID[:3], "Answer: 4 May 1918"])
    assert asked == [4, 4]


def test_a_failed_verifier_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> Outcome:
        raise RuntimeError("broken verifier")

    monkeypatch.setitem(verifiers._TYPES, "date", WholeAnswerType(lambda *_: None, crash))
    logged: dict[str, float] = {}
    settings = RewardSettings(format_weight=0.2, format_pattern="Answer:", overlong_tokens=2)
    rewards = Rewards(["boolean", "date", "number"], settings)
    found = _scores(rewards, ROWS, SAID, log_metric=logged.__setitem__)
    assert [found[name][3] for name in ("date", "format", "overlong")] == [None, None, None]
    assert found["format"][:3] == [1.0, 1.0, 1.0] and found["number"][:2] == [1.0, 0.0]
    assert logged == {"verifier/failed_share": 0.25} and rewards.counts["error"] == 1


def test_scores_between_count_or_do_not() -> None:
    rows = {name: values[:1] for name, values in ROWS.items()} | {
        "answer_type": ["constraints"],
        "ground_truth": [""],
        "verifier_options": [
            '{"constraints": [{"kind": "keyword", "keyword": "sea"}, {"kind": "no_commas"}]}'
        ],
    }
    said = ["The sea, blue."]
    soft = _scores(Rewards(["constraints"], RewardSettings()), rows, said)["constraints"]
    hard = _scores(Rewards(["constraints"], RewardSettings(soft=False)), rows, said)["constraints"]
    assert soft == [0.5] and hard == [0.0]


@pytest.mark.parametrize(("length", "score"), [(90, 0.0), (95, -0.5), (100, -1.0), (120, -1.0)])
def test_the_last_tokens_cost(length: int, score: float) -> None:
    settings = RewardSettings(overlong_tokens=10, max_completion_tokens=100)
    rows = {name: values[:1] for name, values in ROWS.items()}
    found = _scores(Rewards(["number"], settings), rows, SAID[:1], completion_ids=[[0] * length])
    assert found["overlong"] == [score]


def test_judges_are_asked_side_by_side_while_rules_go_on() -> None:
    asked: list[str] = []

    def judge(question: str, response: str, criteria: Sequence[str]) -> list[float]:
        asked.append(response)
        time.sleep(0.3)
        return [1.0 if "violet" in response else 0.0] * len(criteria)

    count = 12
    rows = {
        "answer_type": ["judge"] * count + ["number"],
        "ground_truth": ["a shade of purple"] * count + ["7"],
        "verifier_options": ["{}"] * (count + 1),
        "question": ["Which colour did the painter choose for the sky?"] * (count + 1),
        "example_id": ["j"] * count + ["n"],
    }
    said = [f"It was violet, number {n}" if n % 2 else f"It was green {n}" for n in range(count)]
    started = time.monotonic()
    found = _scores(Rewards(["judge", "number"], RewardSettings(), judge), rows, [*said, "7"])
    assert time.monotonic() - started < 0.3 * count / 2, "judged one after the other"
    assert found["judge"][:count] == [float(n % 2) for n in range(count)]
    assert found["number"][count] == 1.0 and len(asked) == count


def test_the_export_s_readme_has_this_function() -> None:
    functions, weights = reward_functions(["number"])
    assert len(functions) == len(weights) == 1
