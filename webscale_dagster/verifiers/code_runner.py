"""Inside a sandbox of its own: runs tests against a solution that lives in another process.

Reads /sandbox/task. The names under test are stand-ins here: calling one sends the arguments to the
solution's process (``code_solution``) and receives plain data. So the solution sees neither the
tests nor an expected value, and no code of it runs here. Writes a value per test to standard error:
``("wrong", "area(3) == 9: 8 is not 9")``.
"""

from __future__ import annotations

import builtins
import os
import reprlib
import signal

from webscale_dagster.verifiers.code_solution import own_streams
from webscale_dagster.verifiers.plain_data import MOST_BYTES, decode, encode, receive, send

TYPE_CHECKING = False  # see plain_data
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any


class _Over(BaseException):
    """Ends all tests; no ``except Exception`` of a test can take it for an expected failure."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(verdict, reason)
        self.verdict, self.reason = verdict, reason


class _SolutionError(Exception):
    """An exception that cannot be raised here as what it was."""


class _MissingError(Exception):
    """A name that the solution does not define."""


class Solution:
    """The solution's process, asked one thing at a time."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests, self._replies = requests, replies

    def ask(self, **request: Any) -> Any:
        """The value of the reply; raises what the solution raised."""
        try:
            data = encode(request, _number)
            if len(data) > MOST_BYTES:
                raise _Over("error", f"a test hands over {len(data)} bytes")
            send(self._requests, data)
            kind, value = decode(receive(self._replies), self._refer)
        except (OSError, EOFError) as error:
            raise _Over("wrong", "the solution ended its process") from error
        except Exception as error:
            raise _Over("wrong", "no reply") from error
        if kind == "raised":
            raise _exception(*value)
        if kind == "missing":
            raise _MissingError(value)
        return value

    def _refer(self, number: int) -> Remote:
        return Remote(self, number)


class Remote:
    """Something of the solution's that is no plain data: it can be called, and little else."""

    def __init__(self, solution: Solution, number: int) -> None:
        self.__dict__["_remote"] = (solution, number)

    def _ask(self, **request: Any) -> Any:
        solution: Solution = self.__dict__["_remote"][0]
        return solution.ask(of=self, **request)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it in the solution's process."""
        return self._ask(do="call", args=args, named=named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask(do="attribute", name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask(do="set", name=name, to=value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ask(do="list"))

    def _refuse(self, *_: Any) -> Any:
        raise TypeError("the solution returned something that is no plain data")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __hash__ = _refuse


def _number(value: Any) -> int:
    if not isinstance(value, Remote):
        raise _Over("error", f"a test hands over a {type(value).__name__}, which is no plain data")
    number: int = value.__dict__["_remote"][1]
    return number


def _exception(kind: str, message: str) -> BaseException:
    found = getattr(builtins, str(kind), None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return _Over("wrong", f"the solution ended: {kind} {message}")
    # StopIteration would end a test's loop as if all had been well.
    if not issubclass(found, (StopIteration, StopAsyncIteration)):
        try:
            return found(message)
        except TypeError:  # UnicodeDecodeError wants five arguments
            pass
    return _SolutionError(f"{kind}: {message}")


def equal(left: Any, right: Any, source: str) -> None:
    """Raise an AssertionError that shows both sides unless they are equal."""
    same = left == right
    if not same:
        raise AssertionError(f"{source}: {_shown(left)} is not {_shown(right)}")


def _shown(value: Any) -> str:
    try:
        return reprlib.repr(value)
    except Exception:  # an integer of too many digits
        return f"some {type(value).__name__}"


def verdict_of(test: Any, names: dict[str, Any]) -> tuple[str, str]:
    """Run one test's code."""
    try:
        exec(test, names)
    except _Over:
        raise
    except BaseException as error:
        message = str(error)[:300]
        kind = "" if isinstance(error, AssertionError) and message else type(error).__name__
        return "wrong", f"{kind}: {message}".strip(": ")
    return "correct", ""


def run(task: dict[str, Any], solution: Solution) -> Iterator[tuple[str, str]]:
    """The verdict of each test, in order; fewer where the solution ended or a test hung."""

    def give_up(*_: Any) -> None:
        raise _Over("timeout", f"no end after {task['seconds']:g} s")

    signal.signal(signal.SIGALRM, give_up)
    names: dict[str, Any] = {"__name__": "tests", "__equal__": equal}
    try:
        signal.setitimer(signal.ITIMER_REAL, task["seconds"])
        _set_up(task, names, solution)
        for source in task["tests"]:
            signal.setitimer(signal.ITIMER_REAL, task["seconds"])
            verdict = verdict_of(compile(source, "tests", "exec"), names)
            signal.setitimer(signal.ITIMER_REAL, 0)
            yield verdict
    except _Over as over:
        yield over.verdict, over.reason


def _set_up(task: dict[str, Any], names: dict[str, Any], solution: Solution) -> None:
    if "random" in task["setup"] + "".join(task["tests"]):
        import random  # slow to import, rarely needed

        random.seed(0)
    found = {}
    try:
        for name in task["names"]:
            try:
                found[name] = solution.ask(do="get", name=name)
            except _MissingError:
                continue  # the tests will miss it
    except Exception as error:
        reason = f"the solution does not load: {type(error).__name__}: {error}"
        raise _Over("wrong", reason[:300]) from error
    names.update(found)
    try:
        exec(compile(task["setup"], "setup", "exec"), names)
    except Exception as error:
        # A setup that needs nothing of the solution's is not the solution's fault.
        verdict = "error" if task["setup_is_plain"] else "wrong"
        raise _Over(verdict, f"setup: {type(error).__name__}: {error}"[:300]) from error
    # A setup that is the prompt has the function under test without its body.
    names.pop(task["entry_point"], None)
    names.update((name, value) for name, value in found.items() if name == task["entry_point"])


def main() -> None:
    """Write the verdicts to standard error."""
    with open("/sandbox/task", "rb") as file:
        task = decode(file.read(), id)
    with os.fdopen(os.dup(2), "wb") as verdicts:
        replies, requests = own_streams()
        for verdict in run(task, Solution(requests, replies)):
            send(verdicts, encode(verdict, id))
