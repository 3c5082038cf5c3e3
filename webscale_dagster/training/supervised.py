"""Supervised training with TRL's SFTTrainer, as ``base``, ``cpt`` and ``sft`` use it.

    texts               packed into blocks of max_length, every token counts
    prompt, completion  a chat each, only the completion's tokens count

Reads the job's files, writes ``trainer/`` and ``model/`` of its folder. A killed run goes on from
the last whole checkpoint: weights, Adam's moments, schedule, random state and order of the data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from webscale_dagster.training.checkpoints import KEPT, check_room, last_checkpoint
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import Report, TrainingError

# What safetensors and torch say of a write that the disk refuses.
_DISK_FULL = ("No space left on device", "PytorchStreamWriter failed writing")


def arguments(job: Job, *, steps: int, micro_batch: int) -> dict[str, Any]:
    """What SFTConfig and GRPOConfig have in common; ``micro_batch`` is of one device."""
    import torch

    settings, how = job.settings, job.how
    on_gpu = torch.cuda.is_available()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    sequences = settings["batch"] * settings.get("samples", 1)
    micro_batch = min(micro_batch, max(sequences // processes, 1))
    if sequences % (micro_batch * processes):
        raise TrainingError(
            f"batch of {sequences} sequences cannot be cut into {processes} processes of "
            f"micro_batch {micro_batch}; change batch, micro_batch or the number of processes"
        )
    bf16 = on_gpu and job.what["precision"] == "bf16"
    return {
        "output_dir": str(job.folder / "trainer"),
        "max_steps": steps,
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": sequences // (micro_batch * processes),
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": settings["schedule"],
        "warmup_steps": settings["warmup_steps"],
        "weight_decay": settings["weight_decay"],
        "save_strategy": "steps",
        "save_steps": settings["save_steps"],
        "save_total_limit": KEPT,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is no number must be seen
        "report_to": [],
        "disable_tqdm": True,
        "seed": job.seed,
        "data_seed": job.seed,
        "bf16": bf16,
        # TRL's default is on, under the name that transformers no longer likes.
        "gradient_checkpointing": None,
        "activation_checkpointing": bool(how.get("activation_checkpointing", on_gpu)),
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
    }


def train(
    job: Job,
    report: Report,
    *,
    model: Any,
    tokenizer: Any,
    rows: Sequence[dict[str, Any]],
    steps: int,
    packed: bool,
    tokens_of_step: Callable[[int], int],
    warm_up_tokens: int = 0,
) -> None:
    """Train for so many optimizer steps, from the last checkpoint if there is one, and save.

    ``warm_up_tokens`` are seen before the budget begins, of which milestones are shares.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from webscale_dagster.training.follow import Follow, Milestones

    kept = Milestones(
        milestone_folders(job, warm_up_tokens), lambda state: tokens_of_step(state.global_step)
    )
    check_room(job.folder, sum(weight.numel() for weight in model.parameters()))
    more: dict[str, Any] = {"completion_only_loss": True}
    if packed:
        more = {"packing": True, "packing_strategy": "wrapped"}
    config = SFTConfig(
        **arguments(job, steps=steps, micro_batch=job.settings["micro_batch"]),
        max_length=job.settings["max_length"],
        shuffle_dataset=True,
        **more,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(list(rows)),
        processing_class=tokenizer,
        callbacks=[Follow(report, tokens_of_step), kept],
    )
    kept.attach(trainer)
    run_trainer(job, report, trainer)


def milestone_folders(job: Job, before: int = 0) -> dict[str, int]:
    """Folder of each milestone, and the tokens at which the model is kept there."""
    budget = job.what.get("budget_tokens", 0)
    return {
        str(job.folder / "milestones" / f"{share:g}"): before + round(share * budget)
        for share in job.what.get("milestones", [])
    }


def run_trainer(job: Job, report: Report, trainer: Any) -> None:
    """From the last whole checkpoint to the end; a full disk leaves that checkpoint alone."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # prints every line a second time
    folder = job.folder / "trainer"
    last = last_checkpoint(folder)
    if last is not None:
        report.say(f"{job.phase}: going on from {last.name}")
        _forget_after(job.folder / "metrics.jsonl", int(last.name.partition("-")[2]))
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        save(trainer, job.folder / "model")
    except Exception as error:
        if not _disk_is_full(error):
            raise
        kept = last_checkpoint(folder)
        stays = f"{kept.name} is whole and stays" if kept else "there was no checkpoint yet"
        raise TrainingError(
            f"{job.folder}: the disk is full; {stays}. Free some space and run it again"
        ) from error


def save(trainer: Any, folder: Path) -> None:
    """The trained model and its tokenizer; a half-written one has no ``result.json`` beside it."""
    trainer.save_model(str(folder))
    trainer.accelerator.wait_for_everyone()


def _disk_is_full(error: BaseException | None) -> bool:
    """Whether the cause is the disk: torch and safetensors raise errors of their own."""
    while error is not None:
        if getattr(error, "errno", None) == 28 or any(sign in str(error) for sign in _DISK_FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def _forget_after(metrics: Path, step: int) -> None:
    """Drop lines of steps that will be taken again."""
    import json

    if not metrics.is_file():
        return
    kept = []
    for line in metrics.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= step:
                kept.append(line)
        except ValueError:
            continue  # cut off by the kill
    metrics.write_text("".join(kept), encoding="utf-8")
