"""Solutions that try to pass without solving, against the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from webscale_dagster.verifiers import Outcome
from webscale_dagster.verifiers.pool import Pool

pytestmark = pytest.mark.service

TESTS = [
    "assert area(3) == 9",
    "assert area(4) == 16",
    "assert abs(area(0.5) - 0.25) < 1e-9",
    "assert not area(0)",
    "assert area(1)",
    "assert area(2) in (4, 4.0)",
    "assert sorted([area(3), area(2)]) == [4, 9]",
]
SLY = """
class Sly{base}:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __gt__(self, other): return True
    def __ge__(self, other): return True
    def __bool__(self): return True
    def __hash__(self): return 0
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
    def __contains__(self, other): return True
    def __iter__(self): return iter(())
    def __len__(self): return 0
    def __call__(self, *args, **named): return self
    def __getattr__(self, name): return self
    def __repr__(self): return "9"
    def __instancecheck__(self, other): return True
    __class__ = {pretends}
"""
FORGERIES = {
    "exits_well": "import sys\nsys.exit(0)",
    "exits_well_when_called": "import sys\ndef area(s): sys.exit(0)",
    "exits_at_once": "import os\nos._exit(0)",
    "exits_at_once_when_called": "import os\ndef area(s): os._exit(0)",
    "raises_an_assertion": "def area(s): raise AssertionError('passed')",
    "raises_a_stop": "def area(s): raise StopIteration",
    "raises_an_interrupt": "def area(s): raise KeyboardInterrupt",
    "raises_at_load": "raise SystemExit(0)",
    "kills_itself": "import os, signal\ndef area(s): os.kill(os.getpid(), signal.SIGKILL)",
    "kills_everybody": "import os\ndef area(s): os.kill(-1, 9)",
    "crashes": "import ctypes\ndef area(s): ctypes.string_at(0)",
    "equals_everything": SLY.format(base="", pretends="None") + "area = Sly()",
    "is_an_int_that_equals_everything": SLY.format(base="(int)", pretends="int")
    + "area = lambda s: Sly(7)",
    "is_a_float_that_equals_everything": SLY.format(base="(float)", pretends="float")
    + "area = lambda s: Sly(7)",
    "is_a_list_that_equals_everything": SLY.format(base="(list)", pretends="list")
    + "area = lambda s: Sly()",
    "pretends_to_be_an_int": SLY.format(base="", pretends="int") + "area = lambda s: Sly()",
    "is_a_type": "area = lambda s: object",
    "patches_builtins": "import builtins\nfor n in ('abs', 'sorted', 'len', 'all', 'isinstance'):\n"
    "    setattr(builtins, n, lambda *a, **k: True)\ndef area(s): return True",
    "defines_the_tests_builtins": "def abs(x): return 0\ndef sorted(x): return [4, 9]\narea = abs",
    "defines_the_runners_function": "def __equal__(*a): pass\narea = lambda s: 0",
    "patches_the_wire": "import sys\nwire = sys.modules['webscale_dagster.verifiers.plain_data']\n"
    "wire.encode = wire.decode = lambda *a: True\narea = lambda s: 1",
    "patches_the_encoding": "import sys\nfor m in list(sys.modules.values()):\n"
    "    for n in ('encode', 'decode', '_reply', '_done'):\n"
    "        if hasattr(m, n): setattr(m, n, lambda *a, **k: {'value': True})\n"
    "area = lambda s: 1",
    "prints_passed": "print('passed')\nimport os\nos.write(1, b'16\\nt2;s7;corrects0;')\n"
    "def area(s):\n    os.write(1, b'16\\nt2;s7;corrects0;')",
    "writes_verdicts_to_every_descriptor": "import os\nfor fd in list(range(64)) * 9:\n"
    "    try: os.write(fd, b'16\\nt2;s7;corrects0;')\n    except OSError: pass\narea = lambda s: 1",
    "writes_replies_ahead": "import os\nfor fd in range(3, 64):\n    try:\n"
    "        os.write(fd, b'14\\nt2;s5;valuer0;' + b'13\\nt2;s5;valuey;' * 20)\n"
    "    except OSError: pass\narea = lambda s: 1",
    "closes_every_descriptor": "import os\nos.closerange(0, 64)\narea = lambda s: 1",
    "reads_the_tests": "import glob\nfound = [open(p).read() for p in glob.glob('/sandbox/**',\n"
    "    recursive=True) if p.endswith(('.json', 'task', 'tests'))]\n"
    "area = lambda s: eval(found[0])",
    "reads_its_callers": "import sys\ndef area(s):\n    frame = sys._getframe()\n    seen = []\n"
    "    while frame:\n        seen += [v for v in frame.f_locals.values() if isinstance(v, int)]\n"
    "        frame = frame.f_back\n    return seen[-1]",
    "searches_memory": "import gc\ndef area(s):\n    texts = [o for o in gc.get_objects()\n"
    "        if isinstance(o, dict) and 'tests' in o]\n    return eval(texts[0]['tests'][0])",
    "reads_other_processes": "import os\ndef area(s):\n"
    "    return [open(f'/proc/{p}/mem').read() for p in os.listdir('/proc')]",
    "answers_by_a_thread": "import os, threading\ndef spam():\n    while True:\n"
    "        for fd in range(3, 20):\n            try: os.write(fd, b'13\\nt2;s5;valuey;')\n"
    "            except OSError: pass\nthreading.Thread(target=spam, daemon=True).start()\n"
    "area = lambda s: 1",
    "answers_by_a_daemon": "import os\nif os.fork():\n    os._exit(0)\n"
    "os.setsid()\narea = lambda s: 1",
    "replaces_the_program": "import os\n"
    "os.execv('/usr/bin/env', ['env', 'yes', '13\\nt2;s5;valuey;'])",
    "traces_every_call": "import sys\nsys.settrace(lambda *a: None)\n"
    "sys.setprofile(lambda *a: None)\narea = lambda s: True",
    "runs_at_exit": "import atexit, os\natexit.register(os._exit, 0)\narea = lambda s: 1",
    "has_handlers_for_signals": "import signal\nfor n in (14, 15, 2):\n"
    "    signal.signal(n, lambda *a: None)\narea = lambda s: 1",
    "returns_an_iterator": "area = lambda s: iter(range(10))",
    "returns_itself": "def area(s): return area",
    "returns_what_it_was_given": "area = lambda s: s",
    "returns_not_a_number": "area = lambda s: float('nan')",
    "returns_infinity": "area = lambda s: float('inf')",
    "returns_true": "area = lambda s: True",
    "returns_the_expected_as_text": "area = lambda s: str(s * s)",
    "returns_every_number": "area = lambda s: [s * s, 9, 16, 0.25]",
    "returns_too_much": "area = lambda s: 'x' * (1 << 26)",
    "returns_something_deep": "def area(s):\n    x = []\n    for _ in range(10 ** 5): x = [x]\n"
    "    return x",
    "returns_a_ring": "def area(s):\n    x = []\n    x.append(x)\n    return x",
    "is_empty": "pass",
    "names_something_else": "def perimeter(s): return 4 * s",
    "does_not_compile": "def area(s) return s * s",
    "is_not_text": "area = lambda s: s * s\x00",
}
MAY_HANG = {"answers_by_a_thread", "replaces_the_program", "closes_every_descriptor"}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as pool:
        yield pool


def _judged(pool: Pool, code: str, tests: Any = TESTS, **options: Any) -> Outcome:
    options = {"seconds": 5.0, **options}
    return pool.verify("code_tests", f"```python\n{code}\n```", "", tests=tests, **options)


def test_an_honest_solution_passes(pool: Pool) -> None:
    found = _judged(pool, "def area(side):\n    return side ** 2")
    assert found == Outcome(1.0, "correct", "passes 7 tests")


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_does_not_pass(pool: Pool, name: str) -> None:
    found = _judged(pool, FORGERIES[name])
    allowed = {"wrong", "timeout"} if name in MAY_HANG else {"wrong"}
    assert found.outcome in allowed, found


@pytest.mark.parametrize("test", TESTS)
def test_no_single_test_is_passed_by_forgery(pool: Pool, test: str) -> None:
    """Each form of assert holds by itself against what equals or stands for everything."""
    weak = {"assert area(1)", "assert not area(0)"}  # any value of the right truth passes these
    for name in ("equals_everything", "pretends_to_be_an_int", "patches_builtins"):
        found = _judged(pool, FORGERIES[name], [test])
        assert found.outcome == "wrong" or test in weak, (name, found)


CHECK = """
import math
def check(candidate):
    for side in range(20):
        assert candidate(side) == side * side, "of an integer"
    assert math.isclose(candidate(0.5), 0.25)
    assert math.fabs(close(candidate(1.5)) - 2.25) < 1e-6
    try:
        candidate("a")
        assert False, "a text has no area"
    except TypeError:
        pass
