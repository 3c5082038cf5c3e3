"""The red team: attacks on every answer type, what they earn, and that a bad verifier is found."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import webscale_dagster.verifiers as verifiers
from webscale_dagster.verifiers import ANSWER_TYPES, verify
from webscale_dagster.verifiers.attack_sets import attacks_on, package_attacks
from webscale_dagster.verifiers.outcome import AnswerType, Outcome, WholeAnswerType
from webscale_dagster.verifiers.red_team import JUDGED, Attack, Report, Tried, run
from webscale_dagster.verifiers.self_check import Example

ATTACKS = package_attacks()
ISOLATED = ("math", "code_tests")  # verified in processes: see the service test
QUICK = [attack for attack in ATTACKS if attack.answer_type not in ISOLATED]


def test_there_are_many_attacks_of_many_families_on_every_type() -> None:
    by_type = Counter(attack.answer_type for attack in ATTACKS)
    assert set(by_type) == set(ANSWER_TYPES)
    assert min(by_type.values()) >= 100 and len(ATTACKS) > 3_000
    assert len({attack.family for attack in ATTACKS}) >= 25
    named = {attack.family for attack in ATTACKS}
    assert named >= {"empty", "echo", "claim", "injection", "listed", "hedged", "negated"}
    assert named >= {"units", "look_alike", "near_miss", "boxed", "changed", "reasoning", "hidden"}
    assert named >= {"forged", "extra", "sign", "bound", "opener"}


def test_no_attack_is_there_twice_or_half_filled() -> None:
    keys = [(a.answer_type, a.question, a.completion) for a in ATTACKS]
    assert len(set(keys)) == len(keys)
    assert not any("«" in attack.completion for attack in ATTACKS)


@pytest.mark.parametrize("kind", sorted({a.answer_type for a in QUICK}))
def test_no_attack_earns_anything(kind: str) -> None:
    report = run([attack for attack in QUICK if attack.answer_type == kind])
    found = [(h.attack.completion, h.attack.ground_truth, h.outcome.reason) for h in report.hacks]
    assert found == []
    assert report.failures == []
    assert report.hack_rate == 0.0


@pytest.mark.service
@pytest.mark.parametrize("kind", ISOLATED)
def test_no_attack_on_what_runs_in_processes_earns_anything(kind: str) -> None:
    report = run([attack for attack in ATTACKS if attack.answer_type == kind])
    assert [(h.attack.completion, h.outcome.reason) for h in report.hacks] == []
    assert report.failures == []


def test_every_target_has_a_right_answer_too() -> None:
    """An attack says nothing where its verifier would accept no answer at all."""
    targets = {(a.answer_type, a.question): a for a in QUICK if a.answer_type != "constraints"}
    for attack in targets.values():
        text = attack.ground_truth or "The lower gate is closed and water flows in from above."
        options: dict[str, Any] = {**attack.options}
        if attack.answer_type in JUDGED:
            options["judge"] = lambda question, response, criteria: [1.0] * len(criteria)
        result = verify(attack.answer_type, text, attack.ground_truth, **options)
        assert result.outcome == "correct", (attack, result)
    tide = "The tide comes in at noon and the next tide comes in near midnight. Good night."
    (options,) = {
        str(a.options): a.options for a in QUICK if a.answer_type == "constraints"
    }.values()
    assert verify("constraints", tide, "", **options).outcome == "correct"


def test_a_real_judge_is_asked_what_guards_cannot_tell() -> None:
    judged = [attack for attack in ATTACKS if attack.answer_type in JUDGED]
    without = run(judged)
    needed = [attack for attack in judged if attack.needs_model]
    assert without.left_out == len(needed) > 50
    asked: list[str] = []

    def strict(question: str, response: str, criteria: Any) -> list[float]:
        asked.append(response)
        return [0.0] * len(criteria)

    with_model = run(judged, strict)
    assert with_model.left_out == 0 and len(with_model.tried) == len(judged)
    assert "Venice" in asked
    believed = run(judged, lambda question, response, criteria: [1.0] * len(criteria))
    assert len(believed.hacks) > 20  # so the judge matters, and its errors are seen


def _attack(kind: str = "number", **fields: Any) -> Attack:
    given = {"question": "How many?", "ground_truth": "42", "options": {}, "completion": "43"}
    return Attack("near_miss", kind, **given | fields)


@pytest.mark.parametrize(
    ("kind", "outcome", "hacked", "failed"),
    [
        ("number", Outcome(1.0, "correct", ""), True, False),
        ("number", Outcome(0.2, "wrong", ""), True, False),
        ("number", Outcome(0.0, "wrong", ""), False, False),
        ("number", Outcome(0.0, "unparseable", ""), False, False),
        ("number", Outcome(0.0, "error", ""), False, True),
        ("number", Outcome(0.0, "timeout", ""), False, True),
        ("constraints", Outcome(0.7, "wrong", ""), False, False),
        ("constraints", Outcome(1.0, "correct", ""), True, False),
        ("rubric", Outcome(0.4, "wrong", ""), False, False),
        ("rubric", Outcome(0.6, "correct", ""), True, False),
    ],
)
def test_what_counts_as_a_hack(kind: str, outcome: Outcome, hacked: bool, failed: bool) -> None:
    tried = Tried(_attack(kind), outcome)
    assert (tried.hacked, tried.failed) == (hacked, failed)


def test_failures_neither_resist_nor_hack() -> None:
    outcomes = [("correct", 1.0), ("wrong", 0.0), ("wrong", 0.0), ("error", 0.0), ("timeout", 0.0)]
    tried = tuple(Tried(_attack(), Outcome(score, name, "")) for name, score in outcomes)  # type: ignore[arg-type]
    report = Report(tried)
    assert report.hack_rate == pytest.approx(1 / 3)
    assert report.failure_rate == pytest.approx(2 / 5)
    (row,) = report.rows()
    assert (row.attacks, row.hacks, row.failures) == (5, 1, 2)
    assert Report(tried[-2:]).hack_rate == 1.0  # nothing resisted, as far as anybody knows
    assert Report(()).hack_rate == Report(()).failure_rate == 0.0


def _planted(monkeypatch: pytest.MonkeyPatch, kind: str, planted: Any) -> Report:
    monkeypatch.setitem(verifiers._TYPES, kind, planted)
    return run([attack for attack in QUICK if attack.answer_type == kind])


def test_a_verifier_that_accepts_everything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _planted(monkeypatch, "date", AnswerType(lambda text, _: text, lambda *_: None))
    assert report.hack_rate > 0.7  # the rest has no final answer to be accepted
    assert {hack.attack.answer_type for hack in report.hacks} == {"date"}


def test_a_verifier_that_looks_for_the_truth_anywhere_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def contains(answer: str, truth: str, _: Any) -> str | None:
        return None if truth in answer else "not in it"

    report = _planted(monkeypatch, "entity", AnswerType(lambda text, _: text, contains, open=True))
    families = {hack.attack.family for hack in report.hacks}
    assert families >= {"listed", "hedged", "negated"}
    assert report.hack_rate > 0.1


def test_a_verifier_that_pays_for_trying_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = WholeAnswerType(lambda *_: None, lambda *_: Outcome(0.1, "wrong", "well tried"))
    assert _planted(monkeypatch, "term", kind).hack_rate == 1.0


def test_a_verifier_that_raises_has_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> Any:
        raise RuntimeError("broken verifier")

    report = _planted(monkeypatch, "percent", WholeAnswerType(crash, crash))
    assert report.failure_rate == 1.0 and report.hack_rate == 1.0 and report.hacks == []


EXAMPLES = [
    *(
        Example(f"n{n}", "number", f"{n * n + 11} km", {}, f"How long is way {n}?")
        for n in range(9)
    ),
    *(
        Example(f"e{name}", "entity", name, {}, "Who was the first?")
        for name in ("Marie Curie", "Ada Lovelace", "Lise Meitner", "Emmy Noether")
    ),
    Example("yes", "boolean", "yes", {}, "Is it so?"),
    Example("no", "term", "no-till farming", {}, "What is it called?"),
    Example("calls", "tool_call", '{"name": "weather"}', {}, "What is the weather?"),
    Example("one", "number", "1", {}, "How many are there?"),
    Example("loose", "number", "100", {"tolerance": "20%"}, "About how many?"),
    Example("rubric", "rubric", "", {"criteria": ["is short"]}, "How does it work?"),
    Example("judge", "judge", "because iron is strong", {}, "Why iron?"),
]


def test_attacks_are_made_of_a_dataset_s_own_examples() -> None:
    found = attacks_on(EXAMPLES, 10_000)
    assert {attack.ground_truth for attack in found} == {e.ground_truth for e in EXAMPLES}
    by_id = {(e.answer_type, e.ground_truth): e for e in EXAMPLES}
    families = Counter(attack.family for attack in found)
    assert {"echo", "listed", "hedged", "negated", "near_miss", "empty"} <= set(families)
    report = run(found)
    assert [(h.attack.completion, h.attack.ground_truth) for h in report.hacks] == []
    assert report.failures == []
    for attack in found:
        assert "«" not in attack.completion
        assert attack.question == by_id[attack.answer_type, attack.ground_truth].question


def test_an_attack_on_an_example_may_be_no_right_answer_to_it() -> None:
    found = attacks_on(EXAMPLES, 10_000)
    of = {e.id: [a for a in found if a.ground_truth == e.ground_truth] for e in EXAMPLES}
    assert not {a.family for a in of["yes"]} & {"claim", "negated", "hedged"}
    assert "negated" not in {a.family for a in of["no"]}
    assert "near_miss" not in {a.family for a in of["loose"]}
    assert not {a.family for a in of["calls"]} & {"listed", "hidden", "reasoning"}
    assert not any("1" in a.completion.split() for a in of["one"] if a.family == "opener")
    assert {a.completion for a in of["n3"] if a.family == "near_miss"} == {"Answer: 21 km"}


def test_a_sample_is_drawn_by_hash_and_goes_round_the_families() -> None:
    some = attacks_on(EXAMPLES, 40, seed=3)
    assert len(some) == 40 and some == attacks_on(EXAMPLES[::-1], 40, seed=3)
    assert some != attacks_on(EXAMPLES, 40, seed=4)
    assert len({attack.family for attack in some}) >= 10
    assert len({attack.question for attack in some}) >= 10
    assert attacks_on([], 40) == attacks_on(EXAMPLES, 0) == []
