"""Requests, pairs and keys that the tests of servers, batches and kills share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.faults.openai_replies import canonical, drawn
from webscale_dagster.llm.backends import open_model
from webscale_dagster.llm.client import JournaledModel
from webscale_dagster.llm.journal import Journal, request_key
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.wire import body
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.protocol import Reply, Request
from webscale_dagster.stages.verified_qa import _reply

STAGE = "verified_qa"
SYSTEM = {"role": "system", "content": "Judge the pair that was made from the document."}


def make_requests(count: int, about: str = "") -> list[Request]:
    """Requests that differ in their document, each for the verdict on one pair."""
    user = f"{about} Document {{0:05}}: the depot shipped {{0}} boxes.".lstrip()
    return [
        Request(
            STAGE,
            f"row-{n:05}",
            {},
            (SYSTEM, {"role": "user", "content": user.format(n)}),
            _reply(1),
            "v1",
        )
        for n in range(count)
    ]


def served(*addresses: str, **fields: Any) -> ModelChoice:
    """The model ``tiny`` at these addresses."""
    return ModelChoice(backend="server", name="tiny", endpoints=addresses, **fields)


def server_key(choice: ModelChoice, request: Request) -> str:
    """What the test server calls this request."""
    return canonical(orjson.loads(orjson.dumps(body(choice, request))))[1]


def journal_key(choice: ModelChoice, request: Request) -> str:
    """What the journal calls this request."""
    return request_key(choice.identity, request)


def hit(choice: ModelChoice, requests: Iterable[Request], name: str, share: float) -> set[str]:
    """Rows whose first request meets the script's only fault."""
    return {r.row_id for r in requests if drawn(share, 0, 0, name, server_key(choice, r))}


@dataclass
class Asked:
    """What came of asking."""

    replies: list[Reply]
    model: JournaledModel

    @property
    def kept(self) -> int:
        return sum(reply.problem is None for reply in self.replies)

    @property
    def problems(self) -> Counter[str]:
        return Counter(reply.problem for reply in self.replies if reply.problem)


def ask(
    folder: Path,
    choice: ModelChoice,
    requests: Iterable[Request],
    pace: Pace | None = None,
    *,
    each: Callable[[int], None] = lambda done: None,
    say: Callable[[str], None] = lambda message: None,
    journal: type[Journal] = Journal,
) -> Asked:
    """Ask all of it through the journal in the folder; ``each`` is told how many replies came."""
    replies: list[Reply] = []
    with journal(folder / "journal", STAGE, "s-00000") as opened:
        model = open_model(Recipe(model=choice), opened, pace=pace, say=say)
        for reply in model.ask(requests):
            replies.append(reply)
            each(len(replies))
    return Asked(replies, model)


def journaled(folder: Path, shard: str = "s-00000") -> set[str]:
    """Keys of all replies that are durable."""
    path = folder / STAGE / f"{shard}.jsonl"
    if not path.exists():
        return set()
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    keys = [orjson.loads(line)["key"] for line in whole]
    assert len(keys) == len(set(keys)), "a request was answered twice"
    return set(keys)


def write_pairs(path: Path, count: int) -> Path:
    """Pairs that pass all free rules, each about a document of its own."""
    with path.open("w", encoding="utf-8") as lines:
        for n in range(count):
            lines.write(json.dumps(_pair(n)) + "\n")
    return path


def _pair(n: int) -> dict[str, str]:
    number = f"{1000 + 7 * n:,}"
    quote = f"In its first year the depot at pier {n} shipped {number} crates of copper wire."
    text = f"The harbour has many piers. {quote} Later it was closed and its sheds were sold."
    question = f"How many crates of copper wire did the depot at pier {n} ship in its first year?"
    fields = {"id": f"p{n:05}", "question": question, "answer": number, "text": text}
    return fields | {"evidence": quote, "answer_type": "number"}
