"""verl itself, on what the platform makes for it: configuration, data, rewards, checkpoints.

No training: its generating engines need GPUs. ``verl.trainer.main_ppo`` is a fake beside the real
package, so the launcher is real, and so is the checkpoint that it merges. ``tests/verl/install.sh``
makes the environment; another one is named by WEBSCALE_VERL_PYTHON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.verl.fakes import beside_verl
from tests.verl.releases import ALL, small_release
from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.exports.verl import files
from webscale_dagster.training import verl_check, verl_launch
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import Report
from webscale_dagster.training.verl_config import command_line, verl_options
from webscale_dagster.training.verl_files import write_files
from webscale_dagster.training.verl_settings import How

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
KIT = ROOT / "tests" / "verl"
SMALL = {"batch": 1, "samples": 4, "micro_batch": 2, "max_prompt_tokens": 256}
SMALL |= {"max_completion_tokens": 48, "max_steps": 4, "save_steps": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "overlong": {"overlong_tokens": 16, "overlong_weight": 0.5, "format_weight": 0.25},
    "dr_grpo": {"loss": "dr_grpo", "scale_rewards": "none", "beta": 0.01, "mask_truncated": False},
    "cispo": {"loss": "cispo", "epsilon_high": 5.0, "schedule": "cosine"},
    "dynamic": {"loss": "grpo", "dynamic_sampling": True, "curriculum": "easy_first"},
    "too_long": {"max_prompt_tokens": 2},
}


@pytest.fixture(scope="module")
def python() -> str:
    """The Python of verl's environment; tests skip where there is none."""
    named = os.environ.get("WEBSCALE_VERL_PYTHON")
    path = Path(named or ROOT / ".venv-verl" / "bin" / "python")
    if not path.exists():
        pytest.skip(f"{path} is not there; tests/verl/install.sh makes it")
    return str(path)


@pytest.fixture(scope="module")
def model(python: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half a million random weights and a tokenizer."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    maker = ROOT / "tests" / "vllm_cpu" / "make_model.py"
    _call([python, str(maker), str(folder), "--context", "1024"])
    return str(folder)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the export ``verl`` of a release."""
    folder = tmp_path_factory.mktemp("exported")
    made = files(small_release(folder / "home"), ALL)
    for name in ("train", "validation"):
        (folder / f"{name}.parquet").write_bytes(made[f"{name}.parquet"])
    return {name: str(folder / f"{name}.parquet") for name in ("train", "validation")}


def _call(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def _overrides(folder: Path, exported: dict[str, str], model: str, **changed: Any) -> list[str]:
    grpo = GrpoCheckpoint(**{**SMALL, **changed})
    how = How(n_gpus_per_node=2, nnodes=2, tensor_parallel=2)
    paths = write_files(folder, exported, model, grpo, how)
    overrides = command_line(verl_options(grpo, "bf16", 17, paths, how))
    if not changed:
        exact = verl_options(grpo, "fp32", 17, replace(paths, validation=""), how)
        (folder.parent / "overrides" / "fp32.txt").write_text("\n".join(command_line(exact)))
    return overrides


@pytest.fixture(scope="module")
def seen(
    python: str, model: str, exported: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What verl says of all these settings, in one process."""
    folder = tmp_path_factory.mktemp("look")
    (folder / "overrides").mkdir()
    for name, changed in SETTINGS.items():
        lines = _overrides(folder / name, exported, model, **changed)
        (folder / "overrides" / f"{name}.txt").write_text("\n".join(lines))
    wrong = ["actor_rollout_ref.actor.loss_agg_mode=median", "data.no_such_key=1"]
    for line in wrong:
        name = line.partition("=")[0].rpartition(".")[2]
        lines = (folder / "overrides" / "plain.txt").read_text().splitlines()
        (folder / "overrides" / f"{name}.txt").write_text("\n".join([*lines, line]))
    command = [python, str(KIT / "look.py"), verl_check.__file__, str(folder / "overrides")]
    done = _call(command, PYTHONPATH=str(folder / "plain" / "verl" / "lib"))
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("LOOK "))
    return dict(json.loads(line.removeprefix("LOOK ")))


@pytest.mark.parametrize("name", [name for name in (*SETTINGS, "fp32") if name != "too_long"])
def test_verl_takes_configuration_data_and_reward(
    seen: dict[str, Any], exported: dict[str, str], name: str
) -> None:
    found = seen["checks"][name]
    rows = {split: pl.read_parquet(path) for split, path in exported.items()}
    assert "problem" not in found, found
    assert found["verl"].startswith("0.9.") and found["train"] == rows["train"].height
    assert found["validation"] == (1 if name == "fp32" else rows["validation"].height)
    kinds = set(rows["train"]["data_source"])
    assert found["scores"] == dict.fromkeys(kinds, "correct")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("too_long", "no prompt has at most 2 tokens"),
        ("loss_agg_mode", "median"),
        ("no_such_key", "no_such_key"),
    ],
)
def test_verl_refuses_what_is_wrong(seen: dict[str, Any], name: str, said: str) -> None:
    assert said in seen["checks"][name]["problem"]


