"""Stands in for ``verl.trainer.main_ppo``: its options, its log lines, its checkpoint folders.

Takes hydra overrides, logs a line a step where verl's ``file`` logger does, saves and resumes as
verl does. What goes wrong is told by the environment: FAKE_VERL_SECONDS a step takes,
FAKE_VERL_FAIL_AT and FAKE_VERL_NAN_AT a step. Records signals in ``signals.txt`` beside the
checkpoints. With torch and a real model, the checkpoint is one that verl's merger can read.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

TRACKER = "latest_checkpointed_iteration.txt"


def main() -> None:
    pairs = (argument.partition("=") for argument in sys.argv[1:])
    options = {key.lstrip("+"): value for key, _, value in pairs}
    folder = Path(options["trainer.default_local_dir"])
    folder.mkdir(parents=True, exist_ok=True)

    def terminated(number: int, _: FrameType | None) -> None:
        with (folder / "signals.txt").open("a") as file:
            file.write(f"{number}\n")
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, terminated)
    tracker = folder / TRACKER
    first = int(tracker.read_text()) + 1 if tracker.exists() else 1
    print("fake verl", first, options["data.train_files"], flush=True)
    with open(os.environ["VERL_FILE_LOGGER_PATH"], "wb", buffering=0) as log:
        for step in range(first, int(options["trainer.total_training_steps"]) + 1):
            time.sleep(float(os.environ.get("FAKE_VERL_SECONDS", "0")))
            if step == int(os.environ.get("FAKE_VERL_FAIL_AT", "0")):
                raise SystemExit("CUDA error: out of memory")
            if _is_saved(step, options):
                save(folder, step, options["actor_rollout_ref.model.path"])
            log.write(json.dumps({"step": step, "data": numbers(step, options)}).encode() + b"\n")


def _is_saved(step: int, options: dict[str, str]) -> bool:
    last = step == int(options["trainer.total_training_steps"])
    return last or step % int(options["trainer.save_freq"]) == 0


def numbers(step: int, options: dict[str, str]) -> dict[str, float | None]:
    """Some of what verl 0.9 logs; one that is none is null."""
    broken = step == int(os.environ.get("FAKE_VERL_NAN_AT", "0"))
    made: dict[str, float | None] = {
        "training/global_step": step,
        "actor/loss": None if broken else 1.0 / step,
        "actor/grad_norm": 0.5,
        "actor/lr": float(options["actor_rollout_ref.actor.optim.lr"]),
        "critic/rewards/mean": step / 10,
        "response_length/mean": 20.0,
        "response_length/clip_ratio": 0.25,
        "perf/total_num_tokens": 1000,
        "timing_s/step": 2.0,
    }
    if step == int(options["trainer.test_freq"]):
        made["val-core/webscale/number/acc/mean@1"] = 0.5
        made["val-aux/webscale/number/acc_success_only/mean@1"] = 0.75
    return made


def save(folder: Path, step: int, model: str) -> None:
    """As verl: shards and the tokenizer's folder first, then the number of the step."""
    actor = folder / f"global_step_{step}" / "actor"
    (actor / "huggingface").mkdir(parents=True, exist_ok=True)
    for path in Path(model).glob("*.json"):
        shutil.copyfile(path, actor / "huggingface" / path.name)
    for path in Path(model).glob("*.jinja"):
        shutil.copyfile(path, actor / "huggingface" / path.name)
    (actor / "fsdp_config.json").write_text(json.dumps({"FSDP_version": 1, "world_size": 1}))
    if (Path(model) / "model.safetensors").exists():
        import torch
        from transformers import AutoModelForCausalLM

        state = AutoModelForCausalLM.from_pretrained(model).state_dict()
        torch.save(state, actor / "model_world_size_1_rank_0.pt")
    (folder / TRACKER).write_text(str(step))
    saved = sorted(int(path.name.rpartition("_")[2]) for path in folder.glob("global_step_*"))
    for old in saved[:-2]:
        shutil.rmtree(folder / f"global_step_{old}")


if __name__ == "__main__":
    main()
