from __future__ import annotations

import dataclasses
import io
import math
from typing import Any

import pytest

from webscale_dagster.verifiers import code_runner, code_tests, parses
from webscale_dagster.verifiers.code_tasks import read_task
from webscale_dagster.verifiers.outcome import OptionError, ParseError
from webscale_dagster.verifiers.plain_data import encode, send


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        ("```python\nx = 1\n```", "x = 1\n"),
        ("Here:\n```py\nx = 1\n```\nIt prints\n```\n1\n```", "x = 1\n"),
        ("```python\nx = 1\n```\nor better\n```python\nx = 2\n```", "x = 2\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("~~~python\nx = '```'\n~~~", "x = '```'\n"),
        ("1. So:\n  ```python\n  x = 1\n  ```", "x = 1\n"),
        ("```python\nx = 1", "x = 1"),
        ("<think>```python\nx = 1\n```</think>\n```python\nx = 2\n```", "x = 2\n"),
        ("x = 1", "x = 1"),
        ("print(6 * 7)", "print(6 * 7)"),
        ("if a:\n    b = '  two  spaces'", "if a:\n    b = '  two  spaces'"),
    ],
)
def test_the_code_of_a_completion(completion: str, code: str) -> None:
    assert code_tests.code_of(completion) == code


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", "no block"),
        ("Paris", "no block"),
        ("'text'", "no block"),
        ("The answer is 42.", "no block"),
        ("```json\n{}\n```", "no block"),
        ("```python\n```", "no block"),
        ("(" * 5000, "no block"),
        ("x = 1\x00", "no block"),
        ("<think>```python\nx = 1\n```", "never closed"),
        ("x = 1\n" * 50_000, "too long"),
    ],
)
def test_a_completion_without_code_is_unparseable(completion: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        code_tests.code_of(completion)


def test_asserts_of_a_text_are_tests_of_their_own() -> None:
    task = read_task({"tests": "x = f(1)\nassert x == 2\nassert g(x), 'why'\ny = 1"})
    assert task.tests == (
        "x = f(1)\n__equal__(x, 2, 'x == 2')",
        "assert g(x), 'g(x)'\ny = 1",
    )
    assert task.names == ("f", "g")


def test_a_text_of_a_list_is_one_test() -> None:
    task = read_task({"tests": ["x = f(1)\nassert x > 2\nassert x < 9", "assert f(2) == 9"]})
    assert len(task.tests) == 2
    assert task.names == ("f",)


def test_a_check_is_called_with_the_entry_point() -> None:
    tests = "import math\nM = {}\ndef check(candidate):\n    assert math.isclose(candidate(1), 2)\n"
    task = read_task({"tests": tests, "entry_point": "f"})
    assert task.names == ("f",)
    assert len(task.tests) == 1
    assert task.tests[0].endswith("check(f)")


def test_a_builtins_name_is_the_solutions_where_the_reference_defines_it() -> None:
    tests = ["assert sum(2, 3) == abs(-5)"]
    assert read_task({"tests": tests}, ["def sum(a, b): return a + b"]).names == ("sum",)
    assert read_task({"tests": tests, "entry_point": "sum"}).names == ("sum",)


def test_helpers_of_the_setup_are_not_the_solutions() -> None:
    setup = "import math\nfrom os import path as p\ndef near(a, b): return abs(a - b) < 1"
    task = read_task({"tests": ["assert near(f(1), math.pi)", "assert p"], "setup": setup})
    assert task.names == ("f",) and task.setup_is_plain
    task = read_task({"tests": ["assert depth(root) == 1"], "setup": "root = Node(1)"})
    assert task.names == ("Node", "depth") and not task.setup_is_plain


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "tests must be"),
        ({"tests": []}, "tests must be"),
        ({"tests": 5}, "tests must be"),
        ({"tests": ["assert f(1)", 5]}, "all texts"),
        ({"tests": "assert f(1) =="}, "tests: line 1: invalid syntax"),
        ({"tests": "f(1)"}, "no assert"),
        ({"tests": ["assert f(1)", "f(2)"]}, "a test has no assert"),
        ({"tests": "assert 1 == 1"}, "nothing of the solution's"),
        ({"tests": "def check(candidate):\n    assert candidate(1)"}, "entry_point must name"),
        (
            {"tests": "def check(candidate):\n    assert poly(candidate(1))", "entry_point": "f"},
            "use poly, which neither",
        ),
        ({"tests": "assert f(1)", "entry_point": "f()"}, "must be a name"),
        ({"tests": "assert f(1)", "setup": "import"}, "setup: line 1"),
        ({"tests": "assert f(1)", "setup": 5}, "setup must be a text"),
        ({"tests": "assert f(1)", "seconds": "5"}, "seconds must be a number"),
        ({"tests": "assert f(1)", "seconds": 1e9}, "seconds must be from 0.1 to 60"),
        ({"tests": "assert f(1)", "seconds": math.nan}, "seconds must be from"),
        ({"tests": "assert f(1)", "memory_mb": 1}, "memory_mb must be from 64"),
        ({"tests": [{"input": "1"}]}, "program's test"),
        ({"tests": [{"input": 1, "output": "1"}]}, "program's test"),
        ({"tests": [{"output": "1", "else": ""}]}, "program's test"),
        ({"tests": [{"output": "1"}], "setup": "x = 1"}, "not for programs"),
        ({"tests": ["assert f(1)"] * 1001}, "more than"),
    ],
)
def test_unusable_options_are_named(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        read_task(options)
    assert reason in (parses("code_tests", "", **options) or "")


def test_a_reference_must_be_python() -> None:
    assert parses("code_tests", "def f(x): return x", tests="assert f(1) == 1") is None
    assert "line 1" in (parses("code_tests", "def f(x", tests="assert f(1) == 1") or "")


class _Scripted(code_runner.Solution):
    """A solution whose process says one given thing to everything."""

    def __init__(self, said: bytes) -> None:
        super().__init__(io.BytesIO(), io.BytesIO(said * 3))


def _none(value: Any) -> int:
    raise AssertionError(f"{value!r} is not plain")


def _said(*reply: Any) -> bytes:
    stream = io.BytesIO()
    send(stream, encode(reply, _none))
    return stream.getvalue()


REMOTE = b"14\nt2;s5;valuer0;"  # what a process says of its function: ("value", <0>)


def _verdicts(said: bytes, *tests: str, setup: str = "") -> list[tuple[str, str]]:
    options = {"tests": list(tests), "setup": setup}
    task = dataclasses.asdict(read_task(options))
    return list(code_runner.run(task, _Scripted(said)))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "ended its process"),
        (b"\n", "no reply"),
        (b"no size\n", "no reply"),
        (b"3\nabc", "no reply"),
        (b"999999999\n", "no reply"),
        (b"9", "ended its process"),
        (_said("value"), "no reply"),
        (_said(1, 2, 3), "no reply"),
        (_said("raised", ("SystemExit", "0")), "the solution ended: SystemExit"),
        (_said("raised", ("KeyboardInterrupt", "")), "the solution ended"),
        (_said("raised", ("no such", "")), "the solution ended"),
        (_said("raised", ("ValueError", "bad")), "does not load: ValueError: bad"),
        (_said("raised", ("UnicodeDecodeError", "bad")), "does not load: _SolutionError"),
        (_said("missing", "f"), "name 'f' is not defined"),
        (_said("value", 3), "'int' object is not callable"),
        (_said("other", 3), "'int' object is not callable"),
    ],
)
def test_whatever_a_solutions_process_says_it_does_not_pass(said: bytes, reason: str) -> None:
    ((verdict, found),) = _verdicts(said, "assert f(1) == 9")
    assert verdict == "wrong"
    assert reason in found
    # Nor where any exception of the solution's would do.
    for test in ("try:\n    f(1)\nexcept Exception:\n    assert False", "assert all(map(f, [1]))"):
        assert _verdicts(said, test)[0][0] == "wrong"


