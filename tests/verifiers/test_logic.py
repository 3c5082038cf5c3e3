from __future__ import annotations

import itertools
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest

from webscale_dagster.verifiers import parses, verify

HOUSES = "Alice: red; Bob: blue; Cy: green"
QUEUE = "Ann, Ben, Cy"


@pytest.mark.parametrize(
    ("completion", "outcome"),
    [
        (HOUSES, "correct"),
        ("Bob: blue; cy: GREEN; Alice: red", "correct"),
        ("Alice = red, Bob = blue, Cy = green", "correct"),
        ("Alice → red\nBob → blue\nCy → green", "correct"),
        ("- Alice: red\n- Bob: blue\n- Cy: green", "correct"),
        ("**Alice**: red\n**Bob**: blue\n**Cy**: green", "correct"),
        ("Thus:\n\nAlice: red\nBob: blue\nCy: green", "correct"),
        ("Alice has the red house, Bob the blue one and Cy the green one.", "correct"),
        ("Alice lives in the red house. Bob lives in the blue one. Cy has green.", "correct"),
        ("The red house is Alice's, the blue one is Bob's, green is Cy's", "correct"),
        ("The red house belongs to Alice; the blue one to Bob; the green one to Cy", "correct"),
        ('{"Alice": "red", "Bob": "blue", "Cy": "green"}', "correct"),
        ('{"red": "Alice", "blue": "Bob", "green": "Cy"}', "correct"),
        ('So:\n```json\n{"Alice": "red", "Bob": "blue", "Cy": "green"}\n```', "correct"),
        ("| Who | House |\n|---|---|\n| Alice | red |\n| Bob | blue |\n| Cy | green |", "correct"),
        (r"\boxed{Alice: red; Bob: blue; Cy: green}", "correct"),
        ("<think>Alice: blue; Bob: red</think>The answer is " + HOUSES, "correct"),
        ("Alice: blue; Bob: red; Cy: green", "wrong"),
        ("Alice: red; Bob: red; Cy: green", "wrong"),
        ("Alice: red; Bob: blue", "unparseable"),
        ("Alice: red; Bob: blue; Zoe: green", "unparseable"),
        ("Alice: red; Bob: blue; Cy: green; Zoe: pink", "unparseable"),
        ("Alice: red; Bob: blue; Cy: pink", "unparseable"),
        ("Alice: red; Alice: blue; Bob: blue; Cy: green", "unparseable"),
        ('{"Alice": "red", "Alice": "blue", "Bob": "blue", "Cy": "green"}', "unparseable"),
        ("Alice: red or blue; Bob: blue; Cy: green", "unparseable"),
        ("Alice is not red; Bob: blue; Cy: green", "unparseable"),
        (f"The answer is anything but {HOUSES}", "unparseable"),
        (f"{HOUSES} is wrong", "unparseable"),
        (f"It is not:\n```\n{HOUSES}\n```", "unparseable"),
        ("Alice, Bob, Cy", "unparseable"),
        ("red", "unparseable"),
        ("", "unparseable"),
        ("<think>" + HOUSES, "unparseable"),
    ],
)
def test_assignments(completion: str, outcome: str) -> None:
    found = verify("logic", completion, HOUSES)
    assert found.outcome == outcome, found.reason


@pytest.mark.parametrize(
    ("completion", "outcome"),
    [
        (QUEUE, "correct"),
        ("Ann > Ben > Cy", "correct"),
        ("Ann → Ben → Cy", "correct"),
        ("Ann then Ben then Cy", "correct"),
        ("1. Ann 2. Ben 3. Cy", "correct"),
        ("1. Ann\n2. Ben\n3. Cy", "correct"),
        ("3. Cy\n1. Ann\n2. Ben", "correct"),
        ("From left to right: Ann, Ben and Cy", "correct"),
        ("from right to left: Cy, Ben, Ann", "correct"),
        ("The order is: Ann, Ben, Cy.", "correct"),
        ('["Ann", "Ben", "Cy"]', "correct"),
        ("[Ann, Ben, Cy]", "correct"),
        ('{"1": "Ann", "2": "Ben", "3": "Cy"}', "correct"),
        ("Ann is first, Cy is third, and Ben is second", "correct"),
        ("Cy, Ben, Ann", "wrong"),
        ("Ben, Ann, Cy", "wrong"),
        ("not Ann, Ben, Cy", "unparseable"),
        ("The answer is not **Ann, Ben, Cy**.", "unparseable"),
        ("Ann, Ben or Cy", "unparseable"),
        ("Ann, Ben", "unparseable"),
        ("Ann, Ben, Ben, Cy", "unparseable"),
        ("Ann, Ben, Cy, Zoe", "unparseable"),
        ("Ann > Ben < Cy", "unparseable"),
        ("Ann is first, Ben is first, Cy is third", "unparseable"),
        ("nobody knows", "unparseable"),
    ],
)
def test_orders(completion: str, outcome: str) -> None:
    found = verify("logic", completion, QUEUE)
    assert found.outcome == outcome, found.reason


