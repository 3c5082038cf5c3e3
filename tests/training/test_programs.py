"""The training programs as they are run: to the end, killed and resumed, and on bad input."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tests.training import jobs
from webscale_dagster.training.job import Job

pytest.importorskip("trl")
pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]
TEXTS = [f"Text {i}: three plus {i} is {3 + i}, and that is all there is." for i in range(40)]


def _lines(job: Job) -> list[dict[str, float]]:
    text = (job.folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_grpo_streams_what_the_field_watches(tiny_model: Path, tmp_path: Path) -> None:
    job = jobs.grpo_job(tmp_path, tiny_model, jobs.examples(), 1500)
    code, said = jobs.run(job)
    assert code == 0, said
    result = job.result()
    assert result is not None and result["steps"] == len(_lines(job)) >= 3
    assert 1500 <= result["training_tokens"] < 1500 + 16 * 70
    assert 0 < result["generated_tokens"] <= result["steps"] * 16 * 6
    assert set(result["outcomes"]) <= {"correct", "wrong", "unparseable"}
    last = _lines(job)[-1]
    assert {"loss", "reward", "zero_variance_share", "entropy", "completion_tokens_mean"} <= set(
        last
    )
    assert {"reward_number", "reward_boolean", "reward_format", "training_tokens"} <= {
        name for line in _lines(job) for name in line
    }
    assert (job.folder / "model" / "model.safetensors").is_file()
    # Done is done: nothing is trained again, and the same bytes have the same key.
    assert jobs.grpo_job(tmp_path, tiny_model, jobs.examples(), 1500).result() == result


@pytest.mark.parametrize("dynamic", [False, True], ids=["plain", "dynamic sampling"])
def test_a_killed_run_ends_like_an_undisturbed_one(
    tiny_model: Path, tmp_path: Path, dynamic: bool
) -> None:
    undisturbed = jobs.grpo_job(
        tmp_path / "a", tiny_model, jobs.examples(), 3000, dynamic_sampling=dynamic
    )
    killed = jobs.grpo_job(
        tmp_path / "b", tiny_model, jobs.examples(), 3000, dynamic_sampling=dynamic
    )
    assert killed.key == undisturbed.key
    assert jobs.run(undisturbed)[0] == 0
    process = jobs.start(killed)
    deadline = time.monotonic() + 200
    while len(_metrics(killed)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert killed.result() is None
    code, said = jobs.run(killed)
    assert code == 0 and "going on from checkpoint-" in said, said
    first, second = undisturbed.result(), killed.result()
    assert first is not None and second is not None
    for name in ("steps", "training_tokens", "generated_tokens"):
        assert second[name] == first[name], name
    wanted = [[line["step"], line["loss"], line["reward"]] for line in _lines(undisturbed)]
    assert [[li["step"], li["loss"], li["reward"]] for li in _lines(killed)] == wanted
    a, b = jobs.weights(undisturbed.folder / "model"), jobs.weights(killed.folder / "model")
    assert a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a), "weights differ"


def _metrics(job: Job) -> list[str]:
    path = job.folder / "metrics.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def test_supervised_training_resumes_too(tiny_model: Path, tmp_path: Path) -> None:
    rows = jobs.examples()
    first = jobs.sft_job(tmp_path / "a", tiny_model, rows, epochs=3)
    second = jobs.sft_job(tmp_path / "b", tiny_model, rows, epochs=3)
    code, said = jobs.run(first)
    assert code == 0, said
    process = jobs.start(second)
    deadline = time.monotonic() + 200
    while len(_metrics(second)) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert jobs.run(second)[0] == 0
    assert first.result() == second.result()
    a, b = jobs.weights(first.folder / "model"), jobs.weights(second.folder / "model")
    assert all((a[name] == b[name]).all() for name in a)
    losses = [line["loss"] for line in _lines(first)]
    assert losses[-1] < losses[0] and len(losses) == 18
    assert [line["loss"] for line in _lines(second)] == losses


def test_pretraining_spends_its_budget_and_keeps_milestones(
    tiny_model: Path, tmp_path: Path
) -> None:
    job = jobs.cpt_job(tmp_path, tiny_model, TEXTS, 4 * 96 * 6)
    job.what["milestones"] = [0.5]
    code, said = jobs.run(job)
    assert code == 0, said
    result = job.result()
    assert result is not None
    assert result["training_tokens"] == 4 * 96 * 6 and result["steps"] == 6
    assert 0 < result["source_tokens"] <= result["training_tokens"]
    half, end = (jobs.weights(job.folder / name) for name in ("milestones/0.5", "model"))
    assert any((half[name] != end[name]).any() for name in end)


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(
    tiny_model: Path, tmp_path: Path
) -> None:
    job = jobs.sft_job(tmp_path, tiny_model, jobs.examples(), epochs=6, learning_rate=1e30)
    code, said = jobs.run(job)
    assert code == 1 and job.result() is None
    why = json.loads((job.folder / "failure.json").read_text(encoding="utf-8"))["why"]
    assert "learning_rate" in why and ("nan" in why or "inf" in why), why
    assert "Traceback" not in said
    for checkpoint in (job.folder / "trainer").glob("checkpoint-*"):
        assert all(tensor.isfinite().all() for tensor in jobs.weights(checkpoint).values())


def test_two_runs_never_share_a_folder(tiny_model: Path, tmp_path: Path) -> None:
    job = jobs.sft_job(tmp_path, tiny_model, jobs.examples(), epochs=40)
    first = jobs.start(job)
    deadline = time.monotonic() + 200
    while not _metrics(job) and time.monotonic() < deadline:
        time.sleep(0.05)
    code, said = jobs.run(job)
    assert code == 1 and "another run is training there" in said
    first.kill()
    first.communicate()


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap for a small disk")
def test_a_full_disk_leaves_the_last_checkpoint(tiny_model: Path, tmp_path: Path) -> None:
    """On a real small file system: room for the first checkpoints, none for what follows."""
    disk = tmp_path / "disk"
    disk.mkdir()
    job = jobs.sft_job(disk, tiny_model, jobs.examples(), epochs=9)
    script = tmp_path / "script.py"
    script.write_text(FILLS, encoding="utf-8")
    path = job.write()
    shutil.move(str(disk), str(tmp_path / "given"))
    disk.mkdir()
    done = subprocess.run(
        [
            *("bwrap", "--dev-bind", "/", "/", "--size", "6000000", "--tmpfs", str(disk)),
            *(sys.executable, str(script), str(tmp_path / "given"), str(disk), str(path)),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


FILLS = """
import json, os, pathlib, shutil, subprocess, sys, time

