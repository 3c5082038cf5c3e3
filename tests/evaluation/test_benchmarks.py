"""lm-evaluation-harness on local files: a subprocess as in earnest, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.evaluation.conftest import INSTRUCTION, KNOWN, UNKNOWN, asked
from webscale_dagster.evaluation.harness import TASKS, shape_of
from webscale_dagster.evaluation.pass_at_k import pass_at_k
from webscale_dagster.training.job import Job
from webscale_dagster.verifiers import verify

Row = dict[str, Any]
CHOICES = [
    {"id": "1", "question": "What barks?", "answer": "a dog", "choices": ["a cat", "a dog"]},
    {"id": "2", "question": "What purrs?", "answer": "a cat", "choices": ["a cat", "a dog"]},
    {"id": "3", "question": "What sings?", "answer": "a bird", "choices": ["a bird", "a", "b c"]},
]
SUMS = [
    {"id": str(at), "question": question, "answer": answer}
    for at, (question, answer) in enumerate({**KNOWN, **UNKNOWN}.items())
]


def _job(folder: Path, model: str, rows: dict[str, list[Row]], **what: Any) -> Job:
    """A job with a file of its own for each task."""
    benchmarks = []
    for task, given in rows.items():
        path = folder / f"{task}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
        benchmarks.append({"task": task, "uri": str(path)})
    settings = {"benchmarks": benchmarks, "batch": 16, "max_tokens": 12}
    made = {"seed": 1, "precision": "fp32", "settings": settings, **what}
    return Job("benchmarks", str(folder / "jobs"), model, {}, made)


def _run(job: Job, **more: str) -> tuple[int, str]:
    program = [sys.executable, "-m", "webscale_dagster.evaluation.benchmarks", str(job.write())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    done = subprocess.run(program, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


def _result(job: Job) -> Row:
    code, said = _run(job)
    assert code == 0, said
    result = job.result()
    assert result is not None
    return result


def _scores(result: Row, task: str) -> dict[str, float]:
    return {row["metric"]: row["value"] for row in result["rows"] if row["task"] == task}


@pytest.mark.service
def test_every_task_runs_on_three_rows(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    rows = {task: CHOICES if shape_of(task).chooses else SUMS[:3] for task in TASKS}
    job = _job(tmp_path, str(tiny_model), rows)
    result = _result(job)
    for task in TASKS:
        scores = _scores(result, task)
        metric = "acc" if shape_of(task).chooses else "exact_match"
        assert {metric, "prompt_cut_share"} <= set(scores)
        assert ("empty_share" in scores) == (not shape_of(task).chooses)
        assert ("verified" in scores) == bool(shape_of(task).answer_type)
        answers = pl.read_parquet(job.folder / "tasks" / f"{task}.answers.parquet")
        assert answers["correct"].mean() == pytest.approx(scores[metric])
    assert {row["n"] for row in result["rows"]} == {3}
    assert set(result["versions"]) == {"lm_eval", "transformers", "torch"}
    assert result["chat_template"] is True
    assert result["skipped"] == []
    assert not (job.folder / "cache").exists()
    said = json.loads((job.folder / "prompts.json").read_text("utf-8"))["gsm8k"]
    assert said["prompts"][0] == f"<|user|>{SUMS[0]['question']}\n\n{INSTRUCTION}<|assistant|>"
    assert "task: gsm8k" in said["yaml"]
    assert str(tmp_path) not in said["yaml"]  # the hash is of the task, not of its place
    assert len(said["yaml_sha256"]) == len(said["questions_sha256"]) == 64


def _greedy(model: Path, folder: Path) -> float:
    """Mean pass@1 of the likeliest answers, by the program ``sample`` and our verifier."""
    from webscale_dagster.training import sample
    from webscale_dagster.training.program import Report

    prompts = [json.dumps(asked(row["question"])) for row in SUMS]
    path = folder / "prompts.parquet"
    pl.DataFrame({"id": [row["id"] for row in SUMS], "prompt": prompts}).write_parquet(path)
    settings = {"samples": 1, "temperature": 0, "max_tokens": 12, "batch": 3}
    what = {"seed": 1, "precision": "fp32", "settings": settings}
    job = Job("sample", str(folder / "jobs"), str(model), {"prompts": str(path)}, what)
    job.write()
    sample.run(job, Report(job, lambda text: None))
    said = dict(pl.read_parquet(job.folder / "answers.parquet").select("id", "text").rows())
    right = [verify("number", said[row["id"]], row["answer"]).outcome == "correct" for row in SUMS]
    return sum(pass_at_k(1, int(one), 1) for one in right) / len(right)


@pytest.mark.service
def test_an_independent_evaluator_finds_the_same(taught_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    result = _result(_job(tmp_path, str(taught_model), {"gsm8k": SUMS}))
    scores = _scores(result, "gsm8k")
    assert scores["exact_match"] == scores["verified"] == _greedy(taught_model, tmp_path)
    assert 3 / 8 <= scores["exact_match"] < 1  # what it learned, not what it did not


@pytest.mark.service
def test_a_run_goes_on_after_the_tasks_that_are_finished(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    long = {**CHOICES[0], "choices": ["a dog", "x" * 300]}
    rows = {"piqa": CHOICES, "gsm8k": SUMS[:3], "openbook_qa": [long]}
    job = _job(tmp_path, str(tiny_model), rows)
    finished = {"rows": [{"task": "piqa", "metric": "acc", "value": 0.7, "stderr": None, "n": 3}]}
    (job.folder / "tasks").mkdir(parents=True)
    (job.folder / "tasks" / "piqa.result.json").write_text(
        json.dumps({**finished, "seconds": 1, "asked": {}}), encoding="utf-8"
    )
    result = _result(job)
    assert _scores(result, "piqa") == {"acc": 0.7}
    assert "exact_match" in _scores(result, "gsm8k")
    assert [row["task"] for row in result["skipped"]] == ["openbook_qa"]
    assert "of its question 1 has 300 tokens, the model's context 256" in str(result["skipped"])


@pytest.mark.service
def test_what_is_wrong_is_said_in_one_line(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    broken = [*CHOICES, {"question": "?", "answer": "x"}]
    code, said = _run(_job(tmp_path, str(tiny_model), {"mmlu": broken}))
    assert code == 1
    assert "mmlu.jsonl: record 4 does not fit the task mmlu: wanted choices" in said
    assert "Traceback" not in said


class _Server(BaseHTTPRequestHandler):
    """Chat completions that always say 3."""

    def do_GET(self) -> None:
        self._send({"data": [{"id": "threes"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["model"] == "threes"
        content = "It is 3, for 1 + 2 is.\nAnswer: 3"
        self._send({"choices": [{"index": 0, "message": {"content": content}}]})

    def _send(self, data: Row) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/v1"
        served.shutdown()
        thread.join()


@pytest.mark.service
def test_a_server_is_asked_what_it_can_answer(server: str, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    pytest.importorskip("tenacity")
    job = _job(tmp_path, server, {"gsm8k": SUMS, "mmlu": CHOICES})
    result = _result(job)
    assert _scores(result, "gsm8k")["exact_match"] == 1 / 8
    assert [row["task"] for row in result["skipped"]] == ["mmlu"]
    assert "log probabilities" in result["skipped"][0]["reason"]


@pytest.mark.service
def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    pytest.importorskip("tenacity")
    code, said = _run(_job(tmp_path, "http://127.0.0.1:1/v1", {"gsm8k": SUMS}))
    assert code == 1
    assert "http://127.0.0.1:1/v1/models names no model" in said


REAL = ("gsm8k", "math500", "mmlu", "bbh", "arc_challenge", "arc_easy", "boolq", "mmlu_pro_sample")


@pytest.mark.realdata
def test_real_benchmarks(corpora: Path, tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("lm_eval")
    uri = "${WEBSCALE_CORPORA}/benchmarks/{}.jsonl.zst"
    benchmarks = [{"task": t, "uri": uri.replace("{}", t), "limit": 50} for t in REAL]
    settings = {"benchmarks": benchmarks, "batch": 16, "max_tokens": 32}
    job = Job("benchmarks", str(tmp_path), str(tiny_model), {}, {"seed": 1, "settings": settings})
    result = _result(job)
    assert {row["task"] for row in result["rows"]} == set(REAL)
    assert {row["n"] for row in result["rows"]} == {50}
    print(result["seconds"])


@pytest.mark.realdata
def test_every_real_file_fits_its_task(corpora: Path) -> None:
    from webscale_dagster.evaluation.harness import benchmark_rows
    from webscale_dagster.experiment import Benchmark

    for task in TASKS:
        path = corpora / "benchmarks" / f"{task}.jsonl.zst"
        rows = benchmark_rows(Benchmark(task=task, uri=str(path)))
        assert len(rows) >= 30
