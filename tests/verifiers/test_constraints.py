from __future__ import annotations

import json
import time
from typing import Any

import pytest

from webscale_dagster.verifiers import constraints, parses, verify

TWO = "The tide rises. The tide falls.\n\nSo it goes, day after day."

# kind and parameters, a response that meets them, one that does not
CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "words", "at_least": 3}, "one two three", "one two"),
    ({"kind": "words", "at_most": 3}, "well-known can't fail", "one two three four"),
    ({"kind": "words", "exactly": 2}, "naïve Müller", "one"),
    ({"kind": "words", "at_least": 2, "at_most": 3}, "one two", "one two three four"),
    ({"kind": "sentences", "exactly": 2}, "Dr. J. Smith came. He left!", "He came."),
    ({"kind": "sentences", "exactly": 3}, "He said no. She left. Why?", "He said no, she left."),
    ({"kind": "sentences", "at_most": 2}, "It costs 3.50 today... Fine.", "A b. C d. E f."),
    ({"kind": "sentences", "exactly": 3}, "# Title\n\n- one\n- two", "- one\n- two"),
    ({"kind": "sentences", "exactly": 2}, "天気がいい。行こう！", "天気がいい。"),
    ({"kind": "paragraphs", "exactly": 2}, TWO, TWO.replace("\n\n", "\n")),
    ({"kind": "paragraphs", "exactly": 2}, "one\n***\ntwo", "one\n***\ntwo\n***\nthree"),
    ({"kind": "lines", "exactly": 2}, "one\n\n\ntwo", "one\ntwo\nthree"),
    ({"kind": "characters", "at_most": 5}, "ééééé", "123456"),
    ({"kind": "bullets", "exactly": 2}, "* one\n  - two", "- one\n- two\n- three"),
    ({"kind": "bullets", "at_most": 0}, "1. one\n2. two\n---", "• one"),
    ({"kind": "highlights", "at_least": 2}, "*one* and **two**", "2 * 3 * 4"),
    ({"kind": "highlights", "exactly": 1}, "**one**", "**one** *two*"),
    ({"kind": "placeholders", "at_least": 2}, "Dear [name], [date]", "see [this](page) [name]"),
    ({"kind": "capital_words", "at_most": 1}, "A NASA probe", "NASA and ESA"),
    ({"kind": "repetition", "at_most": 2}, "tide, Tide and time", "a a a"),
    ({"kind": "keyword", "keyword": "tide"}, "High Tide!", "tides"),
    ({"kind": "keyword", "keyword": "tide", "at_least": 2}, TWO, "the tide"),
    ({"kind": "keyword", "keyword": "day after"}, "day\nafter day", "day  and after"),
    ({"kind": "keyword", "keyword": "C++", "exactly": 1}, "I like C++.", "I like C."),
    ({"kind": "keyword", "keyword": "(.*)+x"}, "a (.*)+x b", "x"),
    ({"kind": "no_keyword", "keyword": "tide"}, "tidal", "The tide."),
    ({"kind": "letter", "letter": "q", "at_most": 1}, "Quite", "Quite quick"),
    ({"kind": "sections", "header": "Part", "exactly": 2}, "Part 1\na\n## Part 2\nb", "Part one"),
    ({"kind": "starts_with", "text": "Dear"}, "dear Ann", "My dear"),
    ({"kind": "ends_with", "text": "the end."}, "It is the end.", "the end. Or not"),
    ({"kind": "ends_with", "text": "Anything else?"}, "**Anything else?**", "Anything?"),
    ({"kind": "paragraph_starts", "paragraph": 2, "text": "so"}, TWO, "So\n\nno"),
    ({"kind": "one_of", "texts": ["Yes.", "No."]}, "yes", "Yes, it is."),
    ({"kind": "postscript", "text": "P.S."}, "Bye\n\nP.S. Write!", "Bye\n\nP.S."),
    ({"kind": "json"}, '{"a": 1}', "[1]"),
    ({"kind": "json", "keys": ["a", "b"]}, '```json\n{"a": 1, "b": {}}\n```', '{"a": 1}'),
    ({"kind": "json"}, '{"a": {"b": []}}', '{"a": 1, "a": 2}'),
    ({"kind": "uppercase"}, "STOP 5!", "Stop"),
    ({"kind": "lowercase"}, "stop 5! ß", "5"),
    ({"kind": "no_commas"}, "one; two", "one，two"),
    ({"kind": "title"}, "<<The Tide>>\nIt rises", "<< >> <The Tide>"),
    ({"kind": "quoted"}, '"It rises."', '"It" rises'),
    ({"kind": "quoted"}, "“It rises.”", "“It rises.”!"),
    ({"kind": "two_responses"}, "one\n******\ntwo", "one\n******\none"),
    ({"kind": "two_responses"}, "one ****** two", "one ****** two ****** three"),
]


