r"""Code that must pass tests, in the sandbox: MBPP's asserts, HumanEval's check, or programs.

    verify("code_tests", "```python\ndef area(side): return side**2\n```", "",
           tests=["assert area(3) == 9"])

The verdict cannot be forged: the process that runs the solution never learns an expected value. The
tests run in a process of their own, to which the solution's process sends plain data only
(``code_runner``); what a program prints is compared outside. Printing, exiting, overriding
``__eq__`` or builtins, reading files and raising exceptions therefore buy nothing. What remains
weak lies in the tests: those that any value passes, that take a helper from the solution (its name
belongs into ``setup``), or that expect an exception. Arguments are copies, so a test cannot see a
change made in place, and it can hand over no function.

Correct is what passes every test. There is no partial credit: it pays for hard-coded easy cases.
Reads nothing; writes nothing.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from webscale_dagster.verifiers import sandbox
from webscale_dagster.verifiers.answers import after_reasoning
from webscale_dagster.verifiers.code_tasks import (
    MOST_SECONDS,
    MOST_TESTS_TIMED,
    SECONDS,
    Task,
    check_reference,
    parse,
    read_task,
)
from webscale_dagster.verifiers.outcome import OptionError, Options, Outcome, ParseError
from webscale_dagster.verifiers.plain_data import decode, encode, receive

_MOST_CHARS = 200_000
_SECONDS_TO_START = 10.0
_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<code>.*?)"
    r"(?:^[ \t]*(?P=fence)|\Z)",  # the last block may be left open, where generation stopped at it
    re.MULTILINE | re.DOTALL,
)
_PYTHON = ("python", "py", "python3")
_HERE = Path(__file__).parent
_INSIDE = ("plain_data", "code_solution", "code_runner")


def check(truth: str, options: Options) -> None:
    """The options must make a task; a ground truth is a reference solution, or empty."""
    check_reference(truth)
    read_task(options, [truth])


def score(completion: str, truths: Sequence[str], options: Options) -> Outcome:
    """Run the completion's code against the tests."""
    task = read_task(options, truths)
    code = code_of(completion)
    return _program_outcome(code, task) if task.programs else _test_outcome(code, task)


def longest(options: Options) -> float:
    """The wall seconds that a verification may take, at most."""
    given = options.get("seconds")
    seconds = given if isinstance(given, (int, float)) else SECONDS
    return min(seconds, MOST_SECONDS) * MOST_TESTS_TIMED + 2 * _SECONDS_TO_START


def code_of(completion: str) -> str:
    """The last block of Python in a completion, or all of it; raises ``ParseError``."""
    text = after_reasoning(completion)
    if len(text) > _MOST_CHARS:
        raise ParseError(f"{len(text)} characters are too long for code")
    blocks = [(match["language"].lower(), match["code"]) for match in _FENCE.finditer(text)]
    for languages in (_PYTHON, ("",)):
        named = [code for language, code in blocks if language in languages and code.strip()]
        if named:
            return textwrap.dedent(named[-1])
    if blocks or not _is_code(text):
        raise ParseError("no block of Python code in the completion")
    return text


def _is_code(text: str) -> bool:
    """Whether a text is Python that does something; prose can be an expression (``Paris``)."""
    try:
        body = parse(text, "completion").body
    except OptionError:
        return False
    return any(not isinstance(n, ast.Expr) or isinstance(n.value, ast.Call) for n in body)


def _program_outcome(code: str, task: Task) -> Outcome:
    """Run the program on each input, up to the first that it fails."""
    count, spent = len(task.programs), 0.0
    limits = sandbox.Limits(task.seconds, task.memory_mb)
    for number, (given, wanted) in enumerate(task.programs, 1):
        finished = sandbox.run(code, _bytes(given), limits)
        spent += finished.seconds
        if finished.ended == "timeout" or spent > task.total_seconds:
            reason = f"test {number} of {count}: no end after {min(spent, task.seconds):g} s"
            return Outcome(0.0, "timeout", reason)
        problem = _program_problem(finished, wanted)
        if problem:
            return Outcome(0.0, "wrong", f"test {number} of {count}: {problem}")
    return _all_passed(count)


def _program_problem(finished: sandbox.Finished, wanted: str) -> str:
    printed = finished.stdout.decode("utf-8", "replace")
    if finished.ended != "exit" or finished.returncode != 0:
        said = finished.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:200]
        return f"{finished.ended} with code {finished.returncode}: {said}"
    if _lines(printed) != _lines(wanted):
        return f"it printed {printed[:100]!r}, not {wanted[:100]!r}"
    return ""


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _all_passed(count: int) -> Outcome:
    return Outcome(1.0, "correct", f"passes {count} test{'s' * (count > 1)}")


def _test_outcome(code: str, task: Task) -> Outcome:
    finished = _run_tests(code, task)
    verdicts, count = _verdicts(finished.stderr), len(task.tests)
    if verdicts is None:
        said = finished.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Outcome(0.0, "error", f"the tests ended: {said}"[:300])
    failed = [number for number, verdict in enumerate(verdicts, 1) if verdict[0] == "wrong"]
    if failed:
        reason = f"test {failed[0]}: {verdicts[failed[0] - 1][1]}"
        return Outcome(0.0, "wrong", f"{len(failed)} of {count} tests failed; {reason}")
    if len(verdicts) == count and verdicts[-1][0] == "correct":
        return _all_passed(count)
    # The tests gave up at the last verdict, or were killed after it.
    at = max(1, len(verdicts))
    if verdicts and verdicts[-1][0] == "error":
        return Outcome(0.0, "error", f"test {at}: {verdicts[-1][1]}")
    if finished.ended == "timeout" or (verdicts and verdicts[-1][0] == "timeout"):
        return Outcome(0.0, "timeout", f"test {at} of {count}: no end in time")
    return Outcome(0.0, "error", f"the tests ended by {finished.ended} after test {at}")


def _verdicts(written: bytes) -> list[Sequence[str]] | None:
    """What the tests' process wrote; None where it broke down."""
    stream, found = io.BytesIO(written), []
    try:
        while True:
            found.append(decode(receive(stream), id))
    except EOFError:
        return found
    except ValueError:
        return None


def _run_tests(code: str, task: Task) -> sandbox.Finished:
    """Start the solution's and the tests' process, joined by pipes; wait for the tests' end."""
    setup = f"{task.setup}\nglobals().pop({task.entry_point!r}, None)" * task.setup_is_plain
    told = encode(dataclasses.asdict(task), id)
    limits = sandbox.Limits(task.total_seconds + _SECONDS_TO_START, task.memory_mb)
    with contextlib.ExitStack() as running:
        with _pipe() as (questions, ask), _pipe() as (answers, reply):
            files = {"solution.py": _bytes(code), "setup.py": _bytes(setup)}
            solution = _start("code_solution", limits, files, questions, reply)
            running.callback(sandbox.stop, solution)
            tests = _start("code_runner", limits, {"task": told}, answers, ask)
        return sandbox.finish(tests)


def _start(
    module: str, limits: sandbox.Limits, files: Mapping[str, bytes], stdin: int, stdout: int
) -> sandbox.Running:
    package = __name__.rpartition(".")[0]
    folder = package.replace(".", "/")
    inside = {f"{folder}/{name}.py": _HERE.joinpath(f"{name}.py").read_bytes() for name in _INSIDE}
    begin = (
        f"import sys; sys.path.insert(0, '/sandbox'); from {package}.{module} import main; main()"
    )
    return sandbox.start(begin, limits, {**inside, **files}, stdin=stdin, stdout=stdout)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)
