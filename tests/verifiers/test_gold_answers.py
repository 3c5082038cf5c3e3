"""The answer type ``math`` on the gold answers of mathematics benchmarks under WEBSCALE_CORPORA."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import zstandard

from webscale_dagster import verifiers
from webscale_dagster.verifiers import parses, verify

pytestmark = pytest.mark.realdata

# Golds that say no one value: `t(0,4]`, and `f(x)=a x+b, where b is an arbitrary integer, and …`.
UNREADABLE = {"olympiadbench": 2}
# Neighbours that are equal as mathematics: `x=5` after `5`, `12` after `12 square units`.
EQUAL_NEIGHBOURS = {"math_test": 2, "math500": 1}
NAMES = ("math500", "math_test", "gsm8k", "minerva_math", "olympiadbench", "aime24", "amc23")


def golds(corpora: Path, name: str) -> list[str]:
    path = corpora / "benchmarks" / f"{name}.jsonl.zst"
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        assert isinstance(file, io.TextIOBase)
        return [json.loads(line)["answer"] for line in file]


@pytest.mark.parametrize("name", NAMES)
def test_a_gold_accepts_itself_and_rejects_the_next(
    corpora: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifiers, "in_worker", True)
    answers = golds(corpora, name)
    unreadable = [gold for gold in answers if parses("math", gold)]
    assert len(unreadable) <= UNREADABLE.get(name, 0), unreadable
    refused, accepted = [], []
    for gold, following in zip(answers, [*answers[1:], answers[0]], strict=True):
        if gold in unreadable:
            continue
        # A statement ends with its line, so golds of several lines are written in one.
        line = " ".join(gold.split())
        plain = line if "$" in line else f"${line}$"
        for completion in (f"So we get \\boxed{{{gold}}}.", f"The answer is {plain}."):
            if verify("math", completion, gold).outcome != "correct":
                refused.append((gold, completion))
        if following != gold:
            outcome = verify("math", f"\\boxed{{{following}}}", gold).outcome
            if outcome not in ("wrong", "unparseable"):
                accepted.append((gold, following, outcome))
    assert refused == []
    assert len(accepted) <= EQUAL_NEIGHBOURS.get(name, 0), accepted
