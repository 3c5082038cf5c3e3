"""Judges for the answer types ``judge`` and ``rubric``: a model, or an endpoint that scores.

Makes callables ``(question, response, criteria) -> scores``, which verifiers take as their option
``judge``. A model's replies are journaled under the stage name ``judge``: what was judged once
costs nothing again. An endpoint takes ``{"question", "response", "criteria"}`` and returns
``{"scores": [...]}``, a number from 0 to 1 for each criterion.
"""

from __future__ import annotations

import functools
import http.client
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import create_model

from webscale_dagster.llm.backends import open_model
from webscale_dagster.llm.endpoint import without_key
from webscale_dagster.llm.errors import Trouble, WrongConfiguration, delay, from_status
from webscale_dagster.llm.journal import Journal
from webscale_dagster.recipe import Recipe, content_hash
from webscale_dagster.stages.prompt import messages, prompt_files, prompt_version
from webscale_dagster.stages.protocol import Model, Reply, Request
from webscale_dagster.stages.reply import Reason, ReplyModel, items, up_to

NAME = "judge"
_FILES = prompt_files(NAME)
_MOST_BYTES = 1_000_000  # of a request and of a reply
_PIECE = 65_536


class NoVerdict(Exception):
    """The judge was asked and gave no usable verdict; the message says why."""


class CriterionVerdict(ReplyModel):
    """What the model says of one criterion."""

    criterion: Annotated[int, up_to(99)] = 0
    reason: Reason
    met: bool


@functools.cache
def _reply(count: int) -> type[ReplyModel]:
    verdicts = Annotated[list[CriterionVerdict], items(count, count)]
    return create_model("CriterionVerdicts", __base__=ReplyModel, verdicts=(verdicts, ...))


class ModelJudge:
    """A model that judges: a call for each response, all criteria in it. Safe in threads."""

    def __init__(self, model: Model, *, max_tokens: int = 1024) -> None:
        """``max_tokens`` is for one criterion; raises ValueError for a model that may not judge."""
        if not model.verifies:
            raise ValueError(f"{model.name} writes questions and may not judge answers")
        self._model, self._max_tokens = model, max_tokens
        self._one_at_a_time = threading.Lock()  # a model's calls share its journal and session
        self._waiting: deque[tuple[Request, Future[Reply]]] = deque()

    def __call__(self, question: str, response: str, criteria: Sequence[str]) -> list[float]:
        """1 for a criterion that is met, else 0; raises ``NoVerdict``."""
        request = self.request(question, response, criteria)
        reply = self._asked(request)
        if reply.problem is not None:
            raise NoVerdict(": ".join(reply.reject)[:500])
        met = {verdict.criterion: verdict.met for verdict in reply.value.verdicts}
        if len(criteria) == len(reply.value.verdicts) == 1:
            met = {0: reply.value.verdicts[0].met}
        if sorted(met) != list(range(len(criteria))):
            raise NoVerdict(f"verdicts on the criteria {sorted(met)} of {len(criteria)}")
        return [float(met[number]) for number in range(len(criteria))]

    def _asked(self, request: Request) -> Reply:
        """The reply; who comes first asks for all who wait, so that they are in flight at once."""
        answer: Future[Reply] = Future()
        self._waiting.append((request, answer))
        with self._one_at_a_time:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            try:
                replies = self._model.ask([asked for asked, _ in batch]) if batch else iter(())
                for (_, waiting), reply in zip(batch, replies, strict=True):
                    waiting.set_result(reply)
            except BaseException as error:
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(error)
        return answer.result()

    def request(self, question: str, response: str, criteria: Sequence[str]) -> Request:
        """What the model is asked; the response stands between tags that it cannot close."""
        numbered = list(enumerate(criteria))
        variables = {"text": response, "title": None, "question": question, "criteria": numbered}
        return Request(
            stage=NAME,
            row_id=content_hash(question, response, *criteria),
            variables=variables,
            messages=messages(NAME, variables),
            reply=_reply(len(criteria)),
            prompt_version=prompt_version(_FILES, CriterionVerdict),
            max_tokens=self._max_tokens * len(criteria),
        )


@contextmanager
def open_judge(recipe: Recipe, folder: Path) -> Iterator[ModelJudge]:
    """The recipe's model as a judge; its replies are kept in the journal of this folder."""
    with Journal(folder, NAME, "") as journal:
        yield ModelJudge(open_model(recipe, journal))


@dataclass(frozen=True)
class EndpointJudge:
    """A scoring endpoint; the key, if it needs one, is read from the environment at each call."""

    url: str
    timeout: float = 30.0  # seconds of one try
    tries: int = 4
    key_env: str = "WEBSCALE_JUDGE_KEY"

    def __post_init__(self) -> None:
        """Refuse what is no address, and an address with a password in it."""
        head = self.url.partition("://")[2].partition("/")[0]
        if not self.url.startswith(("http://", "https://")) or not head or "@" in head:
            raise ValueError("a judge's endpoint is an http:// or https:// address, without a key")

    def __call__(self, question: str, response: str, criteria: Sequence[str]) -> list[float]:
        """The endpoint's scores; raises TimeoutError, ``WrongConfiguration`` or ``NoVerdict``."""
        body = orjson.dumps({"question": question, "response": response, "criteria": [*criteria]})
        if len(body) > _MOST_BYTES:
            raise NoVerdict(f"a request of {len(body)} bytes is too large")
        tried, drawn = 0, random.Random()
        while True:
            found, tried = self._attempt(body), tried + 1
            if not isinstance(found, Trouble):
                return found
            if found.final or tried >= self.tries:
                raise self._error(found, tried)
            wait = delay(tried, drawn) if found.retry_after is None else found.retry_after
            time.sleep(min(wait, self.timeout))

    def _attempt(self, body: bytes) -> list[float] | Trouble:
        deadline = time.monotonic() + self.timeout
        sent = {"Content-Type": "application/json", "Accept": "application/json"}
        key = os.environ.get(self.key_env, "").strip()
        sent |= {"Authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(self.url, body, sent, method="POST")
        try:
            with _OPENER.open(request, timeout=self.timeout) as reply:
                return _scores(_read(reply, deadline))
        except urllib.error.HTTPError as error:
            with error:
                said = without_key(error.read(_PIECE), sent)
            return from_status(error.code, said, error.headers.get("Retry-After"), time.time())
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", error)
            kind = "timeout" if isinstance(cause, TimeoutError) else "connection"
            return Trouble(kind, f"{type(cause).__name__}: {cause}")

    def _error(self, trouble: Trouble, tried: int) -> Exception:
        said = f"{self.url}: {trouble.detail}, after {tried} tries"
        if trouble.kind == "timeout":
            return TimeoutError(said)
        if trouble.wrong:
            return WrongConfiguration(f"{said}; a key is read from {self.key_env}")
        return NoVerdict(said)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Answers go only where somebody has said that they may."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _read(reply: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body; a socket's timeout alone would let it trickle for ever."""
    data = b""
    while piece := reply.read1(_PIECE):
        data += piece
        if len(data) > _MOST_BYTES:
            raise NoVerdict(f"a reply of more than {_MOST_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the reply did not end in time")
    return data


def _scores(data: bytes) -> list[float]:
    try:
        scores = orjson.loads(data)["scores"]
        return [float(score) for score in scores]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        start = data[:80].decode("utf-8", "replace")
        raise NoVerdict(f'no {{"scores": [numbers]}} in the reply: {start!r}') from None
