"""One benchmark asked by lm-evaluation-harness: its scores, and what was asked and answered.

Reads the task's files, as ``harness.prepare_task`` wrote them; makes rows and frames. Answers that
are numbers or mathematics are read by our verifiers too, as metric ``verified``: a filter that
misreads a model's answers shows as a gap to ``exact_match``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.evaluation import harness
from webscale_dagster.evaluation.benchmark_models import Asked
from webscale_dagster.stages.difficulty import VERDICTS
from webscale_dagster.training.program import TrainingError
from webscale_dagster.verifiers.outcome import Outcome
from webscale_dagster.verifiers.pool import Job as Verification
from webscale_dagster.verifiers.verify_many import verify_many

ANSWERS = pl.Schema(
    {
        **dict.fromkeys(("id", "subject", "response", "target"), pl.String()),
        "correct": pl.Float64(),  # as lm_eval sees it: exact_match or acc
        "verdict": pl.String(),  # of our verifier; null where it has none for the task
    }
)
_FEWSHOT_SEED = 1234  # lm_eval's own
Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A benchmark of a job with what is needed to ask it."""

    name: str
    shape: harness.Shape
    folder: Path
    max_tokens: int
    few_shot: int


def ask(task: Task, asked: Asked) -> tuple[list[Row], Row, pl.DataFrame]:
    """Rows (task, metric, value, stderr, n), what was asked, and the answers as ``ANSWERS``.

    Metrics are lm_eval's (exact_match, acc, acc_norm) and ours: ``verified``,
    ``without_verdict_share``, ``empty_share`` of answers, and ``prompt_cut_share`` of prompts whose
    beginning did not fit. Raises TrainingError where the server or the GPU gives up.
    """
    results = _evaluated(task, asked)
    samples: list[Row] = results["samples"][task.name]
    verdicts = _verdicts(task, samples)
    rows = [*_metrics(task, results), *_verified(task, verdicts), *_flaws(task, samples, asked)]
    return rows, _asked(task, samples), _answers(task, samples, verdicts)


def _evaluated(task: Task, asked: Asked) -> Row:
    """The task's results and samples, as lm_eval gives them."""
    import aiohttp
    import torch
    from lm_eval import evaluate
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)  # a line for every prompt that is cut
    manager = TaskManager(include_path=str(task.folder), include_defaults=False)
    loaded = manager.load([task.name])
    for of in loaded["tasks"].values():
        of.set_fewshot_seed(seed=_FEWSHOT_SEED)
    try:
        return dict(
            evaluate(
                lm=asked.lm,
                task_dict=loaded,
                bootstrap_iters=1000,
                apply_chat_template=asked.chat_template,
                fewshot_as_multiturn=asked.chat_template,
            )
        )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TrainingError(
            f"{task.name}: the server does not answer ({type(error).__name__}: {error}); finished"
            " tasks are kept, so start it and run this again"
        ) from error
    except torch.OutOfMemoryError:
        raise TrainingError(
            f"{task.name}: the GPU's memory does not hold a batch; lower evaluation.batch"
        ) from None


def _metrics(task: Task, results: Row) -> Iterator[Row]:
    """lm_eval's own metrics; ``stderr`` is the standard error of the mean."""
    n = results["n-samples"][task.name]["effective"]
    given = results["results"][task.name]
    for name, value in given.items():
        metric, _, used = name.partition(",")
        if used and not metric.endswith("_stderr"):
            stderr = given.get(f"{metric}_stderr,{used}")
            stderr = float(stderr) if isinstance(stderr, int | float) else None
            yield _row(task, metric, float(value), stderr, n)


def _row(task: Task, metric: str, value: float, stderr: float | None, n: int) -> Row:
    return {"task": task.name, "metric": metric, "value": value, "stderr": stderr, "n": n}


def _verdicts(task: Task, samples: Sequence[Row]) -> list[Outcome] | None:
    """What our verifier says of each answer, where the task's answers have a type of ours."""
    if not task.shape.answer_type:
        return None
    return verify_many(
        [
            Verification(task.shape.answer_type, one["resps"][0][0], one["doc"]["answer"])
            for one in samples
        ]
    )


def _verified(task: Task, verdicts: Sequence[Outcome] | None) -> Iterator[Row]:
    """The share of answers that our verifier accepts, of those with a verdict."""
    if verdicts is None:
        return
    right = [of.outcome == "correct" for of in verdicts if of.outcome in VERDICTS]
    if right:
        rate, n = sum(right) / len(right), len(right)
        stderr = (rate * (1 - rate) / (n - 1)) ** 0.5 if n > 1 else None
        yield _row(task, "verified", rate, stderr, n)
    without = 1 - len(right) / len(verdicts)
    yield _row(task, "without_verdict_share", without, None, len(verdicts))


def _flaws(task: Task, samples: Sequence[Row], asked: Asked) -> Iterator[Row]:
    """Empty answers, and prompts that lm_eval cut at their beginning: the context is too short."""
    if not task.shape.chooses:
        empty = sum(not str(one["resps"][0][0]).strip() for one in samples)
        yield _row(task, "empty_share", empty / len(samples), None, len(samples))
    if asked.tokenizer is None:
        return
    # the last token of a choice is never read, only predicted
    room = asked.context + (1 if task.shape.chooses else -task.max_tokens)
    cut = 0
    for one in samples:
        choices = (str(choice) for _, choice in one["arguments"]) if task.shape.chooses else ("",)
        longest = str(one["arguments"][0][0]) + max(choices, key=len)
        cut += len(asked.tokenizer(longest, add_special_tokens=False)["input_ids"]) > room
    yield _row(task, "prompt_cut_share", cut / len(samples), None, len(samples))


def _answers(
    task: Task, samples: Sequence[Row], verdicts: Sequence[Outcome] | None
) -> pl.DataFrame:
    """An answer a row: what was said or chosen, and what became of it."""
    rows = []
    for at, one in enumerate(samples):
        doc = one["doc"]
        if doc["gold"] >= 0:
            scores = [of[0][0] for of in one["resps"]]
            said = doc["choices"][scores.index(max(scores))]
        else:
            said = one["resps"][0][0]
        correct = float(one["acc"] if task.shape.chooses else one["exact_match"])
        verdict = verdicts[at].outcome if verdicts else None
        rows.append((doc["id"], doc["subject"], said, doc["answer"], correct, verdict))
    return pl.DataFrame(rows, schema=ANSWERS, orient="row")


def _asked(task: Task, samples: Sequence[Row]) -> Row:
    """The task's YAML, its hash and its questions' hash wherever they lie, and two prompts."""
    data = f"{task.name}.jsonl"
    text = harness.task_yaml(task.name, task.shape, data, task.max_tokens, task.few_shot)
    return {
        "yaml": text,
        "yaml_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "questions_sha256": hashlib.sha256((task.folder / data).read_bytes()).hexdigest(),
        "prompts": [_shown(one["arguments"][0][0]) for one in samples[:2]],
    }


def _shown(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else str(getattr(prompt, "prompt", prompt))
