"""Judges: a model behind the journal, and a scoring endpoint over HTTP."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.llm.fakes import Fake, model
from tests.llm.serving import Answer, Asked, Serving, completion, models
from tests.stages.test_prompts import CANARY, INJECTIONS, MARKUP
from webscale_dagster.llm.errors import WrongConfiguration
from webscale_dagster.llm.extractive import Extractive
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.judge import EndpointJudge, ModelJudge, NoVerdict, open_judge
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.prompt import quoted
from webscale_dagster.stages.protocol import Request
from webscale_dagster.verifiers import verify

QUESTION = "Which city is the capital of Austria?"
CRITERIA = ["The response gives the same answer as: Vienna", "It names a city"]


def _verdicts(*met: bool, numbers: Sequence[int] | None = None) -> str:
    numbered = zip(numbers if numbers is not None else range(len(met)), met, strict=True)
    rows = [{"criterion": number, "reason": "So it is.", "met": one} for number, one in numbered]
    return json.dumps({"verdicts": rows})


def _says(text: str) -> Callable[[Request], Completion]:
    return lambda _: Completion(text, tokens_in=3, tokens_out=1, model="tiny")


def test_a_model_judges_all_criteria_in_one_call(tmp_path: Path) -> None:
    fake = Fake(_says(_verdicts(True, False)))
    with model(tmp_path, fake) as asked:
        judge = ModelJudge(asked)
        assert judge(QUESTION, "Wien", CRITERIA) == [1.0, 0.0]
        assert judge(QUESTION, "Wien", CRITERIA) == [1.0, 0.0]
    (request,) = fake.asked  # the second time the journal knew it
    assert (request.stage, request.temperature, request.max_tokens) == ("judge", 0.0, 2048)
    system, user = request.messages
    assert "Task: grade a response" in system["content"]
    assert user["content"].startswith("<document>\nWien\n</document>")
    for number, criterion in enumerate(CRITERIA):
        assert f"{number}: {quoted(criterion)}" in user["content"]
    assert quoted(QUESTION) in user["content"]


def test_a_reason_comes_before_its_verdict() -> None:
    request = ModelJudge.__new__(ModelJudge)
    request._max_tokens = 16
    schema = request.request(QUESTION, "Wien", CRITERIA).reply.model_json_schema()  # type: ignore[union-attr]
    assert [*schema["$defs"]["CriterionVerdict"]["properties"]] == ["criterion", "reason", "met"]


@pytest.mark.parametrize("kind", INJECTIONS)
def test_a_response_stays_data(kind: str, tmp_path: Path) -> None:
    fake = Fake(_says(_verdicts(False)))
    with model(tmp_path, fake) as asked:
        ModelJudge(asked)(INJECTIONS[kind], f"Wien. {INJECTIONS[kind]} More.", [INJECTIONS[kind]])
    system, user = fake.asked[0].messages
    assert CANARY not in system["content"]
    inside, _, task = user["content"].partition("</document>")
    assert CANARY in inside and MARKUP.findall(inside.removeprefix("<document>")) == []
    lines = [line for line in task.splitlines() if CANARY in line]
    assert len(lines) == 2 and all(quoted(INJECTIONS[kind]) in line for line in lines)
    assert MARKUP.findall(task) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("met", "reply_not_json"),
        ('{"verdicts": []}', r"criteria \[\] of 2"),
        (_verdicts(True), r"criteria \[0\] of 2"),
        (_verdicts(True, True, numbers=[1, 1]), r"criteria \[1\] of 2"),
        (_verdicts(True, True, numbers=[1, 2]), r"criteria \[1, 2\] of 2"),
    ],
)
def test_a_reply_without_all_verdicts_is_no_verdict(text: str, reason: str, tmp_path: Path) -> None:
    with model(tmp_path, Fake(_says(text))) as asked, pytest.raises(NoVerdict, match=reason):
        ModelJudge(asked)(QUESTION, "Wien", CRITERIA)


def test_a_sole_verdict_belongs_to_the_sole_criterion(tmp_path: Path) -> None:
    with model(tmp_path, Fake(_says(_verdicts(True, numbers=[1])))) as asked:
        assert ModelJudge(asked)(QUESTION, "Wien", CRITERIA[:1]) == [1.0]


def test_rules_that_write_questions_do_not_judge(tmp_path: Path) -> None:
    with (
        model(tmp_path, Extractive()) as asked,  # type: ignore[arg-type]
        pytest.raises(ValueError, match="may not judge"),
    ):
        ModelJudge(asked)


def test_a_served_model_judges_for_a_verifier(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/models":
            return models("tiny")
        wien = "<document>\nWien\n" in asked.body["messages"][1]["content"]
        return completion(_verdicts(wien))

    outcomes: list[str] = []
    with Serving(answer) as server:
        recipe = Recipe().with_model(f"{server.url}#tiny")
        with open_judge(recipe, tmp_path / "journal") as judge:

            def ask(text: str) -> None:
                found = verify("judge", text, "Vienna", judge=judge, question=QUESTION)
                outcomes.append(f"{text} {found.outcome}")

            threads = [threading.Thread(target=ask, args=(t,)) for t in ("Wien", "Linz", "Wien")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(outcomes) == ["Linz wrong", "Wien correct", "Wien correct"]
        assert len(server.of("/v1/chat/completions")) == 2
    assert (tmp_path / "journal" / "judge" / "-.jsonl").stat().st_size > 0


# -- a scoring endpoint ----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webscale_dagster.llm.judge.delay", lambda tries, drawn: 0.01)


def _judge(server: Serving, **fields: Any) -> EndpointJudge:
    return EndpointJudge(f"{server.url}/score", **fields)


def test_an_endpoint_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSCALE_JUDGE_KEY", "secret-of-the-judge")
    with Serving(lambda _: Answer({"scores": [1, 0.25]})) as server:
        judge = pickle.loads(pickle.dumps(_judge(server)))  # travels into a trainer's processes
        assert judge(QUESTION, "Wien", CRITERIA) == [1.0, 0.25]
        (asked,) = server.asked
    assert asked.body == {"question": QUESTION, "response": "Wien", "criteria": CRITERIA}
    assert asked.headers["Authorization"] == "Bearer secret-of-the-judge"
    assert "secret" not in repr(judge)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_endpoint_is_asked_again(status: int) -> None:
    answers = [Answer({}, status, {"Retry-After": "0.01"}), Answer({}, status), Answer(close=True)]
    left = [*answers, Answer({"scores": [1]})]
    with Serving(lambda _: left.pop(0)) as server:
        assert _judge(server)(QUESTION, "Wien", CRITERIA[:1]) == [1.0]
        assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("answer", "tries", "error", "said"),
    [
        (Answer({"error": "busy"}, 503, {"Retry-After": "0"}), 3, NoVerdict, "busy, after 3 tries"),
        (Answer(close=True), 2, NoVerdict, "after 2 tries"),
        (Answer({"error": "no such key"}, 401), 1, WrongConfiguration, "WEBSCALE_JUDGE_KEY"),
        (Answer({}, 404), 1, WrongConfiguration, "HTTP 404"),
        (Answer({"error": "too long"}, 400), 1, NoVerdict, "too long, after 1 tries"),
        (Answer({}, 307, {"Location": "http://127.0.0.1:1/"}), 1, WrongConfiguration, "HTTP 307"),
        (Answer(b"scores: 1"), 1, NoVerdict, "in the reply: 'scores: 1'"),
        (Answer({"score": 1}), 1, NoVerdict, "in the reply"),
        (Answer({"scores": ["high"]}), 1, NoVerdict, "in the reply"),
        (Answer({"scores": 1}), 1, NoVerdict, "in the reply"),
        (Answer(b"[" * 1_000_001), 1, NoVerdict, "more than 1000000 bytes"),
    ],
)
def test_what_is_no_verdict_is_an_error(
    answer: Answer, tries: int, error: type[Exception], said: str
) -> None:
    with Serving(lambda _: answer) as server:
        with pytest.raises(error) as raised:
            _judge(server, tries=max(tries, 2) if tries > 1 else 3)(QUESTION, "Wien", CRITERIA)
        assert said in str(raised.value) and len(server.asked) == tries


def test_a_slow_endpoint_is_a_timeout() -> None:
    wait = threading.Event()

    def answer(_: Asked) -> Answer:
        wait.wait(5)
        return Answer(close=True)

    with Serving(answer) as server:
        judge = _judge(server, timeout=0.05, tries=2)
        found = verify("judge", "Wien", "Vienna", judge=judge, question=QUESTION)
        wait.set()
    assert found.outcome == "timeout" and "after 2 tries" in found.reason


def test_nobody_there_is_an_error() -> None:
    judge = EndpointJudge("http://127.0.0.1:9/score", tries=1)
    with pytest.raises(NoVerdict, match="ConnectionRefusedError"):
        judge(QUESTION, "Wien", CRITERIA)
    with pytest.raises(NoVerdict, match="too large"):
        judge(QUESTION, "x" * 1_000_001, CRITERIA)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://me:key@host/", "score"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="an http:// or https:// address"):
        EndpointJudge(url)
