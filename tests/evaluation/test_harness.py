"""Benchmark files become tasks, and what is said of files that do not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
import zstandard

from webscale_dagster.evaluation.harness import TASKS, benchmark_rows, prepare_task, shape_of
from webscale_dagster.experiment import Benchmark
from webscale_dagster.training.program import TrainingError

CHOICE = {"question": "What barks?", "answer": "a dog", "choices": ["a cat", "a dog"]}


def _file(folder: Path, rows: list[Any], name: str = "x.jsonl") -> str:
    path = folder / name
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(zstandard.compress(text) if name.endswith(".zst") else text)
    return str(path)


def _prepared(folder: Path, task: str, rows: list[Any], **how: Any) -> tuple[list[Any], Any]:
    name = prepare_task(Benchmark(task=task, uri=_file(folder, rows)), folder / "tasks", **how)
    lines = (folder / "tasks" / f"{name}.jsonl").read_text("utf-8").splitlines()
    config = yaml.safe_load((folder / "tasks" / f"{name}.yaml").read_text("utf-8"))
    return [json.loads(line) for line in lines], config


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_is_a_whole_configuration(task: str, tmp_path: Path) -> None:
    rows, config = _prepared(tmp_path, task, [CHOICE], max_tokens=77, few_shot=2)
    assert (config["task"], config["num_fewshot"]) == (task, 2)
    assert json.dumps(rows[0]) in Path(config["dataset_kwargs"]["data_files"]["test"]).read_text(
        "utf-8"
    ).replace('":', '": ').replace(",", ", ")
    if shape_of(task).chooses:
        assert config["output_type"] == "multiple_choice"
        assert (rows[0]["choices"], rows[0]["gold"]) == (["a cat", "a dog"], 1)
    else:
        assert config["generation_kwargs"]["max_gen_toks"] == 77
        assert (rows[0]["choices"], rows[0]["gold"]) == ([], -1)


def _extracted(task: str, answer: str, folder: Path) -> str:
    """What the task's filter takes out of an answer, without what its metric ignores."""
    _, config = _prepared(folder, task, [{**CHOICE, "answer": "a dog"}])
    regex = config["filter_list"][0]["filter"][0]
    found = re.findall(regex["regex_pattern"], answer)[regex["group_select"]]
    text = next(filter(None, found)) if isinstance(found, tuple) else found
    for ignored in config["metric_list"][0]["regexes_to_ignore"]:
        text = re.sub(ignored, "", text.strip())
    return str(text)


@pytest.mark.parametrize(
    ("task", "answer", "wanted"),
    [
        ("gsm8k", "2 + 2 is 4.\nAnswer: $1,234.", "1234"),
        ("math500", r"So 3.\nThus \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("math500", r"\boxed{1} and then \boxed{\left( 3, \frac{\pi}{2} \right)}", None),
        ("math500", "First 3.\nAnswer: $x^2$.", "x^2"),
        ("math500", r"Answer: $\boxed{7}$", "7"),
        ("bbh", "Answer: (A).", "(A)"),
        ("bbh", "True", "True"),
        ("bbh", "I sort them.\nThe answer is apple pear", "apple pear"),
        ("bbh", "not.\n\nvalid.  \n", "valid"),
    ],
)
def test_filters_take_the_last_answer(
    task: str, answer: str, wanted: str | None, tmp_path: Path
) -> None:
    found = _extracted(task, answer, tmp_path)
    assert found == (wanted or r"(3,\frac{\pi}{2})")


def test_numbers_lose_their_empty_decimals(tmp_path: Path) -> None:
    rows, _ = _prepared(tmp_path, "amc23", [{"question": "How many?", "answer": "27.0"}])
    assert rows[0]["answer"] == "27"
    rows, _ = _prepared(tmp_path, "amc23", [{"question": "How many?", "answer": 27}])
    assert rows[0]["answer"] == "27"


def test_the_index_decides_between_choices_that_read_the_same(tmp_path: Path) -> None:
    row = {"question": "Q?", "answer": "x", "choices": ["x", "y", "x"], "answer_index": 2}
    assert _prepared(tmp_path, "mmlu", [row])[0][0]["gold"] == 2
    row["answer_index"] = 1  # of another order of the choices
    assert _prepared(tmp_path, "mmlu", [row])[0][0]["gold"] == 0


def test_a_limit_draws_from_all_over_the_file(tmp_path: Path) -> None:
    rows = [{"id": str(i), "question": f"Q{i}", "answer": "1"} for i in range(400)]
    uri = _file(tmp_path, rows, "many.jsonl.zst")
    drawn = []
    for folder in ("one", "two"):
        prepare_task(Benchmark(task="gsm8k", uri=uri, limit=40), tmp_path / folder)
        lines = (tmp_path / folder / "gsm8k.jsonl").read_text("utf-8").splitlines()
        drawn.append([int(json.loads(line)["id"]) for line in lines])
    assert drawn[0] == drawn[1] == sorted(drawn[0])
    assert len(drawn[0]) == 40
    assert min(drawn[0]) < 60
    assert max(drawn[0]) > 340


def test_a_variable_in_the_address_is_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(tmp_path, [CHOICE])
    monkeypatch.setenv("SOME_FOLDER", str(tmp_path))
    assert len(benchmark_rows(Benchmark(task="piqa", uri="${SOME_FOLDER}/x.jsonl"))) == 1
    monkeypatch.delenv("SOME_FOLDER")
    with pytest.raises(TrainingError, match="no such file for the task piqa; set SOME_FOLDER to"):
        benchmark_rows(Benchmark(task="piqa", uri="${SOME_FOLDER}/x.jsonl"))


def test_an_unknown_task_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no task 'gsm9k'; known are .*gsm8k.*mmlu"):
        prepare_task(Benchmark(task="gsm9k", uri="x"), tmp_path)


@pytest.mark.parametrize(
    ("task", "rows", "said"),
    [
        ("gsm8k", [{"question": "Q"}], "record 1 does not fit the task gsm8k: wanted answer"),
        ("gsm8k", [CHOICE, {"answer": "1", "x": 2}], r"record 2 .* its fields: answer, x; repair"),
        ("mmlu", [{"question": "Q", "answer": "a"}], "wanted choices, a list of two texts"),
        ("mmlu", [{**CHOICE, "choices": ["a", ""]}], "wanted choices"),
        ("mmlu", [{**CHOICE, "answer": "a cow"}], "its answer 'a cow' is none of its choices"),
        ("mmlu", ["[1]\n"], "record 1 is not a JSON object; repair the file"),
        ("mmlu", ["{\n"], "record 1 is not JSON"),
        ("mmlu", [], "no row in it"),
    ],
)
def test_files_that_do_not_fit(task: str, rows: list[Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=said):
        benchmark_rows(Benchmark(task=task, uri=_file(tmp_path, rows)))
