"""Everything that verl reads, in ``verl/`` of a job's folder.

    verl/train.parquet, validation.parquet      the export's rows, of the wanted bands, in order
    verl/webscale_reward.py, reward.json        the reward function and its settings
    verl/agent_loops.yaml                       names the loop that masks what was cut off
    verl/lib/webscale_dagster/                  of the package, what verl's processes import
    verl/overrides.txt                          verl's options, one a line
    verl/metrics-1.jsonl, …                     what verl logs, a file for each start
    verl/failures.jsonl, console.log            verifiers that failed; what verl prints

Reads the job's files ``train`` and ``validation``: parquet as the program ``grpo`` takes it, or as
the export ``verl`` makes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.experiment import GrpoCheckpoint
from webscale_dagster.exports.rl_examples import MESSAGES, ExportError, check_verifiers
from webscale_dagster.exports.verl import EXTRA, REWARD, reward_module, verl_rows
from webscale_dagster.exports.webscale_reward import JUDGED, PREFIX
from webscale_dagster.training.job import write_json
from webscale_dagster.training.program import TrainingError
from webscale_dagster.training.verl_config import AGENT
from webscale_dagster.training.verl_settings import How, Paths, reward_settings

# Of the package, what travels: modules of the standard library, verl and each other only.
_LIBRARY = ("__init__.py", "verifiers/*.py", "training/__init__.py", "training/verl_agent.py")
# Columns of the program ``grpo`` that are always there; the others may be missing.
_NEEDED = (
    *("example_id", "prompt", "question", "ground_truth", "answer_type", "verifier_options"),
)
_LOOP = "webscale_dagster.training.verl_agent.MaskTruncated"


def write_files(
    folder: Path, files: Mapping[str, str], model: str, grpo: GrpoCheckpoint, how: How
) -> Paths:
    """Write them anew; what verl itself wrote there stays."""
    work = folder / "verl"
    work.mkdir(parents=True, exist_ok=True)
    train = _wanted(_rows(files["train"], "train"), grpo)
    train.write_parquet(work / "train.parquet")
    there = "validation" in files
    if there:
        _rows(files["validation"], "validation").write_parquet(work / "validation.parquet")
    (work / REWARD).write_bytes(reward_module())
    write_json(work / "reward.json", reward_settings(grpo, str(work / "failures.jsonl")))
    (work / "agent_loops.yaml").write_text(f"- name: {AGENT}\n  _target_: {_LOOP}\n", "utf-8")
    _copy_library(work / "lib" / "webscale_dagster")
    return Paths(
        train=str(work / "train.parquet"),
        validation=str(work / "validation.parquet") if there else "",
        model=model,
        checkpoints=str(folder / "trainer"),
        reward=str(work / REWARD),
        reward_settings=str(work / "reward.json"),
        agent_loops=str(work / "agent_loops.yaml"),
        work=str(work / "hydra"),
        metrics=str(work / f"metrics-{len(metrics_files(work)) + 1}.jsonl"),
        library=":".join((str(work / "lib"), *how.pythonpath)),
    )


def metrics_files(work: Path) -> list[Path]:
    """What verl logged in every start, the oldest first: each start writes its file anew."""
    found = work.glob("metrics-*.jsonl")
    return sorted(found, key=lambda path: int(path.stem.rpartition("-")[2]))


def _rows(source: str, split: str) -> pl.DataFrame:
    """The rows of a file as verl takes them."""
    rows = pl.read_parquet(source)
    if "reward_model" in rows.columns:  # of the export, which has checked them
        return rows
    if missing := [name for name in _NEEDED if name not in rows.columns]:
        raise TrainingError(f"{source}: no column {missing[0]!r}; wanted {', '.join(_NEEDED)}")
    try:
        check_verifiers(rows)
    except ExportError as error:
        raise TrainingError(f"{source}: {error}") from None
    known = {"split": pl.lit(split), "domain": pl.lit("")}
    for name in EXTRA:
        known[name] = pl.lit(None, pl.Float64 if name.endswith("_rate") else pl.String)
    rows = rows.with_columns(**{n: made for n, made in known.items() if n not in rows.columns})
    return verl_rows(rows.with_columns(pl.col("prompt").str.json_decode(MESSAGES)))


def _wanted(rows: pl.DataFrame, grpo: GrpoCheckpoint) -> pl.DataFrame:
    """Those of the wanted bands, the easy ones first if so told; enough for a batch."""
    info: Any = pl.col("extra_info").struct
    if grpo.bands:
        rows = rows.filter(info.field("band").is_in(list(grpo.bands)))
    if grpo.curriculum == "easy_first":
        rate = info.field("closed_book_rate")
        rows = rows.sort(rate, descending=True, nulls_last=True, maintain_order=True)
    if rows.height < grpo.batch:
        of = f" of the bands {', '.join(grpo.bands)}" if grpo.bands else ""
        raise TrainingError(
            f"[grpo_checkpoint] batch = {grpo.batch}, but there are {rows.height} questions{of}"
        )
    judged = rows["data_source"].is_in([PREFIX + kind for kind in JUDGED])
    if judged.any() and not grpo.judge:
        raise TrainingError(
            "some examples need a judge; name the address of an endpoint that scores in "
            "grpo_checkpoint.judge"
        )
    return rows


def _copy_library(target: Path) -> None:
    package = Path(str(resources.files("webscale_dagster")))
    shutil.rmtree(target, ignore_errors=True)
    for pattern in _LIBRARY:
        for path in package.glob(pattern):
            place = target / path.relative_to(package)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
