"""Benchmark files to tasks of lm-evaluation-harness, which then needs no network.

Reads a benchmark file (JSONL, plain or packed, or parquet; a row has ``question``, ``answer`` and,
where one is chosen, ``choices``) and a YAML of ``evaluation/tasks/``. Writes, in a folder:

    <task>.jsonl   id, subject, question, answer, choices, gold (the right choice's place, or -1)
    <task>.yaml    the task, as lm-evaluation-harness reads it
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import yaml

from webscale_dagster.experiment import Benchmark
from webscale_dagster.readers.records import SourceError
from webscale_dagster.readers.whole import read_objects
from webscale_dagster.recipe import content_hash
from webscale_dagster.training.program import TrainingError

Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """How questions are asked and answers are read: ``evaluation/tasks/<name>.yaml``.

    ``answer_type`` names the verifier that reads the answers as well, as a check of the filters.
    """

    name: str
    chooses: bool  # compares the likelihoods of choices, which needs log probabilities
    answer_type: str = ""


_SHAPES = (
    Shape("number", False, "number"),
    Shape("math", False, "math"),
    Shape("text", False),
    Shape("letters", True),
    Shape("cloze", True),
    Shape("printed", True),
)
_NAMES = {
    "number": "gsm8k svamp mawps aime24 aime25 aime26 amc23",
    "math": "math500 math_test minerva_math olympiadbench college_math hmmt25",
    "text": "bbh",
    "letters": "mmlu mmlu_pro_sample",
    "cloze": "arc_challenge arc_easy openbook_qa piqa",
    "printed": "boolq commonsense_qa siqa logi_qa strategy_qa agieval_lsat_ar agieval_lsat_lr"
    " agieval_lsat_rc agieval_sat_en",
}
TASKS: dict[str, Shape] = {name: shape for shape in _SHAPES for name in _NAMES[shape.name].split()}
_WHOLE = re.compile(r"(-?\d+)\.0+")


def shape_of(task: str) -> Shape:
    """The shape of a task; raises TrainingError for a task that is not known."""
    if task not in TASKS:
        known = ", ".join(sorted(TASKS))
        raise TrainingError(f"evaluation.benchmarks: no task {task!r}; known are {known}")
    return TASKS[task]


def prepare_task(
    benchmark: Benchmark, folder: Path, *, max_tokens: int = 512, few_shot: int = 0
) -> str:
    """Write the files of a benchmark's task; returns its name.

    ``max_tokens`` are those of a written answer; ``few_shot`` examples are other rows of the file.
    With a limit, rows are drawn by the hash of their ids: from all over the file, always the same.
    Raises TrainingError for an unknown task, a missing or broken file, and a row that lacks a
    field.
    """
    shape = shape_of(benchmark.task)
    rows = _drawn(benchmark_rows(benchmark), benchmark.limit)
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{benchmark.task}.jsonl"
    data.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    text = task_yaml(benchmark.task, shape, str(data.resolve()), max_tokens, few_shot)
    (folder / f"{benchmark.task}.yaml").write_text(text, encoding="utf-8")
    return benchmark.task


def task_yaml(task: str, shape: Shape, data: str, max_tokens: int, few_shot: int) -> str:
    """The task as YAML, its questions in the file ``data``."""
    source = resources.files("webscale_dagster") / "evaluation" / "tasks" / f"{shape.name}.yaml"
    config: Row = {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": data}},
        "test_split": "test",
        "fewshot_split": "test",
        "num_fewshot": few_shot,
        **yaml.safe_load(source.read_text("utf-8")),
    }
    if not shape.chooses:
        config["generation_kwargs"]["max_gen_toks"] = max_tokens
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)


def benchmark_rows(benchmark: Benchmark) -> list[Row]:
    """All rows of a benchmark's file in the one shape that the tasks read."""
    path = benchmark_path(benchmark)
    shape, rows = shape_of(benchmark.task), []
    try:
        for number, fields in read_objects(path):
            try:
                rows.append(_row(number, fields, shape))
            except ValueError as error:
                raise TrainingError(
                    f"{path}: record {number} does not fit the task {benchmark.task}: {error};"
                    f" its fields: {', '.join(fields)}; repair the row or take another file"
                ) from None
    except SourceError as error:
        raise TrainingError(str(error)) from None
    if not rows:
        raise TrainingError(f"{path}: no row in it; fetch the file again")
    return rows


def benchmark_path(benchmark: Benchmark) -> Path:
    """The file that a benchmark's ``uri`` names, ``${ENV}`` expanded; it is there."""
    path = Path(os.path.expandvars(benchmark.uri))
    if not path.is_file():
        unset = re.findall(r"\$\{?(\w+)", str(path))
        remedy = f"set {unset[0]} to the folder" if unset else "fetch it, or correct its uri"
        raise TrainingError(f"{path}: no such file for the task {benchmark.task}; {remedy}")
    return path


def _row(number: int, fields: Mapping[str, Any], shape: Shape) -> Row:
    question, answer = _text(fields, "question"), _text(fields, "answer")
    row = {
        "id": str(fields.get("id", number)),
        "subject": str(fields.get("subject") or ""),
        "question": question,
        "answer": _WHOLE.sub(r"\1", answer) if shape.name == "number" else answer,
    }
    if not shape.chooses:
        return {**row, "choices": [], "gold": -1}
    choices = fields.get("choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(map(_is_text, choices)):
        raise ValueError("wanted choices, a list of two texts or more")
    gold = fields.get("answer_index")  # two choices may read the same
    if not isinstance(gold, int) or not 0 <= gold < len(choices) or choices[gold] != answer:
        if answer not in choices:
            raise ValueError(f"its answer {answer[:40]!r} is none of its choices")
        gold = choices.index(answer)
    return {**row, "choices": choices, "gold": gold}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"wanted {name}, a text")
    return value


def _drawn(rows: Sequence[Row], limit: int) -> list[Row]:
    if not limit or limit >= len(rows):
        return list(rows)
    ranked = sorted(range(len(rows)), key=lambda at: content_hash(rows[at]["id"], str(at)))
    return [rows[at] for at in sorted(ranked[:limit])]
