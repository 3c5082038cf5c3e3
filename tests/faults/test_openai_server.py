"""The test server does on the wire what its script says, and counts what it did."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, Field, ValidationError

from tests.faults.openai_replies import UnsupportedSchema, drawn, instance
from tests.faults.openai_server import ROOT, OpenAIServer

pytestmark = pytest.mark.service

CHAT = "/v1/chat/completions"


class Verdict(BaseModel):
    question: str = Field(min_length=5, max_length=200)
    score: int = Field(ge=1, le=5)
    keep: bool


SCHEMA = Verdict.model_json_schema()


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def content(self) -> Any:
        return self.json["choices"][0]["message"]["content"]


def body(n: int = 0, **fields: Any) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA}}
    messages = [{"role": "system", "content": "Judge."}, {"role": "user", "content": f"Text {n}"}]
    return {"model": "tiny", "messages": messages, "response_format": form} | fields


def call(
    server: OpenAIServer,
    method: str,
    path: str,
    data: Any = None,
    headers: dict[str, str] | None = None,
    timeout: float = 10,
) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        raw = data if isinstance(data, bytes | None) else json.dumps(data).encode()
        connection.request(method, path, raw, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def ask(server: OpenAIServer, n: int = 0, timeout: float = 10, **fields: Any) -> Answer:
    return call(server, "POST", CHAT, body(n, **fields), timeout=timeout)


def ask_all(server: OpenAIServer, numbers: range) -> list[Answer]:
    """All requests at once."""
    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(lambda n: ask(server, n), numbers))


def request_bytes(data: dict[str, Any], extra: str = "") -> bytes:
    raw = json.dumps(data).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(raw)}\r\n{extra}\r\n"
    return head.encode() + raw


def wire(server: OpenAIServer, raw: bytes, seconds: float = 5) -> tuple[bytes, str]:
    """Everything that comes back, and how it ended: closed, reset or timeout."""
    got = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        connection.sendall(raw)
        deadline = time.monotonic() + seconds
        while True:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                part = connection.recv(1 << 20)
            except TimeoutError:
                return got, "timeout"
            except ConnectionResetError:
                return got, "reset"
            if not part:
                return got, "closed"
            got += part


def parted(got: bytes) -> tuple[int, bytes]:
    """The length that the headers promise, and the body that came."""
    head, _, rest = got.partition(b"\r\n\r\n")
    return int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]), rest


def faulty(name: str, **options: Any) -> dict[str, Any]:
    return {"faults": [{"fault": name, "share": 1, "times": 1, **options}]}


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 3
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Healthy replies


def test_a_reply_has_the_shape_of_openai(server: OpenAIServer) -> None:
    answer = ask(server)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    reply = answer.json
    assert reply["object"] == "chat.completion" and reply["model"] == "tiny"
    choice = reply["choices"][0]
    assert choice["finish_reason"] == "stop" and choice["message"]["role"] == "assistant"
    Verdict.model_validate_json(choice["message"]["content"])
    usage = reply["usage"]
    assert usage["prompt_tokens"] > usage["prompt_tokens_details"]["cached_tokens"] > 0
    assert usage["completion_tokens"] > 0
    assert reply["id"] and reply["created"] and reply["system_fingerprint"]


def test_content_depends_on_the_body_alone(server: OpenAIServer) -> None:
    first = ask(server, 1).content
    swapped = dict(reversed(body(1).items()))
    assert call(server, "POST", CHAT, swapped).content == first
    assert ask(server, 2).content != first
    with OpenAIServer() as other:
        assert ask(other, 1).content == first
    assert server.counts()["keys"] == 2


def test_without_a_schema_content_is_text(server: OpenAIServer) -> None:
    plain = ask(server, response_format=None).content
    assert plain.endswith(".") and len(plain.split()) > 3
    assert "text" in json.loads(ask(server, response_format={"type": "json_object"}).content)


@pytest.mark.parametrize("size", [300, 1100, 20_000])
def test_padded_replies_are_as_long_as_asked(server: OpenAIServer, size: int) -> None:
    server.script({"replies": {"mode": "padded", "bytes": size}})
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "a": {"type": "string"}},
    }
    schema["properties"]["b"] = {"type": "string"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    content = json.loads(ask(server, response_format=form).content)
    assert len(content["a"]) == size and len(content["b"]) <= 100


def test_fixed_replies(server: OpenAIServer) -> None:
    server.script({"replies": {"mode": "fixed", "content": "héllo\n"}})
    assert ask(server).content == "héllo\n"


# Instances of schemas


class Kind(StrEnum):
    A = "a"
    B = "b"


class Node(BaseModel):
    name: str
    children: list[Node] = Field(default=[], max_length=3)
    parent: Node | None = None


class Strings(BaseModel):
    exact: str = Field(min_length=7, max_length=7)
    short: str = Field(max_length=3)
    empty: str = Field(max_length=0)
    long: str = Field(min_length=500, max_length=520)


class Numbers(BaseModel):
    grade: int = Field(ge=-3, le=3)
    above: int = Field(gt=10)
    below: int = Field(lt=-10)
    share: float = Field(ge=0, le=1)
    inside: float = Field(gt=0, lt=0.001)
    one: int = Field(ge=4, le=4)


class Lists(BaseModel):
    two: list[int] = Field(min_length=2, max_length=2)
    many: list[str] = Field(min_length=8)
    few: list[bool] = Field(max_length=1)
    nested: list[list[Verdict]]


class Choices(BaseModel):
    kind: Kind
    word: Literal["yes", "no", 3]
    always: Literal["only"]
    maybe: int | None
    either: Annotated[str, Field(max_length=4)] | bool | Verdict
    nothing: None


@pytest.mark.parametrize("model", [Verdict, Node, Strings, Numbers, Lists, Choices])
def test_instances_are_valid(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    for seed in range(100):
        made = instance(schema, seed * 0x9E3779B97F4A7C15 % 2**64)
        model.model_validate(made, strict=model is not Choices)
        assert made.keys() == model.model_fields.keys()
        assert made == instance(schema, seed * 0x9E3779B97F4A7C15 % 2**64)


def test_instances_take_every_choice() -> None:
    made = [instance(Choices.model_json_schema(), seed**5) for seed in range(100)]
    assert {str(m["word"]) for m in made} == {"yes", "no", "3"}
    assert {m["maybe"] is None for m in made} == {True, False}
    assert len({m["either"] for m in made if isinstance(m["either"], str)}) > 3


@pytest.mark.parametrize("schema", [{"type": "string", "pattern": "a+"}, {"type": "odd"}])
def test_what_cannot_be_made_is_refused(server: OpenAIServer, schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedSchema):
        instance(schema, 1)
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert ask(server, response_format=form).status == 400


# Faults


@pytest.mark.parametrize("name", ["400", "429", "500", "502", "503"])
def test_status_faults(server: OpenAIServer, name: str) -> None:
    server.script(faulty(name))
    refused, healthy = ask(server), ask(server)
    assert (refused.status, healthy.status) == (int(name), 200)
    assert refused.raw.startswith(b"<html>") if name == "502" else refused.json["error"]["message"]
    assert "retry-after" not in refused.headers
    counts = server.counts()
    assert (counts["asked"], counts["answered"]) == (2, 1)
    assert counts["by_fault"] == {name: 1} and counts["by_status"] == {"200": 1, name: 1}


@pytest.mark.parametrize("name", ["429", "503"])
def test_retry_after(server: OpenAIServer, name: str) -> None:
    server.script(faulty(name, retry_after="0.2"))
    assert ask(server).headers["retry-after"] == "0.2"
    server.script(faulty(name, retry_after="http-date"))
    when = parsedate_to_datetime(ask(server).headers["retry-after"]).timestamp()
    assert -1 < when - time.time() <= 1


def test_reset_breaks_the_body_off(server: OpenAIServer) -> None:
    server.script(faulty("reset", times=-1))
    got, ended = wire(server, request_bytes(body()))
    promised, came = parted(got)
    assert ended == "reset" and got.startswith(b"HTTP/1.1 200") and len(came) == promised // 2
    with pytest.raises(ConnectionResetError):
        ask(server)
    eventually(lambda: server.counts()["in_flight"] == 0)
    assert server.counts()["answered"] == 0 and server.counts()["asked"] == 2


def test_close_says_nothing(server: OpenAIServer) -> None:
    server.script(faulty("close", times=-1))
    assert wire(server, request_bytes(body())) == (b"", "closed")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server)
    eventually(lambda: server.counts()["in_flight"] == 0)
    assert server.counts()["by_status"] == {} and server.counts()["answered"] == 0


def test_hang_says_nothing_and_stays(server: OpenAIServer) -> None:
    server.script(faulty("hang"))
    assert wire(server, request_bytes(body()), 0.2) == (b"", "timeout")
    eventually(lambda: server.counts()["in_flight"] == 0)
    assert ask(server).status == 200 and server.counts()["asked_after_answered"] == 0


def test_trickle_is_slower_than_a_timeout(server: OpenAIServer) -> None:
    server.script(faulty("trickle", interval_ms=20))
    got, ended = wire(server, request_bytes(body()), 0.3)
    promised, came = parted(got)
    assert ended == "timeout" and 1 <= len(came) < 30 < promised
    eventually(lambda: server.counts()["in_flight"] == 0)
    assert server.counts()["answered"] == 0


def test_a_trickle_that_is_waited_for_is_an_answer(server: OpenAIServer) -> None:
    server.script(faulty("trickle", interval_ms=0.1))
    Verdict.model_validate_json(ask(server).content)
    assert server.counts()["answered"] == 1


def test_slow_is_late_and_well(server: OpenAIServer) -> None:
    server.script(faulty("slow", ms=250))
    started = time.monotonic()
    assert ask(server).status == 200
    assert 0.24 < time.monotonic() - started < 2
    assert server.counts()["answered"] == 1


def _not_json(raw: bytes) -> bool:
    try:
        json.loads(raw.decode())
    except ValueError:
        return True
    return False


BROKEN: dict[str, Callable[[Answer], bool]] = {
    "truncated_json": lambda a: a.raw.startswith(b'{"id"') and _not_json(a.raw),
    "invalid_utf8": lambda a: (
        b"\xff" in a.raw and bool(json.loads(a.raw.decode("utf-8", "ignore")))
    ),
    "empty_choices": lambda a: a.json["choices"] == [] and "usage" in a.json,
    "html_200": lambda a: a.headers["content-type"].startswith("text/html") and _not_json(a.raw),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bodies_are_no_answers(server: OpenAIServer, name: str) -> None:
    server.script(faulty(name))
    answer = ask(server)
    assert answer.status == 200 and int(answer.headers["content-length"]) == len(answer.raw)
    assert BROKEN[name](answer)
    assert server.counts()["answered"] == 0
    Verdict.model_validate_json(ask(server).content)
    assert server.counts()["answered"] == 1 and server.counts()["asked_after_answered"] == 0


def _is_shape(content: str) -> bool:
    with pytest.raises(ValidationError):
        Verdict.model_validate_json(content)
    return isinstance(json.loads(content), dict)


SPOILED: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "wrong_schema": lambda choice, content: _is_shape(content),
    "not_json": lambda choice, content: _not_json(content.encode()) and " " in content,
    "fenced": lambda choice, content: bool(
        Verdict.model_validate_json(content.split("```json\n")[1].split("\n```")[0])
    ),
    "think": lambda choice, content: (
        content.startswith("<think>")
        and bool(Verdict.model_validate_json(content.partition("</think>")[2]))
    ),
    "control_characters": lambda choice, content: (
        "\n\t" in content
        and _not_json(content.encode())
        and "\n\t" in json.loads(content, strict=False)["question"]
    ),
    "length": lambda choice, content: (
        choice["finish_reason"] == "length" and _not_json(content.encode())
    ),
    "empty_text": lambda choice, content: not content and choice["finish_reason"] == "stop",
    "refusal": lambda choice, content: content is None and bool(choice["message"]["refusal"]),
}


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_content_is_charged_for(server: OpenAIServer, name: str) -> None:
    server.script(faulty(name))
    answer = ask(server)
    assert answer.status == 200
    assert SPOILED[name](answer.json["choices"][0], answer.content)
    Verdict.model_validate_json(ask(server).content)
    counts = server.counts()
    assert counts["answered"] == 2 and counts["asked_after_answered"] == 1


def test_empty_text_is_empty_or_null(server: OpenAIServer) -> None:
    server.script(faulty("empty_text"))
    assert {ask(server, n).content for n in range(20)} == {"", None}


@pytest.mark.parametrize("times", [1, 3, -1])
def test_a_fault_happens_so_many_times(server: OpenAIServer, times: int) -> None:
    server.script(faulty("500", times=times))
    statuses = [ask(server).status for _ in range(5)]
    assert statuses == ([500] * 5 if times < 0 else [500] * times + [200] * (5 - times))


def test_a_fault_hits_its_share_of_keys_and_the_same_ones_again(server: OpenAIServer) -> None:
    script = {"faults": [{"fault": "500", "share": 0.3}]}
    server.script(script)
    first = [ask(server, n).status for n in range(100)]
    assert 15 <= first.count(500) <= 45
    with OpenAIServer(script) as other:
        assert [ask(other, n).status for n in range(100)] == first
    assert sum(drawn(0.05, "x", n) for n in range(10_000)) == pytest.approx(500, abs=80)


def test_a_fault_hits_what_it_matches(server: OpenAIServer) -> None:
    server.script(faulty("500", match="Text 7", times=-1))
    assert [ask(server, n).status for n in (6, 7, 8)] == [200, 500, 200]


def test_faults_of_one_key_come_one_after_the_other(server: OpenAIServer) -> None:
    server.script({"faults": [{"fault": "429"}, {"fault": "503", "times": 2}]})
    assert [ask(server).status for _ in range(4)] == [429, 503, 503, 200]


@pytest.mark.parametrize(
    "script", [{"faults": [{"fault": "odd"}]}, {"odd": 1}, {"batch": {"odd": 1}}]
)
def test_an_unknown_script_is_refused(server: OpenAIServer, script: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="odd"):
        server.script(script)
    assert ask(server).status == 200


# Refusals, speed and counts


def test_refusals(server: OpenAIServer) -> None:
    server.script({"api_key": "secret", "max_prompt_chars": 50, "fail_first": 1})
    good = {"Authorization": "Bearer secret"}
    assert call(server, "POST", CHAT, body()).json["error"]["code"] == "invalid_api_key"
    assert call(server, "GET", "/v1/models").status == 401
    assert call(server, "POST", CHAT, body(), good).status == 503
    missing = call(server, "POST", CHAT, body(model="huge"), good)
    assert missing.status == 404 and "does not exist" in missing.json["error"]["message"]
    long = body(messages=[{"role": "user", "content": "a" * 51}])
    refused = call(server, "POST", CHAT, long, good)
    assert refused.status == 400 and "maximum context length" in refused.json["error"]["message"]
    assert call(server, "POST", CHAT, body(), good).status == 200
    counts = server.counts()
    assert counts["authorization"] == ["Bearer secret"] and counts["answered"] == 1
    assert counts["by_status"] == {"200": 1, "400": 1, "401": 2, "404": 1, "503": 1}


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"messages": [1]}', b"\xff"])
def test_what_is_no_request_is_refused(server: OpenAIServer, raw: bytes) -> None:
    assert call(server, "POST", CHAT, raw).status == 400


def test_the_small_endpoints(server: OpenAIServer) -> None:
    server.script({"models": ["tiny", "other"]})
    models = call(server, "GET", "/v1/models").json["data"]
    assert [model["id"] for model in models] == ["tiny", "other"]
    assert call(server, "GET", "/health").status == 200
    prompt = {"model": "tiny", "prompt": "one two, three."}
    assert call(server, "POST", "/tokenize", prompt).json["count"] == 5
    assert call(server, "POST", "/tokenize", body()).json["tokens"] == []
    assert call(server, "GET", "/v1/odd").status == 404


def test_counts(server: OpenAIServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for n in (0, 0, 1):
        connection.request("POST", CHAT, json.dumps(body(n)))
        connection.getresponse().read()
    connection.close()
    ask(server, 1)
    counts = server.counts()
    del counts["cpu_seconds"], counts["batch"]
    assert counts == {
        "asked": 4,
        "answered": 4,
        "keys": 2,
        "asked_after_answered": 2,
        "max_in_flight": 1,
        "in_flight": 0,
        "by_status": {"200": 4},
        "by_fault": {},
        "connections_opened": 2,
        "authorization": [],
    }
    server.reset_counts()
    assert server.counts()["asked"] == 0 and server.counts()["max_in_flight"] == 0


def test_a_reply_that_nobody_waited_for_is_no_answer(server: OpenAIServer) -> None:
    server.script({"latency_ms": 150})
    assert wire(server, request_bytes(body()), 0.05) == (b"", "timeout")
    time.sleep(0.2)
    counts = server.counts()
    assert (counts["asked"], counts["answered"], counts["in_flight"]) == (1, 0, 0)


def test_a_reply_that_nobody_reads_is_no_answer(server: OpenAIServer) -> None:
    server.script({"replies": {"mode": "fixed", "content": "x" * 16_000_000}})
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request_bytes(body()))
        connection.recv(1000)
        time.sleep(0.1)
        assert server.counts()["in_flight"] == 1
    eventually(lambda: server.counts()["in_flight"] == 0)
    assert server.counts()["answered"] == 0
    assert len(ask(server).content) == 16_000_000
    assert server.counts()["answered"] == 1


def test_latency_with_jitter(server: OpenAIServer) -> None:
    server.script({"latency_ms": 50, "latency_jitter_ms": 100})

    def seconds(n: int) -> float:
        started = time.monotonic()
        ask(server, n)
        return time.monotonic() - started

    with ThreadPoolExecutor(10) as pool:
        took = sorted(pool.map(seconds, range(10)))
    assert took[0] > 0.045 and took[-1] < 1 and took[-1] - took[0] > 0.02


def test_capacity_saturates(server: OpenAIServer) -> None:
    server.script({"capacity": {"slots": 4, "service_ms": 100}})

    def fastest(n: int) -> float:
        """Of a few tries, because the machine may be busy."""
        took = []
        while len(took) < 4 and min(took, default=9) > 0.025 * n * 1.5:
            started = time.monotonic()
            assert all(answer.status == 200 for answer in ask_all(server, range(n)))
            took.append(time.monotonic() - started)
        return min(took)

    assert 0.29 < fastest(12) < 0.9  # three rounds, not twelve
    assert 0.09 < fastest(4) < 0.3
    assert server.counts()["max_in_flight"] > 4


def test_requests_that_were_given_up_take_no_slot(server: OpenAIServer) -> None:
    server.script({"capacity": {"slots": 1, "service_ms": 100}})
    gone = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
    for n, connection in enumerate(gone):
        connection.sendall(request_bytes(body(n)))
    eventually(lambda: server.counts()["in_flight"] == 10)
    for connection in gone:
        connection.close()
    started = time.monotonic()
    assert ask(server, 11).status == 200
    assert time.monotonic() - started < 0.8


def test_overload_refuses_at_once(server: OpenAIServer) -> None:
    overload = {"in_flight": 3, "status": 429, "retry_after": "1"}
    server.script({"latency_ms": 500, "overload": overload})
    answers = ask_all(server, range(8))
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) == 5 and all(a.headers["retry-after"] == "1" for a in refused)
    assert server.counts()["by_fault"] == {"overload": 5}


# HTTP


def test_chunked_bodies_and_expect(server: OpenAIServer) -> None:
    raw = json.dumps(body()).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (raw[:10], raw[10:])) + b"0\r\n\r\n"
    got, _ = wire(server, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    assert got.startswith(b"HTTP/1.1 200 ")
    _, ended = wire(server, request_bytes(body(), "Connection: close\r\n"))
    assert ended == "closed" and server.counts()["keys"] == 1
    wanted = request_bytes(body(), "Expect: 100-continue\r\n")[: -len(raw)]
    assert wire(server, wanted, 0.1)[0] == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_requests_in_pieces_and_in_a_row(server: OpenAIServer) -> None:
    raw = request_bytes(body(1)) + request_bytes(body(2)) + request_bytes(body(3))
    server.script({"latency_ms": 5})
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for at in range(0, len(raw), 701):
            connection.sendall(raw[at : at + 701])
            time.sleep(0.002)
        eventually(lambda: server.counts()["answered"] == 3)
        assert connection.recv(1 << 20).count(b"HTTP/1.1 200 OK") == 3


# Batches


def lines(names: range) -> bytes:
    rows = [
        {"custom_id": f"c{n}", "method": "POST", "url": CHAT, "body": body(n, seed=n)}
        for n in names
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def upload(server: OpenAIServer, content: bytes) -> str:
    form = (
        b'--xx\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n'
        b"Content-Type: application/jsonl\r\n\r\n" + content + b"\r\n--xx--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=xx"}
    file = call(server, "POST", "/v1/files", form, kind).json
    assert file["bytes"] == len(content) and file["filename"] == "in.jsonl"
    return str(file["id"])


def submit(server: OpenAIServer, content: bytes) -> dict[str, Any]:
    asked = {
        "input_file_id": upload(server, content),
        "endpoint": CHAT,
        "completion_window": "24h",
        "metadata": {"run": "1"},
    }
    batch: dict[str, Any] = call(server, "POST", "/v1/batches", asked).json
    return batch


def ended(server: OpenAIServer, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 5
    while True:
        batch: dict[str, Any] = call(server, "GET", f"/v1/batches/{name}").json
        if batch["status"] not in ("validating", "in_progress", "cancelling"):
            return batch
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rows(server: OpenAIServer, file: str | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    raw = call(server, "GET", f"/v1/files/{file}/content").raw
    return [json.loads(line) for line in raw.splitlines()]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [row["custom_id"] for row in found]


def test_the_life_of_a_batch(server: OpenAIServer) -> None:
    server.script({"batch": {"seconds": 0.4, "shuffle": True}})
    batch = submit(server, lines(range(10)))
    assert batch["status"] == "validating" and batch["metadata"] == {"run": "1"}
    assert batch["object"] == "batch" and batch["request_counts"]["total"] == 10
    time.sleep(0.1)
    assert call(server, "GET", f"/v1/batches/{batch['id']}").json["status"] == "in_progress"
    batch = ended(server, batch["id"])
    assert batch["status"] == "completed" and batch["error_file_id"] is None
    assert batch["request_counts"] == {"total": 10, "completed": 10, "failed": 0}
    found = rows(server, batch["output_file_id"])
    assert sorted(ids(found)) == [f"c{n}" for n in range(10)] != ids(found)
    row = next(row for row in found if row["custom_id"] == "c3")
    assert row["error"] is None and row["response"]["status_code"] == 200
    reply = row["response"]["body"]["choices"][0]["message"]["content"]
    assert reply == ask(server, 3, seed=3).content
    counts = server.counts()["batch"]
    assert counts["created"] == 1 and counts["submitted"]["c3"] == 1
    assert counts["lines_answered"] == 10 and counts["asked_after_answered"] == 0
    ended(server, submit(server, lines(range(2)))["id"])
    assert server.counts()["batch"]["asked_after_answered"] == 2


@pytest.mark.parametrize("name", ["failed", "expired", "missing", "duplicate", "bad_line"])
def test_lines_go_wrong_once(server: OpenAIServer, name: str) -> None:
    server.script({"batch": {"seconds": 0.02, name: 0.5}})
    wanted = {f"c{n}" for n in range(20)}
    batch = ended(server, submit(server, lines(range(20)))["id"])
    raw = call(server, "GET", f"/v1/files/{batch['output_file_id']}/content").raw.splitlines()
    good = [line for line in raw if not _not_json(line)]
    out = ids([json.loads(line) for line in good])
    errors = rows(server, batch["error_file_id"])
    hit = server.counts()["batch"]["by_fault"][name]
    assert 3 < hit < 17 and len(raw) - len(good) == (hit if name == "bad_line" else 0)
    assert len(out) == {"duplicate": 20 + hit, "bad_line": 20}.get(name, 20 - hit)
    assert len(errors) == (hit if name in ("failed", "expired") else 0)
    assert wanted - set(out) == (set(ids(errors)) if name != "missing" else wanted - set(out))
    if name == "expired":
        assert {row["error"]["code"] for row in errors} == {"batch_expired"}
    if name == "failed":
        assert {row["response"]["status_code"] for row in errors} == {500}
    assert server.counts()["batch"]["lines_answered"] == len(set(out))
    again = ended(server, submit(server, lines(range(20)))["id"])
    assert sorted(ids(rows(server, again["output_file_id"]))) == sorted(wanted)


def test_lines_have_faults_of_the_content(server: OpenAIServer) -> None:
    server.script({"batch": {"seconds": 0, "not_json": 1}})
    batch = ended(server, submit(server, lines(range(2)))["id"])
    for row in rows(server, batch["output_file_id"]):
        content = row["response"]["body"]["choices"][0]["message"]["content"]
        assert _not_json(content.encode())


def test_ends_of_batches(server: OpenAIServer) -> None:
    server.script({"batch": {"seconds": 0.02, "end_status": "failed"}})
    batch = ended(server, submit(server, lines(range(20)))["id"])
    assert batch["status"] == "failed" and batch["errors"]["data"][0]["code"]
    assert batch["output_file_id"] is None
    server.reset_counts()
    server.script({"batch": {"seconds": 0.02, "end_status": "expired"}})
    batch = ended(server, submit(server, lines(range(20)))["id"])
    out, errors = (rows(server, batch[f"{kind}_file_id"]) for kind in ("output", "error"))
    assert batch["status"] == "expired" and out and errors and batch["expired_at"]
    assert sorted(ids(out) + ids(errors)) == sorted(f"c{n}" for n in range(20))
    rest = range(20)
    assert ended(server, submit(server, lines(rest))["id"])["status"] == "completed"


def test_a_cancelled_batch_keeps_what_is_done(server: OpenAIServer) -> None:
    server.script({"batch": {"seconds": 0.8}})
    batch = submit(server, lines(range(40)))
    time.sleep(0.2)
    path = f"/v1/batches/{batch['id']}/cancel"
    assert call(server, "POST", path).json["status"] == "cancelling"
    batch = ended(server, batch["id"])
    assert batch["status"] == "cancelled" and batch["cancelled_at"]
    assert 3 < len(rows(server, batch["output_file_id"])) < 38
    assert call(server, "POST", path).status == 409


def test_batches_are_listed_newest_first(server: OpenAIServer) -> None:
    made = [submit(server, lines(range(1)))["id"] for _ in range(3)]
    page = call(server, "GET", "/v1/batches?limit=2").json
    assert [batch["id"] for batch in page["data"]] == [made[2], made[1]] and page["has_more"]
    page = call(server, "GET", f"/v1/batches?limit=1&after={page['last_id']}").json
    assert [batch["id"] for batch in page["data"]] == [made[0]]


def test_a_lost_submission_made_a_batch(server: OpenAIServer) -> None:
    server.script({"batch": {"seconds": 0, "submit_lost": 1, "poll_500": 2}})
    with pytest.raises(ConnectionResetError):
        submit(server, lines(range(1)))
    assert server.counts()["batch"]["created"] == 1
    found = call(server, "GET", "/v1/batches?limit=1").json["data"][0]
    assert found["metadata"] == {"run": "1"}
    path = f"/v1/batches/{found['id']}"
    assert [call(server, "GET", path).status for _ in range(3)] == [500, 500, 200]
    assert submit(server, lines(range(1)))["id"] != found["id"]


def test_what_is_no_batch_is_refused(server: OpenAIServer) -> None:
    assert call(server, "POST", "/v1/batches", {"input_file_id": "file-x"}).status == 400
    assert call(server, "GET", "/v1/batches/batch_x").status == 404
    assert call(server, "GET", "/v1/files/file-x/content").status == 404
    batch = submit(server, lines(range(1)) + lines(range(1)) + b"{cut\n")
    assert batch["status"] == "failed"
    codes = [(error["code"], error["line"]) for error in batch["errors"]["data"]]
    assert codes == [("duplicate_custom_id", 2), ("invalid_json_line", 3)]


# The process


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_killed_server_comes_back_with_its_log(tmp_path: Path) -> None:
    with OpenAIServer({"faults": [{"fault": "500"}]}, log=tmp_path / "log.jsonl") as server:
        pid, url = server.pid, server.url
        assert [ask(server).status for _ in range(2)] == [500, 200]
        server.kill()
        assert not is_running(pid)
        with pytest.raises(ConnectionRefusedError):
            ask(server)
        server.restart()
        assert server.url == url and server.counts()["asked"] == 0
        assert [ask(server).status for _ in range(2)] == [500, 200]
        logged = server.logged()
    assert logged["asked"].total() == 4 and logged["answered"].total() == 2
    assert logged["asked_after_answered"] == 2 and len(logged["asked"]) == 1
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert row["event"] == "asked" and row["key"] in logged["asked"] and row["at"] <= time.time()


def test_the_log_tells_batch_lines_apart(tmp_path: Path) -> None:
    with OpenAIServer({"batch": {"seconds": 0}}, log=tmp_path / "log.jsonl") as server:
        ended(server, submit(server, lines(range(2)))["id"])
        logged = server.logged()
    assert logged["batch"]["answered"] == {"c0": 1, "c1": 1} and not logged["asked"]


def test_the_process_ends_with_the_context() -> None:
    with pytest.raises(ZeroDivisionError), OpenAIServer(faulty("hang")) as server:
        pid = server.pid
        assert is_running(pid)
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(request_bytes(body()))
        try:
            _ = 1 / 0
        finally:
            connection.close()
    assert not is_running(pid)


def test_the_process_ends_with_its_parent() -> None:
    code = (
        "import os\n"
        "from tests.faults.openai_server import OpenAIServer\n"
        "server = OpenAIServer().__enter__()\n"
        "print(server.pid, flush=True)\n"
        "os._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    pid = int(done.stdout)
    eventually(lambda: not is_running(pid) or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    return ") Z" in Path(f"/proc/{pid}/stat").read_text()


def test_a_script_that_cannot_be_read_starts_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="did not start"), OpenAIServer({"odd": 1}):
        pass
    assert "odd" in capfd.readouterr().err