def test_the_sign_between_names_has_a_direction() -> None:
    assert verify("logic", "Cy < Ben < Ann", "Ann > Ben > Cy").outcome == "correct"
    assert verify("logic", "Ann < Ben < Cy", "Ann > Ben > Cy").outcome == "wrong"


def test_every_solution_that_keeps_the_rules_is_correct() -> None:
    rules = [{"before": ["Ann", "Cy"]}, {"not": {"at": ["Ben", -1]}}]
    assert verify("logic", "Ben, Ann, Cy", QUEUE, constraints=rules).outcome == "correct"
    wrong = verify("logic", "Ann, Cy, Ben", QUEUE, constraints=rules)
    assert wrong.outcome == "wrong"
    assert '{"not": {"at": ["Ben", -1]}}' in wrong.reason


def test_nested_objects_and_wide_tables_name_their_columns() -> None:
    truth = (
        '{"House 1": {"colour": "red", "drink": "tea"},'
        ' "House 2": {"colour": "blue", "drink": "milk"}}'
    )
    rows = ("House | Colour | Drink", "---|---|---", "House 1 | red | tea", "House 2 | blue | milk")
    table = "\n".join(f"| {row} |" for row in rows)
    assert verify("logic", truth, truth).outcome == "correct"
    assert verify("logic", table, truth).outcome == "correct"
    assert verify("logic", table.replace("milk", "tea"), truth).outcome == "wrong"


@pytest.mark.parametrize(
    ("truth", "options", "reason"),
    [
        (QUEUE, {"constraints": [{"before": ["Cy", "Ann"]}]}, "breaks a rule"),
        (QUEUE, {"constraints": [{"behind": ["Cy", "Ann"]}]}, "unknown rule 'behind'"),
        (QUEUE, {"constraints": [{"is": ["Cy", "Ann"]}]}, "unknown rule 'is'"),
        (QUEUE, {"constraints": [{"before": ["Cy", "Zoe"]}]}, "unknown name 'Zoe'"),
        (QUEUE, {"constraints": [{"before": ["Cy"]}]}, "does not take 1"),
        (QUEUE, {"constraints": [{"at": ["Cy", 4]}]}, "no position 4"),
        (QUEUE, {"constraints": [{"at": ["Cy", True]}]}, "no position True"),
        (QUEUE, {"constraints": [{"if": [{"at": ["Cy", 3]}]}]}, "'if' needs"),
        (QUEUE, {"constraints": [{"before": ["Ann", "Ben"], "at": ["Cy", 3]}]}, "no rule of one"),
        (QUEUE, {"constraints": {"before": ["Ann", "Ben"]}}, "must be a list"),
        (QUEUE, {"items": ["Ann", "Ben", "Cy", "Zoe"]}, "nothing about 'zoe'"),
        (QUEUE, {"items": "Ann"}, "items must be a list"),
        (QUEUE, {"items": ["Ann", "ann"]}, "a name twice"),
        (HOUSES, {"values": ["red", "blue"]}, "unknown value 'green'"),
        (HOUSES, {"constraints": [{"same": ["Alice", "Bob"]}]}, "breaks a rule"),
        ("", {}, "no order"),
        ("Alice: red; Alice: blue", {}, "assigned twice"),
    ],
)
def test_a_truth_that_cannot_be_right_is_an_error(
    truth: str, options: dict[str, Any], reason: str
) -> None:
    found = parses("logic", truth, **options)
    assert found is not None
    assert reason in found
    assert verify("logic", HOUSES, truth, **options).outcome == "error"