def test_a_stop_of_iteration_does_not_end_a_tests_loop() -> None:
    class Stops(_Scripted):
        def ask(self, **request: Any) -> Any:
            if request["do"] == "get":
                return self._refer(0)
            raise code_runner._exception("StopIteration", "")

    task = dataclasses.asdict(read_task({"tests": "assert all(map(f, [1, 2]))"}))
    ((verdict, said),) = code_runner.run(task, Stops(b""))
    assert (verdict, said[:14]) == ("wrong", "_SolutionError")


@pytest.mark.parametrize(
    "test",
    [
        *("assert f == 9", "assert 9 == f", "assert f", "assert not f", "assert f in [9]"),
        *("assert {f: 1}", "assert f < 9", "assert [f] == [9]", "assert len(f) == 9"),
    ],
)
def test_what_is_no_plain_data_equals_nothing(test: str) -> None:
    assert _verdicts(REMOTE, test)[0][0] == "wrong"


def test_a_failing_setup_is_the_tasks_fault_unless_it_needs_the_solution() -> None:
    assert _verdicts(REMOTE, "assert f(x)", setup="x = 1 / 0")[0] == (
        "error",
        "setup: ZeroDivisionError: division by zero",
    )
    assert _verdicts(REMOTE, "assert f(x)", setup="x = Node == 1")[0][0] == "wrong"


def test_a_hanging_test_is_timed_out_and_the_last() -> None:
    task = dataclasses.asdict(read_task({"tests": ["while True: assert g", "assert f"]}))
    task["seconds"] = 0.1
    (verdict,) = code_runner.run(task, _Scripted(_said("value", 1)))
    assert verdict == ("timeout", "no end after 0.1 s")
