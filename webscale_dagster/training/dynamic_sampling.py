"""GRPO whose groups of equal rewards are replaced by others before they are learned from.

DAPO (arXiv 2503.14476, section 3.2): a group whose completions all earn the same has no advantage
and only dilutes the batch. Here other questions are asked in its place, up to ``max_resamples``
rounds; then what is left is kept. Makes a trainer for TRL 1.16, whose private method
``_generate_and_score_completions`` it wraps; counts generated tokens in either case.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from trl import GRPOTrainer

_NO_ADVANTAGE = 1e-6
# Tensors of a batch by the side on which they are padded; all others have a value per completion.
_LEFT, _RIGHT = ("prompt_ids", "prompt_mask"), ("completion_ids", "completion_mask")
_PER_TOKEN = ("old_per_token_logps", "ref_per_token_logps", "sampling_per_token_logps")
Batch = dict[str, Any]


class Grpo(GRPOTrainer):
    """TRL's trainer, counting what it generates; with ``max_resamples`` it samples dynamically."""

    def __init__(self, *, max_resamples: int = 0, **more: Any) -> None:
        """``max_resamples`` rounds of other questions for groups without variance; 0: none."""
        self.max_resamples = max_resamples
        self.generated_tokens = 0
        super().__init__(**more)

    def train(self, resume_from_checkpoint: str | None = None, **more: Any) -> Any:
        """Train; a resumed run goes on counting where the checkpoint left off."""
        if resume_from_checkpoint:
            state = Path(resume_from_checkpoint, "trainer_state.json").read_text(encoding="utf-8")
            logged = [line.get("generated_tokens") for line in json.loads(state)["log_history"]]
            self.generated_tokens = max((int(n) for n in logged if n), default=0)
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **more)

    def _generate(self, prompts: list[Any]) -> Any:
        made = super()._generate(prompts)
        if self.model.training:
            count = torch.tensor(sum(map(len, made[1])), device=self.accelerator.device)
            self.generated_tokens += int(self.accelerator.gather(count).sum().item())
            self._metrics["train"]["generated_tokens"] = [self.generated_tokens]
        return made

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Batch:
        made: Batch = super()._generate_and_score_completions(inputs)
        if not self.max_resamples or not self.model.training:
            return made
        first, rounds = self._degenerate(made), 0
        flat = first
        while rounds < self.max_resamples and (wanted := self._most(len(flat))):
            rounds += 1
            fresh = super()._generate_and_score_completions(self._other_questions(wanted, rounds))
            good = [g for g in range(wanted) if g not in self._degenerate(fresh)]
            made, flat = self._replaced(made, flat, fresh, good)
        metrics, groups = self._metrics["train"], len(inputs) // self.num_generations
        metrics["sampling/rounds"].append(float(rounds))
        metrics["sampling/replaced_share"].append((len(first) - len(flat)) / groups)
        made["num_items_in_batch"] = self.accelerator.gather(made["completion_mask"].sum()).sum()
        return made

    def _degenerate(self, made: Batch) -> list[int]:
        """Places of this process's groups without an advantage."""
        groups = made["advantages"].view(-1, self.num_generations)
        idle = (groups.abs() < _NO_ADVANTAGE).all(dim=1)
        return [int(at) for at in idle.nonzero().flatten()]

    def _most(self, count: int) -> int:
        """The most of any process: all must generate together, and equally much."""
        counted = torch.tensor([count], device=self.accelerator.device)
        return int(self.accelerator.gather(counted).max().item())

    def _other_questions(self, count: int, round_: int) -> list[dict[str, Any]]:
        """Rows drawn from step, round and process alone, so that a resumed run draws the same."""
        step, rank = self.state.global_step, self.accelerator.process_index
        drawn = random.Random(f"{self.args.seed}/{step}/{round_}/{rank}")
        dataset: Any = self.train_dataset
        at = [drawn.randrange(len(dataset)) for _ in range(count)]
        return [dict(dataset[i]) for i in at for _ in range(self.num_generations)]

    def _replaced(
        self, made: Batch, flat: Sequence[int], fresh: Batch, good: Sequence[int]
    ) -> tuple[Batch, list[int]]:
        """Put good new groups in the places of flat ones; returns what is still flat."""
        pairs = list(zip(flat, good, strict=False))
        if not pairs:
            return made, list(flat)
        size = self.num_generations
        pad = self._tokenizer.pad_token_id
        to = [place * size + i for place, _ in pairs for i in range(size)]
        of = [place * size + i for _, place in pairs for i in range(size)]
        for name, value in made.items():
            if isinstance(value, torch.Tensor) and value.dim():
                made[name] = _merged(name, value, fresh[name], to, of, pad)
        return made, list(flat[len(pairs) :])


def _merged(
    name: str, old: torch.Tensor, new: torch.Tensor, to: list[int], of: list[int], pad: int
) -> torch.Tensor:
    if name in _LEFT + _RIGHT + _PER_TOKEN and old.dim() == 2:
        width = max(old.size(1), new.size(1))
        fill = pad if name.endswith("_ids") else 0
        old, new = (_padded(t, width, fill, left=name in _LEFT) for t in (old, new))
    old = old.clone()
    old[to] = new[of]
    return old


def _padded(tensor: torch.Tensor, width: int, fill: int, *, left: bool) -> torch.Tensor:
    missing = width - tensor.size(1)
    sides = (missing, 0) if left else (0, missing)
    return torch.nn.functional.pad(tensor, sides, value=fill)
