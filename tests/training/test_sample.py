"""Sampling: what is written, that it can be repeated and go on, and what is refused before it."""

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

from webscale_dagster.training import sample
from webscale_dagster.training.generation import Drawing
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import Report, TrainingError

SETTINGS = {"samples": 4, "temperature": 1.0, "max_tokens": 12, "batch": 8}


def _prompts(folder: Path, count: int = 7) -> str:
    said = [f"What is {'very ' * (i % 3)}{i}?" for i in range(count)]
    prompts = [json.dumps([{"role": "user", "content": text}]) for text in said]
    ids = [f"q{i:02}" for i in range(count)]
    pl.DataFrame({"id": ids, "prompt": prompts}).write_parquet(folder / "prompts.parquet")
    return str(folder / "prompts.parquet")


def _job(
    folder: Path, model: Path | str, *, root: str = "one", seed: int = 1, **settings: Any
) -> Job:
    files = {"prompts": str(folder / "prompts.parquet")}
    what = {"seed": seed, "settings": {**SETTINGS, **settings}}
    return Job("sample", str(folder / root), str(model), files, what)


def _run(job: Job) -> tuple[dict[str, Any], pl.DataFrame]:
    job.write()
    result = sample.run(job, Report(job, lambda text: None))
    return result, pl.read_parquet(job.folder / "answers.parquet")


def test_a_file_of_prompts_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    with pytest.raises(TrainingError, match="no such file of prompts"):
        sample.read_prompts(str(path))
    pl.DataFrame({"id": ["a"]}).write_parquet(path)
    with pytest.raises(TrainingError, match="wanted the columns id and prompt"):
        sample.read_prompts(str(path))
    for ids in ([], ["a", "a"]):
        pl.DataFrame({"id": ids, "prompt": ["[]"] * len(ids)}).write_parquet(path)
        with pytest.raises(TrainingError, match=f"{len(ids)} prompts; wanted some, each with its"):
            sample.read_prompts(str(path))


def test_a_batch_is_of_answers_and_greedy_needs_one() -> None:
    assert Drawing.of({**SETTINGS, "temperature": 0}).samples == 1
    assert Drawing.of(SETTINGS).prompts("") == 2
    assert Drawing.of({**SETTINGS, "samples": 100}).prompts("") == 1
    assert Drawing.of(SETTINGS).prompts("vllm") == 128


@pytest.mark.service
def test_every_prompt_has_its_answers(tiny_model: Path, tmp_path: Path) -> None:
    _prompts(tmp_path)
    result, answers = _run(_job(tmp_path, tiny_model))
    assert answers.schema == sample.SCHEMA
    wanted = [(f"q{i:02}", s) for i in range(7) for s in range(4)]
    assert answers.select("id", "sample").rows() == wanted
    assert answers["n_tokens"].is_between(1, 12).all()
    assert (answers["n_tokens"] == 12).filter(answers["cut_off"]).all()
    assert result["n_answers"] == 28
    assert result["generated_tokens"] == answers["n_tokens"].sum()
    assert result["prompt_tokens"] > 7
    assert result["seconds"] > 0


@pytest.mark.service
def test_seed_and_batch_decide_every_answer(tiny_model: Path, tmp_path: Path) -> None:
    _prompts(tmp_path)
    _, first = _run(_job(tmp_path, tiny_model))
    _, again = _run(_job(tmp_path, tiny_model, root="two"))
    _, other = _run(_job(tmp_path, tiny_model, seed=2))
    assert first.equals(again)
    assert not first["text"].equals(other["text"])
    assert first["text"].n_unique() > 20  # the samples of a prompt differ


@pytest.mark.service
def test_more_samples_than_a_batch_holds_come_in_rounds(tiny_model: Path, tmp_path: Path) -> None:
    _prompts(tmp_path, 2)
    _, answers = _run(_job(tmp_path, tiny_model, samples=5, batch=2))
    assert answers.group_by("id").len()["len"].to_list() == [5, 5]
    assert answers["text"].n_unique() > 8


