"""Runs a training program as a subprocess through Dagster Pipes, and shows how it goes.

Reads the job's ``metrics.jsonl`` while it runs: its last line becomes an observation of the asset
every few seconds, which the asset's page plots. A finished job is not run again; a killed one goes
on from its last checkpoint.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from webscale_dagster.training.job import Job

_EVERY = 5.0  # seconds between observations
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
# Of programs that compute gradients; the others run in one process.
_TRAINING = ("base", "cpt", "sft", "grpo")


class Trainer(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where training runs. Run configuration: it changes how fast weights are made, never which.

    That holds for ``processes`` up to the order of floating-point sums.
    """

    processes: int = Field(default=1, ge=1, description="Of this host: one per GPU.")
    accelerate_config: str = Field(
        default="", description="A file of `accelerate config`: DeepSpeed, FSDP, several hosts."
    )
    python: str = Field(default=sys.executable, description="Interpreter with the extra train.")
    verl_python: str = Field(default="", description="Interpreter of an environment with verl.")
    gpus_per_node: int = Field(default=8, ge=1, description="For verl.")
    nodes: int = Field(default=1, ge=1, description="For verl: hosts of the Ray cluster.")

    def verl(self) -> dict[str, Any]:
        """Where verl runs."""
        if not self.verl_python:
            raise dg.Failure(
                "grpo_checkpoint.engine is verl: name its interpreter in verl_python of the "
                "resource trainer (run configuration); docs/verl.md says how to install it",
                allow_retries=False,
            )
        nodes = {"n_gpus_per_node": self.gpus_per_node, "nnodes": self.nodes}
        return {"python": self.verl_python, **nodes}

    def command(self, job: Job, path: Path) -> list[str]:
        """What is run for a job."""
        module = f"webscale_dagster.{_MODULES.get(job.phase, f'training.{job.phase}')}"
        alone = self.processes == 1 and not self.accelerate_config
        if alone or job.phase not in _TRAINING:
            return [self.python, "-m", module, str(path)]
        launch = [self.python, "-m", "accelerate.commands.launch"]
        if self.accelerate_config:
            launch += ["--config_file", self.accelerate_config]
        else:
            launch += ["--num_processes", str(self.processes), "--num_machines", "1"]
            launch += ["--mixed_precision", "no", "--dynamo_backend", "no"]
        return [*launch, "--module", module, str(path)]


_MODULES = {"benchmarks": "evaluation.benchmarks", "verl": "training.verl_launch"}


def run_job(context: dg.AssetExecutionContext, trainer: Trainer, job: Job) -> dict[str, Any]:
    """The job's result; run it first if it is not finished. Raises ``dg.Failure`` with the why."""
    if job.phase == "verl":
        job = replace(job, how={**job.how, **trainer.verl()})
    done = job.result()
    if done is not None:
        context.log.info(f"{job.phase}-{job.key} is finished: nothing to do")
        return done
    path = job.write()
    (job.folder / "failure.json").unlink(missing_ok=True)
    client = dg.PipesSubprocessClient(env=_environment(), forward_termination=True)
    try:
        with _watched(context, job):
            client.run(context=context, command=trainer.command(job, path)).get_results()
    except Exception as error:
        raise _failure(job, error) from None
    done = job.result()
    if done is None:
        raise dg.Failure(f"{job.folder}: the program ended without a result", allow_retries=False)
    return done


def _environment() -> Mapping[str, str]:
    """Two threads fighting for one core cost more than they bring; offline stays offline."""
    cores = os.cpu_count() or 1
    chosen = {name: os.environ[name] for name in _OFFLINE if name in os.environ}
    return {"OMP_NUM_THREADS": "1" if cores <= 4 else str(cores // 2)} | chosen | _THREADS


_THREADS = {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}


def _failure(job: Job, error: Exception) -> dg.Failure:
    """What a person can mend is not tried again; a killed program is, from its checkpoint."""
    told = job.folder / "failure.json"
    if told.is_file():
        why = json.loads(told.read_text(encoding="utf-8"))["why"]
        return dg.Failure(why, allow_retries=False)
    killed = re.search(r"failed with code -\d+", str(error)) is not None
    remedy = "it goes on from its last checkpoint" if killed else "its own words are in stderr"
    return dg.Failure(f"{job.phase}-{job.key}: {error}; {remedy}", allow_retries=killed)


@contextmanager
def _watched(context: dg.AssetExecutionContext, job: Job) -> Iterator[None]:
    """Observe the asset with the newest numbers while the block runs."""
    over = threading.Event()
    partition = context.partition_key if context.has_partition_key else None

    def watch() -> None:
        seen = 0
        while not over.wait(_EVERY):
            numbers = last_numbers(job.folder / "metrics.jsonl")
            if numbers and numbers["step"] != seen:
                seen = int(numbers["step"])
                context.log_event(
                    dg.AssetObservation(
                        asset_key=context.asset_key, partition=partition, metadata=numbers
                    )
                )

    thread = threading.Thread(target=watch, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def last_numbers(path: Path) -> dict[str, float]:
    """The newest whole line of ``metrics.jsonl``; empty before there is one."""
    if not path.is_file():
        return {}
    for line in reversed(path.read_text(encoding="utf-8").splitlines()[-2:]):
        try:
            return dict(json.loads(line))
        except ValueError:
            continue  # still being written
    return {}
