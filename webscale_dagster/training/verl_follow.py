"""What verl logs, passed on under our names while it runs.

Reads ``verl/metrics-N.jsonl`` (verl's ``file`` logger: ``{"step", "data"}``), the failures that the
reward function counts and the number of the last checkpoint; writes through ``Report``. verl's file
is written anew at each start, so each start has its own; a step that is made again counts once.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from webscale_dagster.training.program import Report, TrainingError
from webscale_dagster.training.verl_files import metrics_files

NAMES = {
    "actor/loss": "loss",
    "actor/grad_norm": "grad_norm",
    "actor/lr": "learning_rate",
    "critic/rewards/mean": "reward",
    "actor/entropy": "entropy",
    "actor/kl_loss": "kl",
    "actor/pg_clipfrac": "clipped_share",
    "response_length/mean": "completion_tokens_mean",
    "response_length/max": "completion_tokens_max",
    "response_length/clip_ratio": "cut_off_share",
    "training/filter_groups/evicted_samples": "filtered_groups",
    "perf/throughput": "tokens_per_second_and_gpu",
    "timing_s/step": "step_seconds",
    "timing_s/gen": "generation_seconds",
}
_TOKENS, _LENGTH = "perf/total_num_tokens", "response_length/mean"
# Of validation: the accuracy of an answer type over the samples that got a verdict.
_ACCURACY = re.compile(r"^val-\w+/webscale/(\w+)/(acc|acc_success_only)/mean@1$")


class Followed:
    """Where a run stands, over all its starts."""

    def __init__(self, folder: Path, report: Report, samples: int, steps: int) -> None:
        """``samples`` are those of a step, ``steps`` the most there can be."""
        self._work, self._trainer = folder / "verl", folder / "trainer"
        self._report, self._samples, self._steps = report, samples, steps
        self._tokens: dict[int, int] = {}
        self._generated: dict[int, float] = {}
        self._read: dict[Path, int] = {}
        self._failures = self.verifier_failures
        self._catch_up(folder / "metrics.jsonl")

    @property
    def checkpoint(self) -> int:
        """The step of the last whole checkpoint; verl writes its number when it is on disk."""
        path = self._trainer / "latest_checkpointed_iteration.txt"
        text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        return int(text) if text.isdigit() else 0

    @property
    def verifier_failures(self) -> int:
        """Samples whose verifier failed, so that verl left them out."""
        path = self._work / "failures.jsonl"
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def tokens(self, step: int) -> int:
        """Prompts and completions of all steps up to this one."""
        return sum(count for at, count in self._tokens.items() if at <= step)

    def generated(self, step: int) -> int:
        """Completions' tokens of all steps up to this one."""
        return round(sum(count for at, count in self._generated.items() if at <= step))

    def enough(self, budget: int) -> bool:
        """Whether a checkpoint was reached that has spent the budget of tokens."""
        return self.tokens(self.checkpoint) >= budget

    def pass_on(self) -> None:
        """Report the steps that verl logged since the last look."""
        for step, data in self._new():
            numbers = renamed(data)
            for name in ("loss", "grad_norm"):
                if not math.isfinite(numbers.get(name, 0.0)):
                    raise TrainingError(
                        f"step {step}: {name} is no number; the last good checkpoint stays. Lower "
                        "learning_rate, or look at the data of that step, then run again"
                    )
            if self._count(step, data):
                numbers |= self._so_far(step)
            if numbers:
                self._report.metrics(step, numbers)

    def _catch_up(self, ours: Path) -> None:
        """Our lines are those of all steps up to the checkpoint that verl goes on from."""
        told = _told_until(ours, self.checkpoint)
        for step, data in self._new():
            of_training = self._count(step, data)
            if of_training and step <= self.checkpoint and step not in told:
                self._report.metrics(step, renamed(data) | self._so_far(step))

    def _count(self, step: int, data: dict[str, Any]) -> bool:
        """Whether this is a step of training, and its tokens."""
        if _TOKENS not in data:
            return False
        self._tokens[step] = int(data[_TOKENS] or 0)
        self._generated[step] = float(data.get(_LENGTH) or 0) * self._samples
        return True

    def _so_far(self, step: int) -> dict[str, float]:
        failures, before = self.verifier_failures, self._failures
        self._failures = failures
        return {
            "training_tokens": self.tokens(step),
            "generated_tokens": self.generated(step),
            "verifier_failed_share": (failures - before) / self._samples,
            "progress": step / self._steps,
        }

    def _new(self) -> list[tuple[int, dict[str, Any]]]:
        """Whole lines that were not read yet."""
        found = []
        for path in metrics_files(self._work):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                lines, _, _ = file.read().rpartition(b"\n")
            if lines:
                self._read[path] = self._read.get(path, 0) + len(lines) + 1
                made = (json.loads(line) for line in lines.split(b"\n"))
                found += [(int(line["step"]), line["data"]) for line in made]
        return found


def renamed(data: dict[str, Any]) -> dict[str, float]:
    """The numbers of a step under our names; verl writes one that is none as null."""
    numbers = {ours: _number(data[name]) for name, ours in NAMES.items() if name in data}
    found = [(match, data[name]) for name in data if (match := _ACCURACY.match(name))]
    for match, value in sorted(found, key=lambda one: one[0][2]):  # the last one stands
        numbers[f"validation_{match[1]}"] = _number(value)
    return numbers


def _told_until(metrics: Path, step: int) -> set[int]:
    """The steps that were told of; lines of those that verl will take again are dropped."""
    if not metrics.is_file():
        return set()
    lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    steps = [(json.loads(line)["step"], line) for line in lines if line.endswith("\n")]
    kept = [(at, line) for at, line in steps if at <= step]
    metrics.write_text("".join(line for _, line in kept), encoding="utf-8")
    return {at for at, _ in kept}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
