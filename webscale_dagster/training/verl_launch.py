"""The training program ``verl``: GRPO by verl, for many GPUs, in an environment of its own.

    python -m webscale_dagster.training.verl_launch JOB

A job as of the program ``grpo``, with ``how`` as in ``verl_settings.How`` and, where there is one,
a file ``validation``. Writes ``verl/`` (``verl_files.py``), starts ``verl.trainer.main_ppo``,
passes on its numbers and, at the end, merges its last checkpoint to ``model/``. SIGTERM is passed
on; the next start goes on with the last checkpoint in ``trainer/``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.exports.webscale_reward import VERDICTS
from webscale_dagster.llm.process_group import ProcessGroup
from webscale_dagster.training import verl_check
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import Report, TrainingError, main
from webscale_dagster.training.verl_config import command_line, verl_options
from webscale_dagster.training.verl_files import write_files
from webscale_dagster.training.verl_follow import Followed
from webscale_dagster.training.verl_settings import DIFFERENCES, How

_SECONDS = 1.0  # between two looks
_SHOWN = 15  # lines of what verl printed last
_FIELDS = GrpoCheckpoint.model_fields


def run(job: Job, report: Report) -> dict[str, Any]:
    """Train, or go on, to the last step or the budget; then make the model."""
    grpo, how = _settings(job), how_of(job)
    if job.what.get("revision", "main") not in ("", "main") and not Path(job.model).is_dir():
        raise TrainingError(f"{job.model}: verl knows no revisions; name a folder with the model")
    paths = write_files(job.folder, job.files, job.model, grpo, how)
    options = verl_options(grpo, job.what.get("precision", "bf16"), job.seed, paths, how)
    overrides = command_line(options, how.overrides)
    (job.folder / "verl" / "overrides.txt").write_text("\n".join(overrides), "utf-8")
    environment = {
        "PYTHONPATH": paths.library,
        "VERL_FILE_LOGGER_PATH": paths.metrics,
        **({"RAY_ADDRESS": how.ray_address} if how.ray_address else {}),
    }
    found = check(job.folder, how, environment, report) if how.check else {}
    followed = Followed(job.folder, report, grpo.batch * grpo.samples, grpo.max_steps)
    budget = int(job.what.get("budget_tokens", 0))
    if not _is_done(followed, grpo, budget):
        for name in DIFFERENCES:
            report.say(f"verl: {name}: {DIFFERENCES[name]}")
        _train(job, how, overrides, environment, followed, budget)
        followed.pass_on()
    step = followed.checkpoint
    _merge(job.folder, step, how, environment)
    return {
        "steps": step,
        "training_tokens": followed.tokens(step),
        "generated_tokens": followed.generated(step),
        "verifier_failures": followed.verifier_failures,
        "gpus": how.gpus,
        "verl": found.get("verl", ""),
    }


def how_of(job: Job) -> How:
    """What the job says of speed and place, beside those settings that are the recipe's."""
    given = {name: value for name, value in job.how.items() if name not in _FIELDS}
    known = {field.name for field in fields(How)}
    if unknown := sorted(set(given) - known):
        raise TrainingError(f"how.{unknown[0]}: verl's launcher knows {', '.join(sorted(known))}")
    lists = {name: tuple(given[name]) for name in ("pythonpath", "overrides") if name in given}
    return How(**{**given, **lists})


def check(folder: Path, how: How, environment: dict[str, str], report: Report) -> dict[str, Any]:
    """What verl itself says of its configuration, the data and the reward function."""
    command = [how.python, verl_check.__file__, str(folder / "verl" / "overrides.txt")]
    try:
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise TrainingError(
            f"how.python = {how.python!r}: {error.strerror}; name the Python of verl's environment"
        ) from None
    marked = [line for line in done.stdout.splitlines() if line.startswith(verl_check.MARK)]
    if not marked:
        raise TrainingError(f"{how.python} cannot run verl: {_last_lines(done.stderr)}")
    found: dict[str, Any] = json.loads(marked[-1].removeprefix(verl_check.MARK))
    if "problem" in found:
        raise TrainingError(f"verl does not take its configuration: {found['problem']}")
    if not found["engine"]:
        raise TrainingError(f"{how.python}: {how.rollout} is not installed beside verl")
    if bad := [pair for pair in found["scores"].items() if pair[1] not in VERDICTS]:
        raise TrainingError(
            f"in verl's environment the verifier of {bad[0][0]} fails: {bad[0][1]} "
            "(math needs math-verify, unusual units pint, code bubblewrap)"
        )
    report.say(f"verl {found['verl']}: {found['train']} questions, scores {found['scores']}")
    return found


def _settings(job: Job) -> GrpoCheckpoint:
    try:
        given = {name: value for name, value in job.settings.items() if name in _FIELDS}
        return GrpoCheckpoint.model_validate({**job.what["settings"], **given})
    except ValidationError as error:
        raise TrainingError(f"[grpo_checkpoint] {error}") from None


def _is_done(followed: Followed, grpo: GrpoCheckpoint, budget: int) -> bool:
    last = followed.checkpoint
    return last >= grpo.max_steps or (min(budget, last) > 0 and followed.enough(budget))


def _train(
    job: Job,
    how: How,
    overrides: list[str],
    environment: dict[str, str],
    followed: Followed,
    budget: int,
) -> None:
    """Run verl until it ends, or until a checkpoint has spent the budget."""
    command = [how.python, "-m", "verl.trainer.main_ppo", *overrides]
    console = job.folder / "verl" / "console.log"
    with console.open("ab") as log, _stops():
        verl = ProcessGroup(command, log, environment)
        try:
            while (code := verl.poll()) is None:
                time.sleep(_SECONDS)
                followed.pass_on()
                if budget and followed.checkpoint and followed.enough(budget):
                    return
        finally:
            verl.stop(how.seconds_to_stop)
    if code:
        raise TrainingError(f"verl ended with {code}; {console}: {_last_lines(_tail(console))}")
    if not followed.checkpoint:
        raise TrainingError(f"verl ended without a checkpoint; see {console}")


@contextmanager
def _stops() -> Iterator[None]:
    """SIGTERM ends us by way of ``finally``, so that verl is told and waited for."""

    def stop(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _merge(folder: Path, step: int, how: How, environment: dict[str, str]) -> None:
    """The sharded checkpoint as a Hugging Face model, in bfloat16 as verl merges it."""
    actor, aside = folder / "trainer" / f"global_step_{step}" / "actor", folder / ".model.part"
    shutil.rmtree(aside, ignore_errors=True)
    command = [how.python, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    command += ["--local_dir", str(actor), "--target_dir", str(aside)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode or not (aside / "config.json").is_file():
        raise TrainingError(f"{actor} could not be merged: {_last_lines(done.stderr)}")
    shutil.rmtree(folder / "model", ignore_errors=True)
    os.replace(aside, folder / "model")


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        return file.read().decode("utf-8", "replace")


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_SHOWN:])


if __name__ == "__main__":
    main(run)
