from __future__ import annotations

import ast
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import webscale_dagster.verifiers as verifiers
from webscale_dagster.verifiers import ANSWER_TYPES, Outcome, parses, verify
from webscale_dagster.verifiers.answers import readings
from webscale_dagster.verifiers.outcome import AnswerType

TRUTH = {
    "number": "5 km",
    "percent": "5%",
    "currency": "$5",
    "date": "3 May 1918",
    "duration": "5 hours",
    "multiple_choice": "B",
    "boolean": "yes",
    "math": r"x = \frac{5}{2}",
    "tool_call": '{"name": "answer", "arguments": {"is": "5"}}',
}
OPTIONS = {"constraints": {"constraints": [{"kind": "words", "at_least": 2}]}}
# Types whose truth needs a judge or a sandbox have tests of their own.
KINDS = [kind for kind in ANSWER_TYPES if kind not in ("code_tests", "rubric", "judge")]


def test_an_unknown_type_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown answer type 'colour'; known: number, percent"):
        verify("colour", "red", "red")
    with pytest.raises(ValueError, match="known: number"):
        parses("colour", "red")


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("Paris", "Paris"),
        ("The answer is Paris.", "Paris"),
        ("The capital of France is old.\nAnswer: Paris", "Paris"),
        ("Answer: Lyon\nWait, no.\nAnswer: Paris", "Paris"),
        (r"\boxed{Lyon} is wrong, so \boxed{\text{Paris}}.", "Paris"),
        ("Answer: Lyon\nor rather <answer>Paris</answer>", "Paris"),
        ("<think>Answer: Lyon</think>Paris", "Paris"),
        ("a thought that the prompt opened</think>\nAnswer: **Paris**", "Paris"),
        ("**Answer:** Paris", "Paris"),
        ("**Final Answer**: `Paris`", "Paris"),
        ("Answer:\n\nParis\n\nIt lies on the Seine.", "Paris"),
        ("Answer: Paris. It lies on the Seine.", "Paris"),
        ("Answer: Paris, because it lies on the Seine", "Paris"),
        ("The capital is **Paris**.", "Paris"),
        ("It is called Paris", "Paris"),
        ("The answer to your question is “Paris”.", "Paris"),
        (r"Answer: \boxed{Paris}" + "\nNote: **it** **is** **old**.", "Paris"),
        ("The **answer** is: Paris", "Paris"),
        ("Answer: the capital is **Paris**", "Paris"),
        ("Answer: J. R. R. Tolkien. He wrote it.", "J. R. R. Tolkien"),
        (r"Answer: $\frac{3}{4}$", "3/4"),
        (r"\boxed{3.2 \times 10^{5}}", "3.2 × 10^5"),
        (r"\boxed{12\%}", "12%"),
        ("Answer: $5", "$5"),
        ("Answer: 42. This follows.", "42"),
        ("5 + 37 = 42\n#### 42", "42"),
        ("- red\n- green", "- red\n- green"),
        ("The answer is:\n- red\n- green", "- red\n- green"),
    ],
)
def test_the_final_answer_is_found(completion: str, answer: str) -> None:
    assert answer in readings(completion)


def test_only_the_last_statement_is_judged() -> None:
    completion = "Answer: Paris\nAnswer: Lyon"
    assert verify("entity", completion, "Paris").outcome == "wrong"
    assert verify("entity", completion, "Lyon").outcome == "correct"


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("<think>Paris", "never closed"),
        ("</think>", "empty"),
        ("Answer: ...", "no answer"),
        ("Answer: " + "x" * 3000, "too long"),
    ],
)
def test_completions_without_an_answer_are_unparseable(completion: str, reason: str) -> None:
    result = verify("entity", completion, "Paris")
    assert result.outcome == "unparseable"
    assert reason in result.reason


def test_a_long_completion_is_read_from_its_end() -> None:
    assert verify("number", "7 " * 50_000 + "\nAnswer: 42", "42").outcome == "correct"
    assert verify("number", "Answer: 42\n" + "so it goes\n" * 5_000, "42").outcome != "correct"


