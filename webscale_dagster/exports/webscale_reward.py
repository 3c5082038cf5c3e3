"""verl's reward function for examples of webscale-dagster: each is scored by its own verifier.

    reward.custom_reward_function.path=webscale_reward.py
    +reward.custom_reward_function.reward_kwargs.settings=reward.json    if defaults do not do

A file of its own, so that it can travel: it needs the standard library and the package
``webscale_dagster``, of which it imports the verifiers only. Reads ``settings``; appends a line to
``failures`` for each verifier that failed. Settings, with their defaults:

    weights {}            by answer type; 1 where none is given
    soft true             scores between 0 and 1 count; else 1 only from 1
    format_weight 0, format_pattern ""      what is paid for an answer that stands where it should
    judge ""              address that scores, for judge and rubric; key: WEBSCALE_JUDGE_KEY
    on_failure "zero"     or "raise": a verifier that failed has said nothing about the answer
    failures ""           file that counts them
    processes 2, seconds 10, modules []     of the verifiers' pool in each of verl's reward workers
"""

from __future__ import annotations

import functools
import json
import os
import re
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from webscale_dagster.verifiers.outcome import Outcome
from webscale_dagster.verifiers.pool import Pool

PREFIX = "webscale/"
VERDICTS = ("correct", "wrong", "unparseable")
JUDGED = ("judge", "rubric")
DEFAULTS: dict[str, Any] = {
    "weights": {},
    "soft": True,
    "format_weight": 0.0,
    "format_pattern": "",
    "judge": "",
    "on_failure": "zero",
    "failures": "",
    "processes": 2,
    "seconds": 10.0,
    "modules": [],
}
_SECONDS, _TRIES = 30.0, 3  # of one call to a judge
_starting = threading.Lock()


class VerifierFailed(RuntimeError):
    """No verdict on a completion, which verl's V1 trainer then leaves out of its group."""


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    settings: str = "",
    **_: Any,
) -> dict[str, Any]:
    """The reward and what it is made of; verl logs the numbers of validation by their names."""
    given, kind = _settings(settings), answer_type(data_source)
    outcome = _verified(kind, solution_str, ground_truth, extra_info or {}, given)
    if outcome.outcome not in VERDICTS:
        _count(given["failures"], data_source, extra_info or {}, outcome)
        if given["on_failure"] == "raise":
            raise VerifierFailed(f"{data_source}: {outcome.outcome}: {outcome.reason}")
        return {"score": 0.0, "acc": 0.0, "failed": 1, "outcome": outcome.outcome}
    earned = outcome.score if given["soft"] else float(outcome.score >= 1.0)
    score = given["weights"].get(kind, 1.0) * earned
    if given["format_weight"]:
        said = re.search(given["format_pattern"], solution_str) is not None
        score += given["format_weight"] * said
    right = float(outcome.outcome == "correct")
    return {"score": float(score), "acc": right, "failed": 0, "outcome": outcome.outcome}


def answer_type(data_source: str) -> str:
    """The answer type that a ``data_source`` names."""
    if not data_source.startswith(PREFIX):
        raise ValueError(f"data_source {data_source!r} is not of webscale-dagster: {PREFIX}<type>")
    return data_source.removeprefix(PREFIX)


def _verified(
    kind: str, text: str, truth: Any, info: Mapping[str, Any], given: Mapping[str, Any]
) -> Outcome:
    options = json.loads(info.get("verifier_options") or "{}")
    options["question"] = info.get("question")
    if kind in JUDGED and given["judge"]:
        options["judge"] = functools.partial(_judged, given["judge"])
    with _starting:
        pool = _pool(os.getpid(), given["processes"], given["seconds"], tuple(given["modules"]))
    return pool.verify(kind, text, truth, **options)


@functools.cache
def _pool(process: int, processes: int, seconds: float, modules: Sequence[str]) -> Pool:
    """The verifying processes of this process; a fork needs its own."""
    return Pool(processes, seconds=seconds, modules=modules)


@functools.cache
def _settings(path: str) -> dict[str, Any]:
    if not path:
        return DEFAULTS
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    if unknown := sorted(set(given) - set(DEFAULTS)):
        raise ValueError(f"{path}: no setting {unknown[0]!r}; known: {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **given}


def _count(path: str, data_source: str, info: Mapping[str, Any], outcome: Outcome) -> None:
    """A line of the file; short ones are appended whole, whoever else writes."""
    if path:
        about = {"data_source": data_source, "example_id": info.get("example_id")}
        line = {**about, "outcome": outcome.outcome, "reason": outcome.reason[:300]}
        with open(path, "ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")


def _judged(url: str, question: str, response: str, criteria: Sequence[str]) -> list[float]:
    """The address's scores; what it raises becomes an ``error`` or a ``timeout``."""
    body = json.dumps({"question": question, "response": response, "criteria": [*criteria]})
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("WEBSCALE_JUDGE_KEY", "").strip():
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    for tried in range(1, _TRIES + 1):
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as reply:
                return [float(score) for score in json.load(reply)["scores"]]
        except OSError:
            if tried == _TRIES:
                raise
            time.sleep(2**tried)
    raise AssertionError("a try returns or raises")