def test_rewards_through_verl_s_own_worker(seen: dict[str, Any]) -> None:
    """format_weight is 0.25; the last 16 of 48 tokens cost up to 0.5."""
    found = seen["rewards"]
    assert found["right"] == [1.25, "correct"]
    assert found["wrong"] == [0.0, "unparseable"]
    assert found["failing"][0] == "VerifierFailed" and found["data_source"] in found["failing"][1]
    score, outcome = found["overlong"]
    assert outcome == "correct" and score < 1.25 - 0.45


def test_only_what_was_cut_off_is_masked(seen: dict[str, Any]) -> None:
    most = SMALL["max_completion_tokens"]
    assert seen["agent"] == {"short": [3, 3], "just_fits": [most, most], "cut_off": [most, 0]}


def test_a_sample_whose_verifier_failed_is_left_out_of_its_group(seen: dict[str, Any]) -> None:
    found = seen["groups"]
    assert found["told"] == ["running", "failure"]
    assert found["done"] == [0, 2, 3] and found["kept"] == ["u"]  # the others are trained on
    assert found["advantages"] == [0.333, -0.667, 0.333]


def _job(folder: Path, python: str, model: str, exported: dict[str, str], **how: Any) -> Job:
    fake = folder / "fake"
    if not fake.exists():
        beside_verl(fake, "sglang")
    given = {"python": python, "n_gpus_per_node": 2, "rollout": "sglang", "pythonpath": [str(fake)]}
    what = {"settings": GrpoCheckpoint(**SMALL).model_dump(mode="json"), "seed": 17}
    more = {"precision": "bf16", "budget_tokens": 10**9}
    job = Job("verl", str(folder), model, exported, {**what, **more}, {**given, **how})
    job.write()
    return job


def _wait(path: Path, program: subprocess.Popen[str], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not (path.is_file() and path.read_text().strip()):
        assert program.poll() is None and time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.1)


def test_the_launcher_from_check_to_model(
    python: str, model: str, exported: dict[str, str], tmp_path: Path
) -> None:
    """Stopped after the first checkpoint, started again, and merged by verl's own merger."""
    job = _job(tmp_path, python, model, exported)
    command = [sys.executable, "-m", "webscale_dagster.training.verl_launch"]
    command.append(str(job.folder / "job.json"))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "FAKE_VERL_SECONDS": "2"}
    first = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    _wait(job.folder / "trainer" / "latest_checkpointed_iteration.txt", first)
    first.send_signal(signal.SIGTERM)
    said, _ = first.communicate(timeout=120)
    assert first.returncode == 128 + signal.SIGTERM and "verl 0.9." in said, said
    assert job.result() is None

    said = _call(command).stdout
    result = job.result()
    assert result is not None and result["steps"] == 4 and result["verl"].startswith("0.9."), said
    lines = (job.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    assert "fake verl 3 " in (job.folder / "verl" / "console.log").read_text()
    assert (job.folder / "model" / "model.safetensors").is_file()


def test_shards_of_verl_s_own_manager_become_the_model(
    python: str, model: str, exported: dict[str, str], tmp_path: Path
) -> None:
    job = _job(tmp_path, python, model, exported, check=False)
    saved = job.folder / "trainer" / "global_step_4"
    saved.mkdir(parents=True)
    _call([python, str(KIT / "shards.py"), model, str(saved)])
    (job.folder / "trainer" / "latest_checkpointed_iteration.txt").write_text("4")
    assert len(list((saved / "actor").glob("model_world_size_2_rank_*.pt"))) == 2
    result = verl_launch.run(job, Report(job, lambda _: None))
    assert result["steps"] == 4
    script = (
        "import sys; from transformers import AutoModelForCausalLM as M, AutoTokenizer as T\n"
        "a, b = (M.from_pretrained(p).state_dict() for p in sys.argv[1:])\n"
        "assert a.keys() == b.keys() and all((a[k] == b[k].to(a[k].dtype)).all() for k in a)\n"
        "print(len(T.from_pretrained(sys.argv[2])))"
    )
    done = _call([python, "-c", script, model, str(job.folder / "model")])
    assert int(done.stdout.split()[-1]) > 300


def test_an_environment_without_an_engine_is_refused(
    python: str, model: str, exported: dict[str, str], tmp_path: Path
) -> None:
    job = _job(tmp_path, python, model, exported, rollout="vllm", pythonpath=[])
    with pytest.raises(verl_launch.TrainingError, match="vllm is not installed beside verl"):
        verl_launch.run(job, Report(job, lambda _: None))
