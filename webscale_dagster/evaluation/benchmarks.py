"""Runs benchmarks: ``python -m webscale_dagster.evaluation.benchmarks JOB``.

Reads the files of ``settings["benchmarks"]`` (``task``, ``uri``, ``limit``); ``settings["batch"]``
and ``["max_tokens"]`` as of ``Evaluation``, ``what["few_shot"]`` is 0 by default. Nothing is
fetched. ``job.model`` is a model folder, or the address of a server. lm-evaluation-harness asks.
Makes, in the job's folder:

    tasks/<task>.yaml, .jsonl       what lm_eval reads
    tasks/<task>.result.json        a finished task, which a cut-off run does not ask again
    tasks/<task>.answers.parquet    id, subject, response, target, correct, verdict
    prompts.json                    of each task its YAML, hashes and two prompts as asked
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from webscale_dagster.evaluation import harness
from webscale_dagster.evaluation.benchmark_models import Asked, open_model, unfit
from webscale_dagster.evaluation.benchmark_task import Task, ask
from webscale_dagster.experiment import Benchmark
from webscale_dagster.training.job import Job, write_json
from webscale_dagster.training.program import Report, main

Row = dict[str, Any]


def run(job: Job, report: Report) -> Row:
    """Ask every benchmark; the result has ``rows`` (task, metric, value, stderr, n).

    Besides: ``skipped`` (task, reason), ``seconds`` by task, ``versions`` and ``chat_template``.
    """
    benchmarks = [Benchmark(**given) for given in job.settings["benchmarks"]]
    for benchmark in benchmarks:
        harness.benchmark_rows(benchmark)  # all that can be wrong shows before a model is loaded
    offline(job.folder / "cache")
    asked = open_model(job)
    found: dict[str, Row] = {}
    skipped: list[Row] = []
    for benchmark in benchmarks:
        task = _prepared(job, benchmark, asked)
        if reason := unfit(task.shape, task.folder / f"{task.name}.jsonl", asked):
            skipped.append({"task": task.name, "reason": reason})
            report.say(f"{task.name}: skipped, {reason}")
        else:
            found[task.name] = _of_task(task, asked, report)
    write_json(job.folder / "prompts.json", {name: task["asked"] for name, task in found.items()})
    shutil.rmtree(job.folder / "cache", ignore_errors=True)
    return {
        "rows": [row for task in found.values() for row in task["rows"]],
        "skipped": skipped,
        "seconds": {name: task["seconds"] for name, task in found.items()},
        "versions": {name: version(name) for name in ("lm_eval", "transformers", "torch")},
        "chat_template": asked.chat_template,
    }


def offline(cache: Path) -> None:
    """Let no library fetch anything; before any of them is imported."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    os.environ["HF_DATASETS_CACHE"] = str(cache)
    os.environ.setdefault("TQDM_DISABLE", "1")


def _prepared(job: Job, benchmark: Benchmark, asked: Asked) -> Task:
    """Write the task's files; an answer may take half of a short context."""
    max_tokens = min(job.settings["max_tokens"], asked.context // 2)
    task = Task(
        benchmark.task,
        harness.shape_of(benchmark.task),
        job.folder / "tasks",
        max_tokens,
        job.what.get("few_shot", 0),
    )
    harness.prepare_task(benchmark, task.folder, max_tokens=max_tokens, few_shot=task.few_shot)
    return task


def _of_task(task: Task, asked: Asked, report: Report) -> Row:
    """What a task found, from its file if it is finished."""
    file = task.folder / f"{task.name}.result.json"
    if file.is_file():
        report.say(f"{task.name}: finished before")
        return dict(orjson.loads(file.read_bytes()))
    started = time.monotonic()
    rows, said, answers = ask(task, asked)
    answers.write_parquet(task.folder / f"{task.name}.answers.parquet")
    found = {"rows": rows, "seconds": round(time.monotonic() - started, 2), "asked": said}
    write_json(file, found)
    report.say(f"{task.name}: {_line(rows)}, {found['seconds']} s")
    return found


def _line(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row['metric']} {row['value']:.3g}" for row in rows)


if __name__ == "__main__":
    main(run)
