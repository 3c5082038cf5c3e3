"""A trainer's checkpoints: which is the last whole one, and whether there is room for another.

Reads and cleans ``trainer/checkpoint-N`` of a job's folder. ``trainer_state.json`` is what the
Trainer writes last: a checkpoint without it was cut off, by a kill or a full disk, and goes.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from webscale_dagster.training.program import TrainingError

_NAME = re.compile(r"^checkpoint-(\d+)$")
KEPT = 2  # checkpoints of a running job
# Of the weights' bytes in fp32: weights and two Adam moments; and one more set of weights at last.
_SETS, _LAST = 3, 1
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")


def last_checkpoint(trainer: Path) -> Path | None:
    """The newest whole checkpoint; what is not whole is removed."""
    for step, path in sorted(_checkpoints(trainer), reverse=True):
        if _whole(path, step):
            return path
        shutil.rmtree(path)
    return None


def _checkpoints(trainer: Path) -> list[tuple[int, Path]]:
    found = ((_NAME.match(path.name), path) for path in trainer.glob("checkpoint-*"))
    return [(int(match[1]), path) for match, path in found if match]


def _whole(path: Path, step: int) -> bool:
    try:
        state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return state.get("global_step") == step and any((path / name).is_file() for name in _WEIGHTS)


def check_room(folder: Path, parameters: int) -> None:
    """Raise ``TrainingError`` where the disk has no room for the checkpoints of such a model.

    ``parameters`` is the model's number of parameters, ``folder`` the job's.
    """
    needed = 4 * parameters * (_SETS * (KEPT + 1) + _LAST)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TrainingError(
            f"{folder}: {free / 1e9:.3g} GB are free, {KEPT + 1} checkpoints of "
            f"{parameters / 1e6:.3g} M parameters need {needed / 1e9:.3g} GB; free some space, or "
            "name another folder in WEBSCALE_CHECKPOINTS"
        )
