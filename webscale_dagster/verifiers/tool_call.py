"""The answer type ``tool_call``: calls with the right names and arguments.

    {"name": "weather", "arguments": {"city": "Oslo", "days": 3}}       or a list of such calls

A completion holds the calls in ``<tool_call>`` tags, in a JSON code block, or as bare JSON, each as
above or as OpenAI writes it (``{"function": {"name": …, "arguments": "<JSON>"}}``, ``tool_calls``).
All names and arguments must match, else the score is 0, as in Tool-N1 (arXiv 2505.00024). Neither
the order of the calls nor that of the arguments counts, 1 is 1.0 but neither true nor "1", and
texts are equal up to the spaces around them. The ground truth ``[]`` expects no call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from webscale_dagster.verifiers.outcome import Options, Outcome, ParseError
from webscale_dagster.verifiers.strict_json import loads
from webscale_dagster.verifiers.writing import response

_MOST_CALLS = 50
_TAGGED = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_FENCED = re.compile(
    r"^[ \t]*```(?:json|tool_call|tool_code)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)",
    re.DOTALL | re.MULTILINE,
)

Calls = Counter[tuple[str, Any]]  # name and arguments, in a form where equal ones are equal


def check(truth: str, options: Options) -> None:
    """Raises ``ParseError`` where the truth is no call, nor a list of calls."""
    del options
    _expected(truth)


def score(completion: str, truths: Sequence[str], options: Options) -> Outcome:
    """Correct if the calls are those of a truth; no call is right only where none is expected."""
    del options
    expected = [_expected(truth) for truth in truths]
    found = _made(response(completion))
    if found is None:
        if not all(expected):
            return Outcome(1.0, "correct", "no call, as expected")
        raise ParseError("no tool call in the completion")
    if found in expected:
        return Outcome(1.0, "correct", "the same calls")
    return Outcome(0.0, "wrong", _difference(found, expected[0]) if expected else "no truth")


def _expected(truth: str) -> Calls:
    return _counted(_calls(loads(truth)))


def _made(text: str) -> Calls | None:
    """The calls of a response; None where it makes none."""
    opened = text.count("<tool_call>")
    if opened > _MOST_CALLS:
        raise ParseError(f"{opened} calls are too many")
    tagged = _TAGGED.findall(text)
    if opened != len(tagged):
        raise ParseError("a <tool_call> that is not closed")
    blocks = tagged or _FENCED.findall(text)
    if not blocks:
        if not text.startswith(("{", "[")):
            return None
        blocks = [text]
    return _counted(call for block in blocks for value in _values(block) for call in _calls(value))


def _values(block: str) -> list[Any]:
    """The JSON of a block; of each line, where its lines are calls by themselves."""
    lines = [line for line in block.split("\n") if line.strip()]
    if len(lines) > 1 and all(line.strip().startswith('{"') for line in lines):
        return [loads(line) for line in lines]
    return [loads(block)]


def _counted(calls: Iterator[tuple[str, Any]]) -> Calls:
    found = Counter(calls)
    if found.total() > _MOST_CALLS:
        raise ParseError(f"{found.total()} calls are too many")
    return found


def _calls(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        yield from _calls(value["tool_calls"])
    elif isinstance(value, dict) and isinstance(value.get("function"), dict):
        yield from _calls(value["function"])
    elif isinstance(value, dict) and isinstance(value.get("name"), str):
        yield value["name"].strip(), _comparable(_arguments(value))
    else:
        raise ParseError("JSON that is no call with a name")


def _arguments(call: dict[str, Any]) -> dict[str, Any]:
    given = call.get("arguments", call.get("parameters"))
    if isinstance(given, str):  # OpenAI's form
        given = loads(given) if given.strip() else {}
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ParseError("arguments that are no object")
    return given


def _comparable(value: Any) -> Any:
    """A value that equals another where the two mean the same: true is not 1, but 1.0 is."""
    if isinstance(value, dict):
        return frozenset((name, _comparable(part)) for name, part in value.items())
    if isinstance(value, list):
        return ("list", *map(_comparable, value))
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or value is None:
        return ("constant", str(value))
    return Fraction(value)


def _difference(found: Calls, expected: Calls) -> str:
    missing, surplus = expected - found, found - expected
    names = sorted({name for name, _ in surplus} - {name for name, _ in missing})
    if names:
        return f"a call of {names[0][:60]!r}, which is not expected"
    names = sorted({name for name, _ in missing} - {name for name, _ in surplus})
    if names:
        return f"no call of {names[0][:60]!r}"
    names = sorted(name for name, _ in missing)
    return f"other arguments of {names[0][:60]!r}" if names else "a call too many"