def test_an_unreadable_truth_is_an_error_and_not_the_answers_fault() -> None:
    assert verify("number", "42", "many").outcome == "error"
    assert verify("number", "", "many").outcome == "error"
    assert verify("number", "42", []).outcome == "error"
    assert verify("number", "42", ["many", "42"]).outcome == "correct"
    assert verify("number", "43", ["many", "42"]).outcome == "error"


def test_a_crash_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("broken verifier")

    broken = AnswerType(crash, crash)
    monkeypatch.setitem(verifiers._TYPES, "number", broken)
    assert verify("number", "42", "42") == Outcome(0.0, "error", "RuntimeError: broken verifier")


def test_a_completion_that_is_not_text_is_an_error() -> None:
    assert verify("number", None, "42").outcome == "error"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "answer", "options", "reason"),
    [
        ("number", "42 km", {"unit": "km", "tolerance": None}, None),
        ("number", "many", {}, "no number in it"),
        ("number", "42 kg", {"unit": "km"}, "does not measure"),
        ("number", "42", {"tolerence": 1}, "unknown 'tolerence'"),
        ("number", "42", {"aliases": ["many"]}, "no number in it"),
        ("date", "03/04/2020", {}, "cannot be told apart"),
        ("multiple_choice", "E", {"choices": ["one", "two"]}, "no choice E"),
        ("multiple_choice", "two", {"choices": ["one", "two"]}, None),
        ("entity", "it", {}, "pronoun"),
        ("entity", "Marie Curie", {}, None),
        ("entity", "x " * 30, {}, "too many"),
        ("entity", "x" * 5000, {}, "too long"),
        ("boolean", "perhaps", {}, "neither yes nor no"),
        ("currency", "5 million", {}, "no currency"),
        ("currency", "5 million", {"unit": "EUR"}, None),
        ("list", "", {}, "empty list"),
    ],
)
def test_parses_says_why_not(
    kind: str, answer: str, options: dict[str, Any], reason: str | None
) -> None:
    found = parses(kind, answer, **options)
    assert (found is None) if reason is None else (found is not None and reason in found)


_TEXT = (
    "Answer:|answer is |\\boxed{|}|<think>|</think>|<answer>|</answer>|**|\n| |- |1.|1/|1e9|10^|,|5"
    "|-|½|⁹|million|and|a half|hundred|km|/|per |square |°C|$|%|May|BC|\x00|(|)|[|\"|'|B|yes|not |İ"
    "|ﷺ|\\frac{|१"
)
FRAGMENTS = st.sampled_from([*_TEXT.split("|"), "9" * 70, "\ud800"])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=60).map("".join)))
def test_any_completion_has_an_outcome(completion: str) -> None:
    for kind in KINDS:
        truth = TRUTH.get(kind, "red, green")
        result = verify(kind, completion, truth, **OPTIONS.get(kind, {}))
        assert result.outcome in ("correct", "wrong", "unparseable"), (kind, result)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("".join)))
def test_any_readable_answer_verifies_itself(answer: str) -> None:
    for kind in KINDS:
        if parses(kind, answer) is None and "\n" not in answer:
            result = verify(kind, f"<answer>{answer}</answer>", answer)
            assert result.outcome != "error", (kind, result)


CANDIDATES = {
    "number": ["5", "7", "11"],
    "percent": ["5%", "7%", "11%"],
    "currency": ["$5", "$7", "$11"],
    "date": ["1918", "1919", "1920"],
    "duration": ["5 days", "7 days", "11 days"],
    "entity": ["Paris", "London", "Rome"],
    "multiple_choice": ["A", "B", "C"],
    "boolean": ["yes", "no"],
    "list": ["red; blue", "red; green", "blue; green"],
    "logic": ["Ann: red; Ben: blue", "Ann: blue; Ben: red"],
    "math": ["5", "7", r"\frac{11}{2}", "x = 3"],
}
_JOINERS = [" ", ", ", "\n", ". ", " **", "** ", " or ", ", because ", "Answer: ", " (", ") ", "; "]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_naming_several_answers_never_fits_two_truths(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(CANDIDATES)))
    parts = st.sampled_from(CANDIDATES[kind] + _JOINERS)
    completion = "".join(data.draw(st.lists(parts, max_size=12)))
    fits = [t for t in CANDIDATES[kind] if verify(kind, completion, t).outcome == "correct"]
    assert len(fits) < 2, (kind, completion, fits)


