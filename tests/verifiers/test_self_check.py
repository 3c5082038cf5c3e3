"""The self-check: a verifier accepts its own ground truth, and not those of other examples."""

from __future__ import annotations

from typing import Any

import pytest

import webscale_dagster.verifiers as verifiers
from webscale_dagster.verifiers.attack_sets import package_attacks
from webscale_dagster.verifiers.outcome import AnswerType, Outcome, WholeAnswerType
from webscale_dagster.verifiers.same_answer import fingerprint, may_be_same
from webscale_dagster.verifiers.self_check import (
    OTHERS,
    Example,
    other_truths,
    others_problems,
    own_truth_problems,
    problems,
)

NUMBERS = [Example(f"n{n}", "number", f"{n**3 + 11} km", {}, f"Way {n}?") for n in range(1, 9)]
NAMES = [
    Example(f"e{n}", "entity", name, {}, "Who?")
    for n, name in enumerate(["Marie Curie", "Ada Lovelace", "Lise Meitner", "Emmy Noether"])
]
WEATHER = '{"name": "weather", "arguments": {"city": "Oslo"}}'
SOLUTION = "def double(x):\n    return 2 * x"
GOOD = [
    *NUMBERS,
    *NAMES,
    Example("b", "boolean", "yes", {}, "Is it?"),
    Example("l", "list", "red, green and blue", {}, "Which?"),
    Example("m", "multiple_choice", "B", {"choices": ["tin", "zinc", "lead"]}, "Which?"),
    Example("j", "judge", "the loss of its habitat", {}, "Why?"),
    Example("w", "tool_call", WEATHER, {}, "What?"),
    Example("v", "tool_call", "[]", {}, "Thanks."),
    Example("r", "rubric", "", {"criteria": ["is short"]}, "How?"),
    Example("c", "constraints", "", {"constraints": [{"kind": "no_commas"}]}, "Write."),
]


def test_good_examples_have_no_problem() -> None:
    assert problems(GOOD) == []
    assert problems([]) == []
    assert problems(GOOD[:1]) == []


def _targets(apart: bool) -> list[Example]:
    """What the red team attacks; apart: what is verified in processes of its own."""
    found = {(a.answer_type, a.question): a for a in package_attacks()}
    return [
        Example(f"t{n}", a.answer_type, a.ground_truth, a.options, a.question)
        for n, a in enumerate(found.values())
        if (a.answer_type in ("math", "code_tests")) is apart
    ]


def test_the_targets_of_the_red_team_have_none_either() -> None:
    assert len(_targets(False)) > 30
    assert problems(_targets(False)) == []


@pytest.mark.service
def test_nor_have_those_that_are_verified_in_processes() -> None:
    assert {example.answer_type for example in _targets(True)} == {"math", "code_tests"}
    assert problems(_targets(True)) == []


@pytest.mark.service
def test_code_is_phrased_as_blocks_and_mathematics_as_text() -> None:
    tests = {"tests": ["assert double(2) == 4", "assert double(-1) == -2"]}
    wrong = "def double(x):\n    return x + 2"
    triple = "def triple(x):\n    return 3 * x"
    examples = [
        Example("good", "code_tests", SOLUTION, tests, "Double it."),
        Example("wrong", "code_tests", wrong, tests, "Double it."),
        Example("none", "code_tests", "", tests, "Double it."),
        Example("no_tests", "code_tests", "", {}, "Double it."),
        Example("triple", "code_tests", triple, {"tests": ["assert triple(2) == 6"]}, "Triple it."),
        Example("half", "math", r"\frac{1}{2}", {}, "How much?"),
        Example("root", "math", r"\sqrt{7}", {}, "How much?"),
    ]
    assert {problem.id: problem.reason for problem in problems(examples)} == {
        "wrong": "verifier_rejects_truth",
        "no_tests": "verifier_rejects_truth",
    }


