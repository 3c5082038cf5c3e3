"""How a training program is started, and what a failed one is told to people."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pytest

from webscale_dagster.defs.launch import Trainer, last_numbers
from webscale_dagster.training.job import Job, read_job


def _job(tmp_path: Path, phase: str) -> Job:
    return Job(phase, str(tmp_path), "m", {}, {"settings": {"batch": 4}, "seed": 1})


def test_one_process_runs_the_program_itself(tmp_path: Path) -> None:
    job = _job(tmp_path, "grpo")
    command = Trainer().command(job, tmp_path / "job.json")
    assert command == [
        *(sys.executable, "-m", "webscale_dagster.training.grpo"),
        str(tmp_path / "job.json"),
    ]


def test_several_go_through_accelerate_but_sampling_does_not(tmp_path: Path) -> None:
    trainer = Trainer(processes=8)
    command = trainer.command(_job(tmp_path, "cpt"), tmp_path / "j")
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    assert command[command.index("--num_processes") + 1] == "8"
    assert command[-3:] == ["--module", "webscale_dagster.training.cpt", str(tmp_path / "j")]
    given = Trainer(accelerate_config="fsdp.yaml").command(_job(tmp_path, "sft"), tmp_path / "j")
    assert given[given.index("--config_file") + 1] == "fsdp.yaml"
    alone = trainer.command(_job(tmp_path, "sample"), tmp_path / "j")
    assert alone[2] == "webscale_dagster.training.sample"
    benchmarks = trainer.command(_job(tmp_path, "benchmarks"), tmp_path / "j")
    assert benchmarks[2] == "webscale_dagster.evaluation.benchmarks"


def test_verl_needs_an_interpreter_of_its_own() -> None:
    with pytest.raises(dg.Failure, match="verl_python"):
        Trainer().verl()
    assert Trainer(verl_python="/opt/verl/python", nodes=8).verl() == {
        "python": "/opt/verl/python",
        "n_gpus_per_node": 8,
        "nnodes": 8,
    }


def test_the_newest_whole_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert last_numbers(path) == {}
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo', encoding="utf-8")
    assert last_numbers(path) == {"step": 1, "loss": 2.0}


def test_what_decides_only_speed_is_not_in_the_key(tmp_path: Path) -> None:
    job = _job(tmp_path, "grpo")
    faster = Job("grpo", str(tmp_path), "m", {}, job.what, {"micro_batch": 64})
    assert faster.key == job.key and faster.settings == {"batch": 4, "micro_batch": 64}
    other = Job("grpo", str(tmp_path), "m", {}, {"settings": {"batch": 8}, "seed": 1})
    assert len({job.key, other.key, _job(tmp_path, "sft").key}) == 3
    assert read_job(job.write()) == job