@pytest.mark.service
def test_every_token_can_be_drawn(tiny_model: Path, tmp_path: Path) -> None:
    """The default of transformers, the 50 likeliest tokens, would show here."""
    _prompts(tmp_path, 1)
    _, answers = _run(_job(tmp_path, tiny_model, samples=256, batch=256, max_tokens=2))
    assert answers["text"].n_unique() > 120


def _likeliest(model: Any, tokenizer: Any, text: str, count: int) -> str:
    """Token by token, one prompt, nothing padded."""
    import torch

    said = [{"role": "user", "content": text}]
    ids = tokenizer.apply_chat_template(said, add_generation_prompt=True)["input_ids"]
    made: list[int] = []
    with torch.inference_mode():
        while len(made) < count and tokenizer.eos_token_id not in made:
            logits = model(input_ids=torch.tensor([ids + made])).logits
            made.append(int(logits[0, -1].argmax()))
    return str(tokenizer.decode(made, skip_special_tokens=True))


@pytest.mark.service
def test_padding_changes_no_answer(tiny_model: Path, tmp_path: Path) -> None:
    from webscale_dagster.training.model_folder import load_model, load_tokenizer

    path = _prompts(tmp_path)
    _, answers = _run(_job(tmp_path, tiny_model, temperature=0, batch=7))
    assert answers["sample"].to_list() == [0] * 7
    model, tokenizer = load_model(str(tiny_model), "fp32"), load_tokenizer(str(tiny_model))
    alone = [
        _likeliest(model, tokenizer, said[0]["content"], 12)
        for said in sample.read_prompts(path).values()
    ]
    assert answers["text"].to_list() == alone
    assert len(set(alone)) > 3


@pytest.mark.service
def test_a_killed_run_goes_on_and_ends_with_the_same_answers(
    tiny_model: Path, tmp_path: Path
) -> None:
    _prompts(tmp_path, 16)
    job = _job(tmp_path, tiny_model, batch=4, max_tokens=30)
    program = [sys.executable, "-m", "webscale_dagster.training.sample", str(job.write())]
    with subprocess.Popen(program, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        third = job.folder / "answers" / "00002.parquet"
        while not third.exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    made = {path: path.stat().st_mtime_ns for path in third.parent.glob("0*.parquet")}
    assert 3 <= len(made) < 16
    result, answers = _run(job)
    assert all(path.stat().st_mtime_ns == at for path, at in made.items())
    whole, wanted = _run(_job(tmp_path, tiny_model, root="two", batch=4, max_tokens=30))
    assert answers.equals(wanted)
    assert result["generated_tokens"] == whole["generated_tokens"]


@pytest.mark.service
def test_a_part_of_other_prompts_is_made_again(tiny_model: Path, tmp_path: Path) -> None:
    _prompts(tmp_path, 3)
    job = _job(tmp_path, tiny_model)
    _run(job)
    _prompts(tmp_path, 4)
    _, answers = _run(job)
    assert answers["id"].unique().sort().to_list() == ["q00", "q01", "q02", "q03"]


@pytest.mark.service
def test_what_cannot_be_sampled_is_refused_before_anything_is_drawn(
    tiny_model: Path, tmp_path: Path
) -> None:
    _prompts(tmp_path)
    long = _job(tmp_path, tiny_model, max_tokens=250)
    with pytest.raises(TrainingError, match=r"7 of 7 prompts are too long: the one of 'q0\d' has"):
        _run(long)
    with pytest.raises(TrainingError, match=r"max_tokens = 256 leaves no room .* of 256 tokens"):
        _run(_job(tmp_path, tiny_model, max_tokens=256))
    with pytest.raises(TrainingError, match="no such model folder"):
        _run(_job(tmp_path, tmp_path / "no model"))
    assert not (long.folder / "answers").exists()


@pytest.mark.service
def test_vllm_that_is_not_there_is_named(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    _prompts(tmp_path)
    job = _job(tmp_path, tiny_model)
    job.how["engine"] = "vllm"
    with pytest.raises(TrainingError, match="vLLM is not installed; pip install"):
        _run(job)