@pytest.mark.parametrize(
    ("example", "detail"),
    [
        (Example("x", "number", "many", {}), "no number in it"),
        (Example("x", "number", "42", {"tolerance": -1}), "tolerance"),
        (Example("x", "short_phrase", "red\nor\nblue", {}), "the phrase 'blue' does not say"),
        (Example("x", "entity", "Who?\nAnswer: him", {}), "for"),
        (Example("x", "multiple_choice", "E", {"choices": ["a", "b"]}), "no choice E"),
        (Example("x", "rubric", "", {"criteria": []}), "criteria must be"),
        (Example("x", "tool_call", "call it", {}), "ground truth"),
        (Example("x", "constraints", "", {}), "constraints must be"),
    ],
)
def test_a_truth_that_its_verifier_rejects_is_named(example: Example, detail: str) -> None:
    (found,) = own_truth_problems([*NUMBERS, example])
    assert (found.id, found.reason) == ("x", "verifier_rejects_truth")
    assert detail in found.detail


def _planted(monkeypatch: pytest.MonkeyPatch, kind: str, planted: Any) -> None:
    monkeypatch.setitem(verifiers._TYPES, kind, planted)


def test_a_verifier_that_accepts_everything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _planted(monkeypatch, "number", AnswerType(lambda text, _: text, lambda *_: None))
    found = problems(GOOD)
    assert {problem.id for problem in found} == {example.id for example in NUMBERS}
    assert {problem.reason for problem in found} == {"verifier_accepts_others"}
    assert "accepts '" in found[0].detail


def test_a_verifier_that_rejects_everything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _planted(monkeypatch, "number", AnswerType(lambda text, _: text, lambda *_: "never"))
    found = problems(GOOD)
    assert {problem.id for problem in found} == {example.id for example in NUMBERS}
    assert {problem.reason for problem in found} == {"verifier_rejects_truth"}


def test_a_verifier_that_raises_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> Any:
        raise RuntimeError("broken verifier")

    _planted(monkeypatch, "entity", AnswerType(crash, crash))
    found = problems(GOOD)
    assert {problem.id for problem in found} == {example.id for example in NAMES}
    assert all("error" in p.detail and "broken verifier" in p.detail for p in found)


def test_a_score_above_zero_is_not_a_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    half = Outcome(0.5, "wrong", "half")
    whole = WholeAnswerType(lambda *_: None, lambda *_: half)
    _planted(monkeypatch, "number", whole)
    assert {p.reason for p in others_problems(NUMBERS)} == {"verifier_accepts_others"}


def test_others_are_of_the_same_type_first_and_drawn_alike() -> None:
    drawn = {example.id: others for example, others in other_truths(GOOD)}
    for example in NUMBERS:
        others = drawn[example.id]
        assert len(others) == OTHERS and example not in others
        assert {other.answer_type for other in others} == {"number"}
    assert [o.answer_type for o in drawn["e0"]][:3] == ["entity"] * 3 and len(drawn["e0"]) == OTHERS
    assert {o.answer_type for o in drawn["v"]} == {"tool_call"}
    again = {example.id: others for example, others in other_truths(GOOD[::-1])}
    assert again == drawn


SAME = [
    ("5 km", "5000 m", {}),
    ("5 km", "5.05 km", {}),
    ("100", "119", {"tolerance": "20%"}),
    ("Paris", "Paris in France", {}),
    ("the United Nations", "UN", {}),
    ("e-mail", "email", {}),
    ("a dozen", "12", {}),
    ("yes", "that is correct", {}),
    ("B", "zinc", {"choices": ["tin", "zinc"]}),
    ("Vienna", "Wien", {"aliases": ["Wien"]}),
    ("20 July 1969", "1969", {}),
    ("the loss of habitat", "habitats that are lost", {}),
    ("Пушкин", "Pushkin", {}),
    ("1/2", "0.5", {}),
]
DIFFERENT = [
    ("5 km", "7 km", {}),
    ("1969", "1970", {}),
    ("Vienna", "Linz", {}),
    ("yes", "no", {}),
    ("A", "B", {"choices": ["tin", "zinc"]}),
    ("red and green", "black and white", {}),
    ("100", "130", {"tolerance": "20%"}),
]


@pytest.mark.parametrize(("one", "other", "options"), SAME)
def test_what_may_be_the_same_answer(one: str, other: str, options: dict[str, Any]) -> None:
    assert may_be_same(fingerprint(one, options), fingerprint(other, {}), options)


@pytest.mark.parametrize(("one", "other", "options"), DIFFERENT)
def test_what_is_another_answer(one: str, other: str, options: dict[str, Any]) -> None:
    assert not may_be_same(fingerprint(one, options), fingerprint(other, {}), options)