def test_more_values_than_the_truth_uses() -> None:
    options = {"values": ["red", "blue", "green", "pink"], "constraints": [{"is": ["Bob", "blue"]}]}
    answer = "Alice: pink; Bob: blue; Cy: pink"
    assert verify("logic", answer, HOUSES, **options).outcome == "correct"


def _holds(rule: Mapping[str, Any], placed: Mapping[str, Any]) -> bool:
    """The oracle: a rule as the documentation says it, for one arrangement."""
    ((kind, given),) = rule.items()
    if kind == "not":
        return not _holds(given, placed)
    if kind == "any":
        return any(_holds(part, placed) for part in given)
    if kind == "all":
        return all(_holds(part, placed) for part in given)
    if kind == "if":
        return _holds(given[1], placed) if _holds(given[0], placed) else True
    if kind == "is":
        return bool(placed[given[0]] == given[1])
    if kind in ("same", "different"):
        pairs = itertools.combinations([placed[name] for name in given], 2)
        return all((one == other) == (kind == "same") for one, other in pairs)
    row = sorted(placed, key=lambda name: placed[name])
    where = [row.index(name) for name in given if isinstance(name, str)]
    if kind == "before":
        return where[0] < where[1]
    if kind == "next_to":
        return where[0] - where[1] in (1, -1)
    if kind == "between":
        return where[1] < where[0] < where[2] or where[2] < where[0] < where[1]
    return row[given[1] - 1 if given[1] > 0 else given[1]] == given[0]


def _rule(rng: random.Random, names: list[str], values: list[str] | None, depth: int) -> Any:
    kind = rng.choice(["not", "any", "all", "if", *["leaf"] * 6]) if depth else "leaf"
    if kind == "not":
        return {"not": _rule(rng, names, values, depth - 1)}
    if kind != "leaf":
        return {kind: [_rule(rng, names, values, depth - 1) for _ in range(2)]}
    if values:
        made = {"is": [rng.choice(names), rng.choice(values)]}
        pair = rng.sample(names, 2)
        return rng.choice([made, {"same": pair}, {"different": rng.sample(names, 3)}])
    kind = rng.choice(["before", "next_to", "between", "at"])
    if kind == "at":
        place = rng.randint(1, len(names))
        return {"at": [rng.choice(names), rng.choice([place, -place])]}
    return {kind: rng.sample(names, 3 if kind == "between" else 2)}


def _puzzles(
    rng: random.Random, values: list[str] | None
) -> tuple[list[dict[str, Any]], list[Any]]:
    names = ["Ann", "Ben", "Cy", "Dee"]
    rules = [_rule(rng, names, values, 2) for _ in range(rng.randint(1, 3))]
    if values:
        found = [dict(zip(names, row, strict=True)) for row in itertools.product(values, repeat=4)]
    else:
        orders = itertools.permutations(range(1, 5))
        found = [dict(zip(names, order, strict=True)) for order in orders]
    return found, rules


@pytest.mark.parametrize("values", [None, ["red", "blue", "tan"]], ids=["orders", "assignments"])
def test_it_agrees_with_enumerating_every_arrangement(values: list[str] | None) -> None:
    rng = random.Random(7)
    start, seen = time.process_time(), {"correct": 0, "wrong": 0}
    while sum(seen.values()) < 1_500:
        arrangements, rules = _puzzles(rng, values)
        good = [placed for placed in arrangements if all(_holds(rule, placed) for rule in rules)]
        if not good:
            continue
        truth, options = _written(good[0], values), {"constraints": rules}
        if values:
            options["values"] = values
        for placed in arrangements[:: 1 if values is None else 3]:
            expected = "correct" if placed in good else "wrong"
            found = verify("logic", _written(placed, values), truth, **options)
            assert found.outcome == expected, (rules, placed, found.reason)
            seen[expected] += 1
    assert min(seen.values()) > 200, seen
    assert time.process_time() - start < 20


def _written(placed: Mapping[str, Any], values: list[str] | None) -> str:
    if values:
        return "; ".join(f"{name}: {value}" for name, value in placed.items())
    return ", ".join(sorted(placed, key=lambda name: placed[name]))
