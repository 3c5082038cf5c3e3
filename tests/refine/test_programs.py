"""The interpreter of ProX programs: what it runs, what it refuses, and that it invents nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webscale_dagster.refine.programs import (
    LineProgram,
    Operation,
    Refused,
    check_removed,
    execute,
    joined,
)

LINES = dict(
    enumerate(
        [
            "Home | News | Sport",
            "The Danube is 2,850 km long.",
            "",
            "It rises in the  Black Forest [edit] of Ger many.",
            "Share    this",
            "cafÃ© 3.5 and 10²",
        ],
        1,
    )
)


def _remove(start: Any, end: Any) -> dict[str, Any]:
    return {"op": "remove_lines", "start": start, "end": end}


def _normalize(source: Any, target: Any) -> dict[str, Any]:
    return {"op": "normalize", "source_str": source, "target_str": target}


KEEP = {"op": "keep_all"}


def _run(*operations: dict[str, Any]) -> dict[int, str]:
    program = LineProgram.model_validate({"operations": list(operations)})
    return dict(execute(LINES, program.operations).lines)


@pytest.mark.parametrize(
    ("program", "changes"),
    [
        ([KEEP], {}),
        ([], {}),
        ([_remove(1, 1)], {1: None}),
        ([_remove(1, 1), _remove(5, 6)], {1: None, 5: None, 6: None}),
        ([_remove(1, 3), _remove(2, 2)], {1: None, 2: None, 3: None}),
        ([_normalize(" [edit]", "")], {4: "It rises in the  Black Forest of Ger many."}),
        (
            [_normalize("Ger many", "Germany")],
            {4: "It rises in the  Black Forest [edit] of Germany."},
        ),
        ([_normalize("  ", " ")], {4: LINES[4].replace("  ", " "), 5: "Share  this"}),
        ([_normalize("Ã©", "é")], {6: "café 3.5 and 10²"}),
        ([_normalize("2,850 km", "")], {2: "The Danube is  long."}),
        ([_normalize(" | ", r" \1 ")], {1: r"Home \1 News \1 Sport"}),
        # Numbers mean the lines as they were shown, whatever goes first.
        ([_remove(1, 1), _normalize("Share    this", "Share this")], {1: None, 5: "Share this"}),
    ],
)
def test_programs_that_run(program: list[dict[str, Any]], changes: dict[int, str | None]) -> None:
    if any(r"\1" in str(op) for op in program):
        with pytest.raises(Refused, match="letters"):
            _run(*program)  # a backslash and a digit: no group, and no letter of the source
        return
    wanted = LINES | changes
    assert _run(*program) == {n: line for n, line in wanted.items() if line is not None}


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ([_remove(0, 1)], "line 0 was not shown, only 1 to 6"),
        ([_remove(5, 7)], "line 7 was not shown"),
        ([_remove(-3, -1)], "line -3 was not shown"),
        ([_remove(1, 10**18)], "was not shown"),  # no range of that size is made
        ([_remove(4, 2)], "ends at 2, before its start 4"),
        ([_remove(None, 2)], "start or end is missing"),
        ([KEEP, _remove(1, 1)], "keep_all: it stands with other operations"),
        ([_remove(1, 1), _remove(9, 9)], "operation 2"),  # and the first is not run
        ([_normalize("Rhine", "")], "'Rhine' is in no line"),
        ([_normalize("or", "")], "only inside words"),
        ([_normalize("", "x")], "empty"),
        ([_normalize(" ", "")], "a space"),
        ([_normalize(".", "")], "a common sign"),
        ([_normalize("News", None)], "missing"),
        ([_normalize("News", "Views")], "letters that 'News' has not"),
        ([_normalize("Danube", "Danube, the longest river,")], "letters"),
        ([_normalize("2,850", "2,580")], "letters"),
        ([_normalize("rises in", "in rises")], "letters"),
        ([_normalize("2,850", "285")], "numbers of line 2"),
        ([_normalize("850 km", "km")], "numbers of line 2"),
        ([_normalize("850", "")], "numbers of line 2"),
        ([_normalize(".5 and ", "")], "numbers of line 6"),
        ([_normalize("10²", "102")], "numbers of line 6"),
        ([_normalize("News", "Ne\nws")], "several lines"),
        ([_normalize("News\u2028", "News")], "several lines"),
        ([_normalize(".*", "")], "is in no line"),  # no pattern
        ([_normalize("Ã©", "e")], "letters"),
    ],
)
def test_hostile_programs_are_refused(program: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(Refused, match=re.escape(problem)):
        _run(*program)


@pytest.mark.parametrize(
    "reply",
    [
        {"operations": [{"op": "exec", "source_str": "import os"}]},
        {"operations": [{"op": "remove_lines(1, 2)"}]},
        {"operations": "keep_all()"},
        {"operations": [{"op": "keep_all", "all": True}]},
        {"operations": [_remove("one", 2)]},
        {},
    ],
)
def test_what_is_no_program_does_not_fit_the_schema(reply: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        LineProgram.model_validate(reply)


def test_a_document_may_not_be_emptied() -> None:
    before = "a" * 100
    check_removed(before, "a" * 5)
    with pytest.raises(Refused, match=r"96.0% of the document would go, at most 95% may"):
        check_removed(before, "a" * 4)
    check_removed("--", "")  # nothing that could go


def test_gaps_are_closed() -> None:
    assert joined(["", "", "a", "", "", "", "", "b", ""]) == "a\n\n\nb"


def _is_rest_of(shorter: str, longer: str) -> bool:
    rest = iter(longer)
    return all(character in rest for character in shorter)


_TEXT = st.text("ab1 2.,|-", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(_TEXT, min_size=1, max_size=6), st.data())
def test_no_program_invents_text(lines: list[str], data: st.DataObject) -> None:
    """Every output line is an input line, or what is left of its letters and whole numbers."""
    sources = st.sampled_from(lines).flatmap(
        lambda line: st.tuples(st.integers(0, len(line)), st.integers(0, len(line))).map(
            lambda ends: line[min(ends) : max(ends)]
        )
    )
    places = st.integers(-1, len(lines) + 2)
    operation = st.one_of(
        st.builds(lambda a, b: Operation(op="remove_lines", start=a, end=b), places, places),
        st.builds(
            lambda s, t: Operation(op="normalize", source_str=s, target_str=t), sources, _TEXT
        ),
        st.builds(  # letters of the source left out: most of these are run
            lambda s, n: Operation(op="normalize", source_str=s, target_str=s[:n]),
            sources,
            st.integers(0, 4),
        ),
    )
    program = data.draw(st.lists(operation, max_size=3))
    numbered = dict(enumerate(lines, 1))
    try:
        edited = execute(numbered, program)
    except Refused:
        return
    assert edited.lines.keys() <= numbered.keys()
    assert edited.removed == len(numbered) - len(edited.lines)
    numbers = re.compile(r"\d+(?:[.,]\d+)*")
    for number, line in edited.lines.items():
        before = numbered[number]
        letters = ["".join(filter(str.isalnum, text)) for text in (line, before)]
        assert line == before or _is_rest_of(*letters)
        left = iter(numbers.findall(before))
        assert all(found in left for found in numbers.findall(line))
        assert "\n" not in line
