r"""Reads the options of ``code_tests``: what is run, which names the solution must define.

    "assert area(3) == 9\nassert area(0) == 0"           MBPP: a test per assert
    ["side = 3\nassert area(side) == 9", …]              a test per text
    "def check(candidate):\n    assert …"                HumanEval, with ``entry_point``
    [{"input": "3\n", "output": "9\n"}, …]               programs: what they read and print

Makes a ``Task``; reads and writes nothing.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from webscale_dagster.verifiers.outcome import OptionError, Options, ParseError

_MOST_CHARS = 1_000_000
_MOST_TESTS = 1_000
SECONDS = 5.0  # a test may take
MOST_SECONDS = 60.0
MOST_TESTS_TIMED = 10  # all tests together take at most so many times ``seconds``
_MEMORY_MB = (64, 4096)
_BUILTINS = frozenset(dir(builtins)) | {"__name__"}


@dataclass(frozen=True)
class Task:
    """Tests as sources that run in order, or programs' inputs and outputs; the other is empty.

    ``names`` are those that the tests take from the solution; of one that ``setup`` defines too,
    only ``entry_point`` comes from the solution. ``seconds`` limits each test.
    """

    tests: tuple[str, ...]
    programs: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    entry_point: str
    setup: str
    setup_is_plain: bool  # needs nothing of the solution's
    seconds: float
    memory_mb: int

    @property
    def total_seconds(self) -> float:
        """The limit for all tests together."""
        return self.seconds * min(len(self.tests) + len(self.programs), MOST_TESTS_TIMED)


def read_task(options: Options, references: Sequence[str] = ()) -> Task:
    """The task that options describe; raises ``OptionError``.

    A reference solution is needed only where the name under test is a builtin's, as ``sum``.
    """
    given = options.get("tests")
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, (list, tuple)) or not items:
        raise OptionError("tests must be a text or a list, and not empty")
    if len(items) > _MOST_TESTS or sum(len(str(item)) for item in items) > _MOST_CHARS:
        raise OptionError(f"tests are more than {_MOST_TESTS} or {_MOST_CHARS} characters")
    setup = _text(options, "setup")
    seconds = _number(options, "seconds", SECONDS, (0.1, MOST_SECONDS))
    memory_mb = int(_number(options, "memory_mb", 512, _MEMORY_MB))
    texts = [item for item in items if isinstance(item, str)]
    if not texts:
        if setup or options.get("entry_point"):
            raise OptionError("setup and entry_point are not for programs")
        programs = tuple(_program(item) for item in items)
        return Task((), programs, (), "", setup, True, seconds, memory_mb)
    if len(texts) < len(items):
        raise OptionError("tests must be all texts, or all of the form {'input': …, 'output': …}")
    before = parse(setup, "setup")
    plain = not _unbound([before])
    trees = [parse(text, "tests") for text in texts]
    entry_point = _text(options, "entry_point")
    names = _names([before, *trees], entry_point, references)
    sources = tuple(_sources(trees, entry_point))
    return Task(sources, (), names, entry_point, setup, plain, seconds, memory_mb)


def parse(source: str, what: str) -> ast.Module:
    """The syntax tree of a source; raises ``OptionError``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise OptionError(f"{what}: line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise OptionError(f"{what}: {type(error).__name__} {error}") from error


def check_reference(source: str) -> None:
    """Raise ``ParseError`` unless a reference solution can be read."""
    try:
        parse(source, "reference solution")
    except OptionError as error:
        raise ParseError(str(error)) from error


def _text(options: Options, name: str) -> str:
    value = options.get(name, "")
    if not isinstance(value, str) or len(value) > _MOST_CHARS:
        raise OptionError(f"{name} must be a text of at most {_MOST_CHARS} characters")
    return value


def _number(options: Options, name: str, default: float, bounds: tuple[float, float]) -> float:
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise OptionError(f"{name} must be a number")
    if not bounds[0] <= value <= bounds[1]:
        raise OptionError(f"{name} must be from {bounds[0]:g} to {bounds[1]:g}")
    return float(value)


def _program(item: Any) -> tuple[str, str]:
    known = isinstance(item, dict) and {"output"} <= set(item) <= {"input", "output"}
    given, printed = (item.get("input", ""), item["output"]) if known else (None, None)
    if not isinstance(given, str) or not isinstance(printed, str):
        raise OptionError("a program's test must be {'input': text, 'output': text}")
    return given, printed


def _names(
    trees: Sequence[ast.Module], entry_point: str, references: Sequence[str]
) -> tuple[str, ...]:
    """The names that tests need and do not have: the solution must define them."""
    if entry_point and not entry_point.isidentifier():
        raise OptionError("entry_point must be a name")
    missing = _unbound(trees)
    if any(_is_check(node) for tree in trees for node in tree.body):
        if not entry_point:
            raise OptionError("tests define check(candidate), so entry_point must name a function")
        if missing:
            raise OptionError(f"tests use {min(missing)}, which neither they nor setup define")
    defined = {name for source in references for name in _bound([parse(source, "reference")])}
    nodes = (node for tree in trees for node in ast.walk(tree))
    called = {_called_name(node) for node in nodes}
    missing |= called & defined & _BUILTINS
    missing |= {entry_point} - {""}
    if not missing:
        raise OptionError("tests use nothing of the solution's; entry_point may name a function")
    return tuple(sorted(missing))


def _is_check(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "check"


def _called_name(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _unbound(trees: Sequence[ast.Module]) -> set[str]:
    loaded = {
        node.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return loaded - _bound(trees) - _BUILTINS


def _bound(trees: Sequence[ast.Module]) -> set[str]:
    """Every name that is given a meaning anywhere in some sources."""
    found: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)
        ):
            found.add(node.name or "")
    return found


def _sources(trees: Sequence[ast.Module], entry_point: str) -> Iterator[str]:
    """The tests, each a source with its asserts explained."""
    for tree in trees:
        if any(_is_check(node) for node in tree.body):
            groups = [tree.body]
            tree.body += parse(f"check({entry_point})", "entry_point").body
        elif len(trees) > 1:
            groups = [tree.body]
        else:
            groups = _by_assert(tree.body)
        for group in groups:
            if not any(isinstance(node, ast.Assert) for top in group for node in ast.walk(top)):
                raise OptionError("a test has no assert")
            module = _Explained().visit(ast.Module(group, []))
            yield ast.unparse(ast.fix_missing_locations(module))


def _by_assert(body: list[ast.stmt]) -> list[list[ast.stmt]]:
    """Statements in groups that end with one that asserts; the last takes what is left."""
    groups: list[list[ast.stmt]] = [[]]
    for statement in body:
        groups[-1].append(statement)
        if any(isinstance(node, ast.Assert) for node in ast.walk(statement)):
            groups.append([])
    rest = groups.pop()
    if not groups:
        raise OptionError("tests have no assert")
    groups[-1] += rest
    return groups


class _Explained(ast.NodeTransformer):
    """Asserts that say what they compared; ``__equal__`` is ``code_runner.equal``."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        test, source = node.test, ast.Constant(ast.unparse(node.test)[:150])
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            sides: list[ast.expr] = [test.left, test.comparators[0], source]
            return ast.Expr(ast.Call(ast.Name("__equal__", ast.Load()), sides, []))
        return ast.Assert(test, source)
