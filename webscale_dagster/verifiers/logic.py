r"""The answer type ``logic``: a puzzle's solution, an assignment or an order.

Option ``constraints``: a list of rules, checked by program, so that every solution that keeps them
is right; without it only the ground truth is.

    assignments   {"is": [item, value]}   {"same": [a, b, …]}   {"different": [a, b, …]}
    orders        {"before": [a, b]}   {"next_to": [a, b]}   {"at": [a, position]}, counted from 1
                  or, below 0, from the end   {"between": [a, b, c]}: a is somewhere between b and c
    both          {"not": rule}   {"any": [rule, …]}   {"all": [rule, …]}   {"if": [rule, rule]}

Options ``items`` (all have to be placed) and ``values``: names; else those of the ground truth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from webscale_dagster.verifiers.answers import MAX_ANSWER_CHARS, after_reasoning, readings
from webscale_dagster.verifiers.arrangements import (
    assignment,
    key,
    order,
    refuse_denial,
    stated_order,
    stated_pairs,
)
from webscale_dagster.verifiers.outcome import OptionError, Options, Outcome, ParseError

_MOST_RULES = 500
_DEEPEST = 20

Places = Mapping[str, Any]  # the value of each item, or its position from 1
Test = Callable[[Places], bool]

_ASSIGNED: Mapping[str, Callable[..., bool]] = {
    "is": lambda placed, item, value: placed[item] == value,
    "same": lambda placed, *items: len({placed[item] for item in items}) == 1,
    "different": lambda placed, *items: len({placed[item] for item in items}) == len(items),
}
_ORDERED: Mapping[str, Callable[..., bool]] = {
    "before": lambda placed, a, b: placed[a] < placed[b],
    "next_to": lambda placed, a, b: abs(placed[a] - placed[b]) == 1,
    "at": lambda placed, a, place: placed[a] == (place if place > 0 else len(placed) + 1 + place),
    "between": lambda placed, a, b, c: (placed[a] - placed[b]) * (placed[a] - placed[c]) < 0,
}
_LENGTHS = {"is": (2, 2), "before": (2, 2), "next_to": (2, 2), "at": (2, 2), "between": (3, 3)}
_BLOCK = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)


@dataclass(frozen=True)
class _Puzzle:
    """A truth's names and what a solution must keep; ``sign`` stood between names of an order."""

    items: tuple[str, ...]
    values: tuple[str, ...] | None  # None: an order
    sign: str = ""


def check(truth: str, options: Options) -> None:
    """Raises unless the truth is an arrangement that keeps the constraints."""
    _solution(truth, options)


def score(completion: str, truths: Sequence[str], options: Options) -> Outcome:
    """Correct if the arrangement keeps the constraints; without any, if it is a truth."""
    wrong, unparseable = "", None
    for truth in truths:
        puzzle, solution = _solution(truth, options)
        try:
            found = _answer(completion, puzzle)
        except ParseError as error:
            unparseable = unparseable or error
            continue
        broken = _broken(found, puzzle, options)
        if not _constraints(options) and found != solution:
            broken = "another arrangement than the truth"
        if broken is None:
            return Outcome(1.0, "correct", "every item has a right place")
        wrong = wrong or broken
    if wrong:
        return Outcome(0.0, "wrong", wrong)
    raise unparseable or ParseError("nothing to compare with")


def _solution(truth: str, options: Options) -> tuple[_Puzzle, Places]:
    if len(truth) > MAX_ANSWER_CHARS:
        raise ParseError(f"{len(truth)} characters are too long for an arrangement")
    about_order = next(_kinds(_constraints(options)), None) in _ORDERED
    pairs = None if about_order else stated_pairs(truth)
    if pairs is None:
        stated = stated_order(truth)
        puzzle = _Puzzle(_names(options, "items") or stated.names, None, stated.sign)
    else:
        values = _names(options, "values") or tuple(pairs.values())
        puzzle = _Puzzle(_names(options, "items") or tuple(pairs), values)
    solution = _placed(truth, puzzle)
    broken = _broken(solution, puzzle, options)
    if broken:
        raise ParseError(f"the ground truth breaks a rule: {broken}")
    return puzzle, solution


def _answer(completion: str, puzzle: _Puzzle) -> Places:
    """The first arrangement of all items in the final answer, or in the last paragraph."""
    problem = None
    for text, said in _spans(completion):
        try:
            refuse_denial(said, (*puzzle.items, *(puzzle.values or ())))
            return _placed(text, puzzle)
        except ParseError as error:
            problem = problem or error
    raise problem or ParseError("no answer in the completion")


