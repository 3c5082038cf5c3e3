"""Which checkpoint is the last whole one."""

from __future__ import annotations

import json
from pathlib import Path

from webscale_dagster.training.checkpoints import last_checkpoint


def _checkpoint(
    trainer: Path, step: int, *, weights: bool = True, state: str | None = None
) -> Path:
    folder = trainer / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    if weights:
        (folder / "model.safetensors").write_bytes(b"x")
    text = json.dumps({"global_step": step}) if state is None else state
    (folder / "trainer_state.json").write_text(text, encoding="utf-8")
    return folder


def test_the_newest_whole_one_counts_by_number(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    for step in (2, 10, 9):
        _checkpoint(tmp_path, step)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_what_was_cut_off_goes(tmp_path: Path) -> None:
    good = _checkpoint(tmp_path, 4)
    cut = [
        _checkpoint(tmp_path, 6, weights=False),
        _checkpoint(tmp_path, 8, state=""),
        _checkpoint(tmp_path, 12, state='{"global_step": 8}'),
    ]
    assert last_checkpoint(tmp_path) == good
    assert not any(path.exists() for path in cut)