given, disk, path = sys.argv[1:]
shutil.copytree(given, disk, dirs_exist_ok=True)
job = pathlib.Path(path).parent
command = [sys.executable, "-m", "webscale_dagster.training.sft", path]
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
checkpoints = lambda: sorted(job.glob("trainer/checkpoint-*/trainer_state.json"))
while not checkpoints() and child.poll() is None:
    time.sleep(0.02)
filler = open(f"{disk}/filler", "wb")  # somebody else's file takes the rest
try:
    while child.poll() is None:
        filler.write(b"x" * 50_000); filler.flush()
except OSError:
    pass
said, _ = child.communicate(timeout=200)
assert child.returncode == 1, said
assert "disk is full" in said and "Traceback" not in said, said
assert not (job / "result.json").exists()
whole = checkpoints()
assert whole, "no checkpoint left"
assert all(json.loads(p.read_text())["global_step"] for p in whole)
filler.close(); os.remove(f"{disk}/filler")
again = subprocess.run(command, capture_output=True, text=True, timeout=200)
assert "going on from checkpoint-" in again.stdout, again.stdout + again.stderr
assert again.returncode == 0 and (job / "result.json").exists(), again.stdout + again.stderr
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ground_truth": "none at all"}, "cannot be rewarded"),
        ({"prompt": json.dumps([{"role": "user", "content": "many words " * 60}])}, "too long"),
        ({"answer_type": "judge", "ground_truth": "x"}, "need a judge"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_before_training(
    tiny_model: Path, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    rows = jobs.examples(8).with_columns(
        *(
            pl.when(pl.int_range(8) == 1).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
            for name, value in change.items()
        )
    )
    job = jobs.grpo_job(tmp_path, tiny_model, rows, 500)
    code, printed = jobs.run(job)
    assert code == 1 and said in printed and "Traceback" not in printed
    assert not (job.folder / "trainer").exists()


def test_a_model_without_a_chat_template_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(tiny_model, bare)
    (bare / "chat_template.jinja").unlink()
    job = jobs.sft_job(tmp_path, bare, jobs.examples())
    code, said = jobs.run(job)
    assert code == 1 and "no chat template" in said and "Traceback" not in said


def test_there_must_be_room_for_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webscale_dagster.training.checkpoints import check_room
    from webscale_dagster.training.program import TrainingError

    check_room(tmp_path, 1_000)
    with pytest.raises(TrainingError, match="WEBSCALE_CHECKPOINTS"):
        check_room(tmp_path, 10**15)


def test_longer_completions_from_a_step_on(tiny_model: Path, tmp_path: Path) -> None:
    phases = [
        {"from_step": 0, "max_completion_tokens": 3},
        {"from_step": 2, "max_completion_tokens": 9},
    ]
    job = jobs.grpo_job(
        tmp_path, tiny_model, jobs.examples(), 1600, length_phases=phases, overlong_tokens=2
    )
    code, said = jobs.run(job)
    assert code == 0, said
    longest = [line["completion_tokens_max"] for line in _lines(job)]
    assert max(longest[:2]) <= 3 < max(longest[2:]) <= 9
    assert any("reward_overlong" in line for line in _lines(job))


def test_several_processes_through_accelerate(tiny_model: Path, tmp_path: Path) -> None:
    import os

    job = jobs.grpo_job(tmp_path, tiny_model, jobs.examples(), 900, micro_batch=8)
    path = job.write()
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    done = subprocess.run(
        [*command, "--module", "webscale_dagster.training.grpo", str(path)],
        env={**os.environ, **jobs.ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = job.result()
    assert result is not None and result["steps"] == len(_lines(job))