def _spans(completion: str) -> Iterator[tuple[str, str]]:
    """Texts that may be the arrangement, with all that is said around them and may deny them."""
    with suppress(ParseError):
        found = readings(completion)
        yield from ((text, found[0]) for text in found)
    text = after_reasoning(completion)[-MAX_ANSWER_CHARS:].replace("\r\n", "\n").strip()
    for block in [*_BLOCK.finditer(text)][-1:]:
        yield block[1], text[max(0, text.rfind("\n\n", 0, block.start())) :]
    paragraph = re.split(r"\n\s*\n", text)[-1]
    yield paragraph, paragraph


def _placed(text: str, puzzle: _Puzzle) -> Places:
    if puzzle.values is not None:
        return assignment(text, puzzle.items, puzzle.values)
    found = order(text, puzzle.items)
    turned = {found.sign, puzzle.sign} == {"<", ">"}  # C < B < A is A > B > C
    names = reversed(found.names) if turned else found.names
    return {name: place for place, name in enumerate(names, start=1)}


def _broken(placed: Places, puzzle: _Puzzle, options: Options) -> str | None:
    """The first rule that an arrangement breaks."""
    for rule in _constraints(options):
        if not _test(rule, puzzle)(placed):
            return f"not so: {json.dumps(rule, ensure_ascii=False)[:200]}"
    return None


def _constraints(options: Options) -> list[Any]:
    given = options.get("constraints", [])
    if not isinstance(given, (list, tuple)) or len(given) > _MOST_RULES:
        raise OptionError(f"constraints must be a list of at most {_MOST_RULES} rules")
    return list(given)


def _names(options: Options, option: str) -> tuple[str, ...]:
    given = options.get(option, ())
    if not isinstance(given, (list, tuple)) or not all(
        isinstance(name, str) and key(name) for name in given
    ):
        raise OptionError(f"{option} must be a list of names")
    names = tuple(map(key, given))
    if len(set(names)) < len(names):
        raise OptionError(f"{option} has a name twice")
    return names


def _kinds(rules: Sequence[Any]) -> Iterator[str]:
    """The kinds of rules that compare places."""
    for rule in rules:
        for kind, arguments in rule.items() if isinstance(rule, dict) else ():
            if kind in _ASSIGNED or kind in _ORDERED:
                yield kind
            elif isinstance(arguments, (list, dict)):
                yield from _kinds(arguments if isinstance(arguments, list) else [arguments])


def _test(rule: Any, puzzle: _Puzzle, depth: int = 0) -> Test:
    """A rule as a function of an arrangement; ``OptionError`` where it is none."""
    if not isinstance(rule, dict) or len(rule) != 1 or depth > _DEEPEST:
        raise OptionError(f"constraints: {str(rule)[:80]!r} is no rule of one kind")
    kind, given = next(iter(rule.items()))
    arguments = [given] if kind == "not" else given
    if not isinstance(arguments, list) or not arguments:
        raise OptionError(f"constraints: {kind!r} needs a list")
    if kind in ("not", "any", "all", "if"):
        return _joined(kind, [_test(part, puzzle, depth + 1) for part in arguments])
    tests = _ORDERED if puzzle.values is None else _ASSIGNED
    if kind not in tests:
        known = ", ".join([*tests, "not", "any", "all", "if"])
        raise OptionError(f"constraints: unknown rule {kind!r} here; known: {known}")
    least, most = _LENGTHS.get(kind, (2, len(puzzle.items)))
    if not least <= len(arguments) <= most:
        raise OptionError(f"constraints: {kind!r} does not take {len(arguments)} names")
    names = [_known(name, kind, place, puzzle) for place, name in enumerate(arguments)]
    return lambda placed: tests[kind](placed, *names)


def _joined(kind: str, tests: Sequence[Test]) -> Test:
    if kind == "not":
        return lambda placed: not tests[0](placed)
    if kind == "if":
        if len(tests) != 2:
            raise OptionError("constraints: 'if' needs a condition and a consequence")
        return lambda placed: not tests[0](placed) or tests[1](placed)
    join = any if kind == "any" else all
    return lambda placed: join(test(placed) for test in tests)


def _known(name: Any, kind: str, place: int, puzzle: _Puzzle) -> Any:
    """A name of a rule as names are compared, or a position."""
    if kind == "at" and place == 1:
        if type(name) is not int or not 0 < abs(name) <= len(puzzle.items):
            raise OptionError(f"constraints: there is no position {name!r}")
        return name
    names = puzzle.values if kind == "is" and place == 1 else puzzle.items
    if not isinstance(name, str) or key(name) not in (names or ()):
        raise OptionError(f"constraints: unknown name {name!r}")
    return key(name)
