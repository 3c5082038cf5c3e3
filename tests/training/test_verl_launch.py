"""The launcher with a fake verl: numbers, checkpoints, the budget, signals, going on, failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.verl.fakes import whole_verl
from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.llm.process_group import members
from webscale_dagster.training import verl_launch
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import Report, TrainingError
from webscale_dagster.training.verl_follow import Followed, renamed

PROGRAM = [sys.executable, "-m", "webscale_dagster.training.verl_launch"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = tmp_path / "start"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "tiny"}')
    return str(folder)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_launch, "_SECONDS", 0.05)


def _job(tmp_path: Path, model: str, *, steps: int = 4, budget: int = 0, **how: Any) -> Job:
    rows = {
        "example_id": ["a", "b"],
        "prompt": ['[{"role": "user", "content": "How long?"}]'] * 2,
        "question": ["How long?"] * 2,
        "ground_truth": ["1 km", "2 km"],
        "answer_type": ["number"] * 2,
        "verifier_options": ["{}"] * 2,
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "rows.parquet")
    grpo = GrpoCheckpoint(batch=2, samples=4, micro_batch=2, max_steps=steps, save_steps=2)
    if not (tmp_path / "fake").exists():
        whole_verl(tmp_path / "fake")
    given = {"python": sys.executable, "pythonpath": [str(tmp_path / "fake")], "check": False}
    job = Job(
        phase="verl",
        root=str(tmp_path / "checkpoints"),
        model=model,
        files={name: str(tmp_path / "rows.parquet") for name in ("train", "validation")},
        what={
            "settings": grpo.model_dump(mode="json"),
            "seed": 17,
            "precision": "bf16",
            "budget_tokens": budget or 10**9,
        },
        how={"n_gpus_per_node": 1, "seconds_to_stop": 5.0, **given, **how},
    )
    job.write()
    return job


def _run(job: Job) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    return verl_launch.run(job, Report(job, said.append)), said


def _metrics(job: Job) -> list[dict[str, Any]]:
    lines = (job.folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_run_s_numbers_checkpoints_and_model(tmp_path: Path, model: str) -> None:
    job = _job(tmp_path, model)
    result, said = _run(job)
    assert result["steps"] == 4 and result["training_tokens"] == 4000
    assert result["generated_tokens"] == 4 * 20 * 8 and result["verifier_failures"] == 0
    made = _metrics(job)
    assert [line["step"] for line in made] == [1, 2, 3, 4]
    assert made[3]["reward"] == 0.4 and made[3]["loss"] == 0.25
    assert made[1]["training_tokens"] == 2000 and made[1]["progress"] == 0.5
    assert made[1]["validation_number"] == 0.75  # not 0.5, which calls failed verifiers wrong
    assert made[0]["verifier_failed_share"] == 0.0 and made[0]["learning_rate"] == 5e-6
    assert json.loads((job.folder / "model" / "config.json").read_text())["model_type"] == "tiny"
    folders = {path.name for path in (job.folder / "trainer").iterdir() if path.is_dir()}
    assert folders == {"global_step_2", "global_step_4"}
    assert any("max_resamples" in line for line in said)  # what verl does in another way
    again, _ = _run(job)
    assert again["training_tokens"] == 4000 and len(_metrics(job)) == 4


def test_it_ends_with_the_checkpoint_after_the_budget(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VERL_SECONDS", "0.3")
    job = _job(tmp_path, model, steps=40, budget=2500)
    result, _ = _run(job)
    assert 4 <= result["steps"] <= 6 and result["steps"] % 2 == 0
    assert result["training_tokens"] >= 2500
    assert (job.folder / "trainer" / "signals.txt").read_text() == f"{int(signal.SIGTERM)}\n"


def test_what_verl_said_last_is_in_the_error(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VERL_FAIL_AT", "3")
    job = _job(tmp_path, model)
    with pytest.raises(TrainingError, match=r"verl ended with 1; .*(\n.*)*CUDA error: out of mem"):
        _run(job)
    monkeypatch.delenv("FAKE_VERL_FAIL_AT")
    result, _ = _run(job)
    assert result["steps"] == 4
    assert [line["step"] for line in _metrics(job)] == [1, 2, 3, 4]
    console = (job.folder / "verl" / "console.log").read_text()
    assert "fake verl 1 " in console and "fake verl 3 " in console  # it went on after step 2


def test_a_loss_that_is_no_number_stops_it(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VERL_NAN_AT", "2")
    monkeypatch.setenv("FAKE_VERL_SECONDS", "0.3")
    with pytest.raises(TrainingError, match="step 2: loss is no number"):
        _run(_job(tmp_path, model, steps=40))


def _started(job: Job, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, str(job.folder / "job.json")],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _wait(what: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not (what.is_file() and what.read_text().strip()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)


def test_sigterm_reaches_verl_and_the_next_start_goes_on(tmp_path: Path, model: str) -> None:
    job = _job(tmp_path, model, steps=6)
    program = _started(job, FAKE_VERL_SECONDS="1")
    _wait(job.folder / "trainer" / "latest_checkpointed_iteration.txt")
    program.send_signal(signal.SIGTERM)
    said, _ = program.communicate(timeout=60)
    assert program.returncode == 128 + signal.SIGTERM, said
    assert (job.folder / "trainer" / "signals.txt").read_text() == f"{int(signal.SIGTERM)}\n"
    assert job.result() is None and not (job.folder / "failure.json").exists()

    program = _started(job)
    said, _ = program.communicate(timeout=60)
    assert program.returncode == 0, said
    result = job.result()
    assert result is not None and result["steps"] == 6 and result["training_tokens"] == 6000
    assert [line["step"] for line in _metrics(job)] == [1, 2, 3, 4, 5, 6]


def test_a_killed_launcher_leaves_no_verl(tmp_path: Path, model: str) -> None:
    job = _job(tmp_path, model, steps=600)
    program = _started(job, FAKE_VERL_SECONDS="0.5")
    _wait(job.folder / "verl" / "console.log")
    trainer = str(job.folder / "trainer")
    (group,) = {
        int((folder / "stat").read_text().rpartition(")")[2].split()[2])
        for folder in Path("/proc").glob("[0-9]*")
        if trainer.encode() in _command(folder)
    }
    assert members(group)
    program.kill()
    program.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while members(group):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"nodes": 2}, r"how\.nodes: verl's launcher knows .*nnodes"),
        ({"python": "/nowhere/python", "check": True}, "/nowhere/python.*No such file"),
        ({"check": True}, "cannot run verl|does not take its configuration"),
        ({"overrides": ["data.seed=3"]}, r"how\.overrides: 'data\.seed=3'"),
    ],
)
def test_what_cannot_be_started_is_said(
    tmp_path: Path, model: str, how: dict[str, Any], said: str
) -> None:
    with pytest.raises(TrainingError, match=said):
        _run(_job(tmp_path, model, **how))


def test_a_revision_is_refused(tmp_path: Path, model: str) -> None:
    job = _job(tmp_path, model)
    other = Job(**{**job.__dict__, "model": "some/repository", "what": {**job.what}})
    other.what["revision"] = "v2"
    with pytest.raises(TrainingError, match="some/repository: verl knows no revisions"):
        _run(other)


def test_failures_of_verifiers_are_counted(tmp_path: Path) -> None:
    job = Job("verl", str(tmp_path), "", {}, {"settings": {}, "seed": 1})
    work = job.folder / "verl"
    work.mkdir(parents=True)
    followed = Followed(job.folder, Report(job, lambda _: None), samples=8, steps=10)
    (work / "failures.jsonl").write_text('{"outcome": "timeout"}\n' * 2)
    line = {"step": 1, "data": {"perf/total_num_tokens": 5, "actor/loss": 0.1}}
    half = json.dumps({**line, "step": 2})
    (work / "metrics-1.jsonl").write_text(json.dumps(line) + "\n" + half[:20])
    followed.pass_on()
    assert [one["verifier_failed_share"] for one in _metrics(job)] == [0.25]
    (work / "metrics-1.jsonl").write_text(json.dumps(line) + "\n" + half + "\n")
    followed.pass_on()
    assert [one["verifier_failed_share"] for one in _metrics(job)] == [0.25, 0.0]
    assert followed.verifier_failures == 2


def test_verl_s_names_become_ours() -> None:
    data = {
        "critic/rewards/mean": 0.5,
        "response_length/clip_ratio": 0.1,
        "training/filter_groups/evicted_samples": 3,
        "val-core/webscale/date/acc/mean@1": 0.25,
        "something/else": 1.0,
    }
    assert renamed(data) == {
        "reward": 0.5,
        "cut_off_share": 0.1,
        "filtered_groups": 3.0,
        "validation_date": 0.25,
    }
