"""The model that lm-evaluation-harness asks: a folder's, or one that a server answers for.

Reads a model folder, or asks ``<address>/models`` of an endpoint as OpenAI's; writes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from webscale_dagster.evaluation.harness import Shape
from webscale_dagster.training.generation import plain_generation
from webscale_dagster.training.job import Job
from webscale_dagster.training.model_folder import context_length, load_model, load_tokenizer
from webscale_dagster.training.program import TrainingError

_MOST_SECONDS = 30  # for the list of an endpoint's models


@dataclass(frozen=True)
class Asked:
    """An ``lm_eval`` model with what a task must know of it.

    ``context`` is in tokens, prompt and answer together; ``sys.maxsize`` where it is not known.
    ``chooses``: log probabilities of given texts can be had, so choices can be compared.
    """

    lm: Any
    context: int
    chat_template: bool
    chooses: bool
    tokenizer: Any = None


def open_model(job: Job) -> Asked:
    """The job's model; raises TrainingError with the remedy where it cannot be asked."""
    if find_spec("lm_eval") is None:
        raise TrainingError('lm_eval is not installed; pip install "webscale-dagster[train]"')
    return _endpoint(job) if job.model.startswith("http") else _folder(job)


def unfit(shape: Shape, questions: Path, asked: Asked) -> str | None:
    """Why a task of this shape cannot be asked of a model; None where it can.

    ``questions`` is the task's JSONL file.
    """
    if not shape.chooses:
        return None
    if not asked.chooses:
        return (
            "it chooses by log probabilities of given texts, which chat completions do not return;"
            " run it on the model's folder"
        )
    for line in questions.read_bytes().splitlines() if shape.name != "letters" else ():
        row = orjson.loads(line)
        for choice in row["choices"]:
            length = len(asked.tokenizer(choice, add_special_tokens=False)["input_ids"])
            if length >= asked.context:
                return (
                    f"a choice of its question {row['id']} has {length} tokens, the model's context"
                    f" {asked.context}; leave it out or take a model with a longer context"
                )
    return None


def _folder(job: Job) -> Asked:
    from lm_eval.models.huggingface import HFLM

    revision = job.what.get("revision")
    tokenizer = load_tokenizer(job.model, revision)
    model = load_model(job.model, job.what.get("precision", "bf16"), revision)
    plain_generation(model, tokenizer)
    context = context_length(model.config)
    lm = HFLM(
        pretrained=model,
        tokenizer=tokenizer,
        batch_size=job.settings["batch"],
        max_length=None if context == sys.maxsize else context,
    )
    return Asked(lm, context, bool(tokenizer.chat_template), True, tokenizer)


def _endpoint(job: Job) -> Asked:
    """A server of chat completions: it applies its own template, and gives no log probabilities."""
    if find_spec("tenacity") is None:
        raise TrainingError('asking a server needs tenacity; pip install "lm_eval[api]"')
    from lm_eval.api.registry import get_model

    base = job.model.rstrip("/").removesuffix("/chat/completions")
    lm = get_model("local-chat-completions")(
        base_url=f"{base}/chat/completions",
        model=job.what.get("served_model") or _first_model(base),
        num_concurrent=max(2, job.settings["batch"]),  # one at a time it hides failures
        max_retries=5,
    )
    return Asked(lm, sys.maxsize, True, False)


def _first_model(base: str) -> str:
    key = os.environ.get("OPENAI_API_KEY", "")  # what lm_eval itself sends
    request = urllib.request.Request(f"{base}/models", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=_MOST_SECONDS) as reply:
            return str(json.load(reply)["data"][0]["id"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrainingError(
            f"{base}/models names no model ({type(error).__name__}: {error}); start the server, or"
            " correct the address: it ends in /v1 as a rule"
        ) from None
