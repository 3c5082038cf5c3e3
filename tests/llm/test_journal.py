"""The journal: durable, replayed, torn lines dropped, one holder at a time."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.journal import Completion, Journal, request_key
from webscale_dagster.stages import Request


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: int


def _request(text: str, row_id: str = "r") -> Request:
    message = {"role": "user", "content": text}
    return Request("stage", row_id, {"text": text}, (message,), Answer, "v1")


class Counting:
    """A backend that answers with the length of what it is asked, or as it is told."""

    name, verifies = "counting", True

    def __init__(self, *texts: str) -> None:
        self.asked: list[str] = []
        self._texts = list(texts)

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        for place in reversed(range(len(requests))):  # replies may come in any order
            content = requests[place].messages[-1]["content"]
            self.asked.append(content)
            text = self._texts.pop(0) if self._texts else f'{{"value": {len(content)}}}'
            yield place, Completion(text, tokens_in=3, tokens_out=1)


def _ask(folder: Path, backend: Counting, *texts: str) -> tuple[list[object], JournaledModel]:
    with Journal(folder, "stage", "s-00000") as journal:
        model = JournaledModel(backend, journal, "s-00000")
        replies = model.ask([_request(text, str(place)) for place, text in enumerate(texts)])
    return [reply.value.value if reply.value else reply.error for reply in replies], model


def test_replies_come_in_order_and_are_never_asked_for_again(tmp_path: Path) -> None:
    first, again = Counting(), Counting()
    assert _ask(tmp_path, first, "a", "bb", "ccc")[0] == [1, 2, 3]
    values, model = _ask(tmp_path, again, "bb", "dddd", "a")
    assert values == [2, 4, 1]
    assert again.asked == ["dddd"]
    assert model.calls()["replayed"].to_list() == [True, False, True]


def test_a_backend_that_fails_half_way_loses_no_reply(tmp_path: Path) -> None:
    class Failing(Counting):
        def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
            yield from list(super().complete(requests))[:2]
            raise ConnectionError("the server went away")

    with pytest.raises(ConnectionError):
        _ask(tmp_path, Failing(), "a", "bb", "ccc")
    backend = Counting()
    assert _ask(tmp_path, backend, "a", "bb", "ccc")[0] == [1, 2, 3]
    assert backend.asked == ["a"]


def test_a_torn_line_is_asked_for_again(tmp_path: Path) -> None:
    _ask(tmp_path, Counting(), "a", "bb")
    path = tmp_path / "stage" / "s-00000.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    backend = Counting()
    assert _ask(tmp_path, backend, "a", "bb")[0] == [1, 2]
    assert len(backend.asked) == 1
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_reply_that_does_not_fit_is_repaired_once(tmp_path: Path) -> None:
    values, model = _ask(tmp_path, Counting('{"value": "many"}', '{"value": 7}'), "a")
    assert values == [7]
    assert model.calls().height == 2
    values, _ = _ask(tmp_path / "b", Counting("no", "no again"), "a")
    assert "JSON" in str(values[0])


def test_the_key_is_made_of_all_that_decides_a_reply() -> None:
    from dataclasses import replace

    base = _request("a")
    others = [
        replace(base, temperature=0.5),
        replace(base, max_tokens=9),
        replace(base, seed=1),
        _request("b"),
    ]
    keys = {request_key("m", request) for request in [base, *others]}
    assert len(keys | {request_key("other", base)}) == 6
    assert request_key("m", replace(base, row_id="elsewhere")) in keys


HOLD = """
import pathlib, sys, time
from webscale_dagster.llm.journal import Journal
with Journal(pathlib.Path(sys.argv[1]), "stage", "s-00000"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.timeout(60)
def test_a_second_holder_waits_until_the_first_is_dead(tmp_path: Path) -> None:
    with _holder(tmp_path, 60) as orphan:
        assert orphan.stdout is not None and orphan.stdout.readline() == "held\n"
        with _holder(tmp_path, 0) as retry:
            assert retry.stdout is not None
            assert select.select([retry.stdout], [], [], 3)[0] == []
            orphan.kill()  # whoever dies, however it dies, frees the journal
            assert retry.stdout.readline() == "held\n"
            assert retry.wait(30) == 0