HOSTILE = [
    "answer to " * 4000,
    "Answer:" + " " * 20_000,
    "\\boxed{" * 4000,
    "1/" * 1000,
    "1," * 1000,
    "one hundred and " * 130,
    "9" * 1999,
    "10^9999 " * 200,
    "5 km " * 390,
    "**" * 10_000,
    "(" * 2000,
    "[" * 2000,
    "- \n" * 6000,
    "<answer>" * 2500,
    "May 3 " * 300,
    "a. " * 600,
    "$ " * 990,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_completions_are_quick(text: str) -> None:
    start = time.process_time()
    for kind in KINDS:
        truth, options = TRUTH.get(kind, "red, green"), OPTIONS.get(kind, {})
        verify(kind, text, truth, **options)
        verify(kind, "Answer: " + text[:1990], truth, **options)
    assert time.process_time() - start < 2.0


def test_only_pool_and_sandbox_use_processes_clocks_and_chance() -> None:
    """Verdicts depend on what is given alone; a module that is not listed is pure."""
    impure = {"asyncio", "concurrent", "http", "multiprocessing", "random", "secrets", "select"}
    impure |= {"selectors", "signal", "socket", "subprocess", "threading", "time", "urllib"}
    allowed = {
        "pool.py": {"asyncio", "concurrent", "threading"},
        "worker.py": {"signal", "time"},
        "worker_process.py": {"selectors", "signal", "subprocess", "time"},
        "sandbox.py": {"selectors", "signal", "subprocess", "time"},
        "code_runner.py": {"random", "signal"},  # runs inside the sandbox
    }
    for path in Path(str(verifiers.__file__)).parent.glob("*.py"):
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names} & impure
        assert found == allowed.get(path.name, set()), path.name


def test_verifiers_import_the_standard_library_only() -> None:
    folder = Path(str(verifiers.__file__)).parent
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.startswith("webscale_dagster.verifiers") or (
                    name.split(".")[0] in sys.stdlib_module_names
                ), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("kind", "completion", "truth"),
    [
        ("boolean", "Final verdict: No.", "no"),
        ("boolean", "Is Paris in Germany? No.", "no"),
        ("boolean", "It lies below.\nResult: No.", "no"),
        ("number", "Answer: 42\n\nNo. of items counted: 42", "42"),
        ("term", "Answer: photosynthesis.\nNo, plants do not sleep.", "photosynthesis"),
    ],
)
def test_a_no_takes_nothing_back(kind: str, completion: str, truth: str) -> None:
    assert verify(kind, completion, truth).outcome == "correct"


@pytest.mark.parametrize(
    "completion",
    [
        "Answer: 5. No, wait, it is 6",
        r"\boxed{1} and \boxed{2}. Wait, that is wrong.",
        "5. No, that was 6",
    ],
)
def test_what_is_taken_back_is_no_answer(completion: str) -> None:
    for truth in ("5", "1, 2"):
        assert verify("math" if "boxed" in completion else "number", completion, truth).score == 0


@pytest.mark.parametrize(
    ("kind", "text", "options"),
    [
        ("constraints", "A. " * 30_000, {"constraints": [{"kind": "sentences", "at_least": 1}]}),
        ("tool_call", "<tool_call>" * 8_000, {}),
        ("tool_call", "a```\n" * 16_000, {}),
        ("tool_call", "```\n" * 16_000, {}),
    ],
)
def test_whole_completions_are_read_quickly(kind: str, text: str, options: dict[str, Any]) -> None:
    start = time.process_time()
    verify(kind, text, '{"name": "f", "arguments": {}}', **options)
    assert time.process_time() - start < 1.5