def test_every_kind_has_a_case() -> None:
    known = {*constraints._COUNTED, *constraints._MET}
    assert {rule["kind"] for rule, _, _ in CASES} == known


@pytest.mark.parametrize(("rule", "good", "bad"), CASES, ids=lambda part: str(part)[:60])
def test_a_response_meets_it_or_not(rule: dict[str, Any], good: str, bad: str) -> None:
    met = verify("constraints", f"<think>never, NEVER\n\n- x</think>{good}", "", constraints=[rule])
    assert (met.outcome, met.score) == ("correct", 1.0), met.reason
    unmet = verify("constraints", bad, "", constraints=[rule])
    assert (unmet.outcome, unmet.score) == ("wrong", 0.0), unmet.reason
    assert json.dumps(rule, ensure_ascii=False) in unmet.reason


def test_the_score_is_the_share_that_is_met() -> None:
    rules = [{"kind": "no_commas"}, {"kind": "words", "exactly": 3}, {"kind": "uppercase"}]
    found = verify("constraints", "one two three", "", constraints=rules)
    assert (found.outcome, round(found.score, 3)) == ("wrong", 0.667)
    assert "1 of 3 unmet" in found.reason


def test_windows_line_ends_and_marks_of_the_turn_are_not_counted() -> None:
    rules = [{"kind": "paragraphs", "exactly": 2}, {"kind": "ends_with", "text": "two"}]
    outcome = verify("constraints", "one\r\n\r\ntwo<|im_end|>\r\n", "", constraints=rules)
    assert outcome.outcome == "correct", outcome.reason


@pytest.mark.parametrize("completion", ["", " \n", "<think>all of it</think>", "<think>no end"])
def test_no_response_is_unparseable(completion: str) -> None:
    rules = [{"kind": "words", "at_most": 5}]
    assert verify("constraints", completion, "", constraints=rules).outcome == "unparseable"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "must be a list"),
        ([], "must be a list"),
        ({"kind": "title"}, "must be a list"),
        (["title"], "no object with a kind"),
        ([{"kind": "rhymes"}], "unknown kind 'rhymes'; known: bullets"),
        ([{"kind": "title", "text": "x"}], "'title' has no parameter 'text'"),
        ([{"kind": "words", "atleast": 5}], "'words' has no parameter 'atleast'"),
        ([{"kind": "words"}], "needs at_least, at_most or exactly"),
        ([{"kind": "keyword", "at_least": 1}], "needs keyword"),
        ([{"kind": "words", "at_least": "5"}], "cannot use at_least"),
        ([{"kind": "words", "at_least": -1}], "cannot use at_least"),
        ([{"kind": "words", "at_least": True}], "cannot use at_least"),
        ([{"kind": "letter", "letter": "ab", "exactly": 1}], "cannot use letter"),
        ([{"kind": "paragraph_starts", "paragraph": 0, "text": "x"}], "cannot use paragraph"),
        ([{"kind": "regex", "pattern": "(a+)+$"}], "unknown kind 'regex'"),
        ([{"kind": "json", "keys": "name"}], "cannot use keys"),
    ],
)
def test_constraints_that_cannot_be_checked_are_errors(given: Any, reason: str) -> None:
    found = parses("constraints", "", constraints=given)
    assert found is not None
    assert reason in found
    outcome = verify("constraints", "one", "", constraints=given)
    assert outcome.outcome == "error"
    assert reason in outcome.reason


HOSTILE = ["!" * 190_000 + "x", "* " * 90_000, "[" * 190_000, "<<" + "a" * 190_000, " \n" * 90_000]


@pytest.mark.parametrize("text", [*HOSTILE, "a " * 95_000, "*a" * 90_000, "\t" * 190_000 + "x"])
def test_long_responses_are_quick(text: str) -> None:
    rules = [rule for rule, _, _ in CASES]
    start = time.process_time()
    verify("constraints", text, "", constraints=rules)
    assert time.process_time() - start < 5


def test_a_response_that_is_too_long_is_unparseable() -> None:
    rules = [{"kind": "no_commas"}]
    assert verify("constraints", "a" * 200_001, "", constraints=rules).outcome == "unparseable"