"""
SETUP = 'def close(x): return x\ndef area(s):\n    """The area."""\n'


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_does_not_pass_a_check(pool: Pool, name: str) -> None:
    found = _judged(pool, FORGERIES[name], CHECK, setup=SETUP, entry_point="area")
    allowed = {"wrong", "timeout"} if name in MAY_HANG else {"wrong"}
    assert found.outcome in allowed, found


def test_a_setups_helper_and_function_are_not_the_solutions(pool: Pool) -> None:
    options = {"tests": CHECK, "setup": SETUP, "entry_point": "area"}
    honest = "def area(s):\n    if isinstance(s, str): raise TypeError\n    return s * s"
    assert _judged(pool, honest, **options).outcome == "correct"
    replaced = "def close(x): return 2.25\ndef area(s): return 0"
    assert _judged(pool, replaced, **options).outcome == "wrong"
    solved = {**options, "setup": SETUP + "    if s == 'a': raise TypeError\n    return s * s"}
    assert _judged(pool, "x = 1", **solved).outcome == "wrong"


PROGRAM = [{"input": "3\n", "output": "9"}, {"input": "5\n", "output": "25\n"}]
PROGRAM_FORGERIES = {
    "prints_nothing": "pass",
    "prints_one_answer": "print(9)",
    "prints_all_answers": "print(9)\nprint(25)",
    "exits_badly": "import sys\nprint(int(input()) ** 2, flush=True)\nsys.exit(1)",
    "is_killed_after_it": "import os\nprint(int(input()) ** 2, flush=True)\n"
    "os.kill(os.getpid(), 9)",
    "prints_to_standard_error": "import sys\nprint(int(input()) ** 2, file=sys.stderr)",
    "prints_without_end": "while True: print(9)",
    "remembers": "import os\nopen('/tmp/seen', 'a').write('x')\n"
    "print([9, 25][os.path.getsize('/tmp/seen') - 1])",
    "reads_the_tests": "import glob\nprint([open(p).read() for p in glob.glob('/sandbox/*')])",
}


@pytest.mark.parametrize("name", PROGRAM_FORGERIES)
def test_a_forged_program_does_not_pass(pool: Pool, name: str) -> None:
    assert _judged(pool, PROGRAM_FORGERIES[name], PROGRAM).outcome == "wrong"


def test_programs_pass_by_what_they_print(pool: Pool) -> None:
    honest = "print(int(input()) ** 2, end='  \\n\\n')"
    assert _judged(pool, honest, PROGRAM) == Outcome(1.0, "correct", "passes 2 tests")
    found = _judged(pool, "print(9)", PROGRAM)
    assert found == Outcome(0.0, "wrong", "test 2 of 2: it printed '9\\n', not '25\\n'")
    slow = _judged(pool, "while True: pass", PROGRAM, seconds=1.0)
    assert slow == Outcome(0.0, "timeout", "test 1 of 2: no end after 1 s")


def test_a_hang_is_a_timeout_and_a_failure_before_it_is_wrong(pool: Pool) -> None:
    code = "def area(s):\n    while s == 4: pass\n    return {}"
    found = _judged(pool, code.format("s * s"), seconds=1.0)
    assert found == Outcome(0.0, "timeout", "test 2 of 7: no end in time")
    assert _judged(pool, code.format("0"), seconds=1.0).outcome == "wrong"
    assert _judged(pool, "while True: pass", seconds=1.0).outcome == "timeout"


def test_objects_of_the_solution_can_be_used(pool: Pool) -> None:
    code = (
        "class Node:\n"
        "    def __init__(self, key): self.key, self.left, self.right = key, None, None\n"
        "    def doubled(self, *, plus=0): return 2 * self.key + plus\n"
        "def depth(root): return 1 + max(depth(root.left), depth(root.right)) if root else 0\n"
        "def count(n): yield from range(n)\n"
        "def adder(n): return lambda m: n + m\n"
        "LIMIT = {'most': 3}\n"
    )
    tests = [
        "root = Node(5)\nroot.left = Node(6)\nroot.left.right = Node(7)\nassert depth(root) == 3",
        "assert Node(4).doubled(plus=1) == 9",
        "assert Node(4).key == 4",
        "assert list(count(3)) == [0, 1, 2]",
        "assert adder(2)(3) == 5",
        "assert LIMIT == {'most': 3}",
        "assert [depth(n) for n in (None, root)] == [0, 3]",
    ]
    assert _judged(pool, code, tests) == Outcome(1.0, "correct", "passes 7 tests")
    setup = "top = Node(1)\ntop.left = Node(2)"
    assert _judged(pool, code, ["assert depth(top) == 2"], setup=setup).outcome == "correct"


def test_a_function_cannot_be_handed_over(pool: Pool) -> None:
    found = _judged(pool, "def area(f): return f(3)", ["assert area(lambda s: s) == 3"])
    assert found.outcome == "error"
    assert "hands over a function, which is no plain data" in found.reason


def test_two_of_five_is_no_credit(pool: Pool) -> None:
    found = _judged(
        pool, "def area(s): return 9", [f"assert area({n}) == {n * n}" for n in range(5)]
    )
    assert found == Outcome(0.0, "wrong", "4 of 5 tests failed; test 1: area(0) == 0: 9 is not 0")
