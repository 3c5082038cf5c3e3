r"""Rewards of GRPO: the examples' own verifiers, as TRL's reward functions.

    number:   "Answer: 42"  → 1.0     of another type → None     timeout, error → None
    format:   the answer stands where it was asked for → 1.0
    overlong: the last ``overlong_tokens`` cost up to 1 (DAPO, arXiv 2503.14476, equation 13)

One function for each answer type, so that its mean is that type's pass rate; for rows of another
type it says None, which TRL leaves out. A completion whose verifier failed gets None from all:
TRL then gives it no advantage and leaves it out of its group's mean, instead of calling it wrong.

Every completion is verified once, whichever function asks first; judges, which are slow, are asked
in threads, many at a time. Makes functions; reads and writes nothing (a judge's journal is the
caller's).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webscale_dagster.verifiers.outcome import Judge, Outcome
from webscale_dagster.verifiers.pool import Job
from webscale_dagster.verifiers.verify_many import verify_many

VERDICTS = ("correct", "wrong", "unparseable")
JUDGED = ("judge", "rubric")
Scores = list[float | None]
RewardFunction = Callable[..., Awaitable[Scores]]


@dataclass(frozen=True)
class RewardSettings:
    """What of ``[grpo_checkpoint]`` decides rewards."""

    weights: Mapping[str, float] = field(default_factory=dict)  # by answer type
    soft: bool = True
    format_weight: float = 0.0
    format_pattern: str = ""
    overlong_tokens: int = 0
    overlong_weight: float = 1.0
    max_completion_tokens: int = 2560


class Rewards:
    """Reward functions of some answer types, and their weights in the same order."""

    def __init__(
        self, answer_types: Sequence[str], settings: RewardSettings, judge: Judge | None = None
    ) -> None:
        """``judge`` is asked for the types ``judge`` and ``rubric``."""
        self._settings, self._judge = settings, judge
        self._key: tuple[int, ...] = ()
        self._verdicts: asyncio.Task[list[Outcome]] | None = None
        self.functions: list[RewardFunction] = [self._of_type(kind) for kind in answer_types]
        self.weights = [settings.weights.get(kind, 1.0) for kind in answer_types]
        if settings.format_weight:
            self.functions.append(self._format())
            self.weights.append(settings.format_weight)
        if settings.overlong_tokens:
            self.functions.append(self._overlong())
            self.weights.append(settings.overlong_weight)
        self.counts: dict[str, int] = {}
        self.max_completion_tokens = settings.max_completion_tokens

    def _of_type(self, kind: str) -> RewardFunction:
        async def reward(*, answer_type: Sequence[str], **columns: Any) -> Scores:
            outcomes = await self._outcomes(answer_type=answer_type, **columns)
            own = [row == kind for row in answer_type]
            return [
                self._score(outcome) if mine else None
                for outcome, mine in zip(outcomes, own, strict=True)
            ]

        reward.__name__ = kind
        return reward

    def _format(self) -> RewardFunction:
        async def reward(*, completions: Sequence[Any], **columns: Any) -> Scores:
            outcomes = await self._outcomes(completions=completions, **columns)
            pattern = re.compile(self._settings.format_pattern)
            said = [float(bool(pattern.search(text_of(done)))) for done in completions]
            return _where_judged(said, outcomes)

        reward.__name__ = "format"
        return reward

    def _overlong(self) -> RewardFunction:
        async def reward(*, completion_ids: Sequence[Sequence[int]], **columns: Any) -> Scores:
            outcomes = await self._outcomes(**columns)
            margin, most = self._settings.overlong_tokens, self.max_completion_tokens
            over = [len(ids) - (most - margin) for ids in completion_ids]
            return _where_judged([-min(max(o / margin, 0.0), 1.0) for o in over], outcomes)

        reward.__name__ = "overlong"
        return reward

    def _score(self, outcome: Outcome) -> float | None:
        if outcome.outcome not in VERDICTS:
            return None
        return outcome.score if self._settings.soft else float(outcome.score >= 1.0)

    async def _outcomes(self, **columns: Any) -> list[Outcome]:
        """Verdicts of a batch, made once for all functions that ask."""
        texts = [text_of(completion) for completion in columns["completions"]]
        ids = columns.get("example_id") or columns["ground_truth"]
        key = tuple(map(hash, zip(ids, texts, strict=True)))
        if key != self._key or self._verdicts is None:
            self._key = key
            self._verdicts = asyncio.create_task(self._verified(texts, columns))
        return await self._verdicts

    async def _verified(self, texts: Sequence[str], columns: Mapping[str, Any]) -> list[Outcome]:
        jobs = [
            self._job(text, {name: columns[name][at] for name in _COLUMNS})
            for at, text in enumerate(texts)
        ]
        outcomes = await asyncio.to_thread(verify_many, jobs)
        self._count(outcomes, columns)
        return outcomes

    def _job(self, text: str, row: Mapping[str, str]) -> Job:
        options = {**json.loads(row["verifier_options"] or "{}"), "question": row["question"]}
        if row["answer_type"] in JUDGED and self._judge is not None:
            options["judge"] = self._judge
        return Job(row["answer_type"], text, row["ground_truth"], options)

    def _count(self, outcomes: Sequence[Outcome], columns: Mapping[str, Any]) -> None:
        for outcome in outcomes:
            self.counts[outcome.outcome] = self.counts.get(outcome.outcome, 0) + 1
        failed = sum(outcome.outcome not in VERDICTS for outcome in outcomes)
        if log := columns.get("log_metric"):
            log("verifier/failed_share", failed / max(len(outcomes), 1))


_COLUMNS = ("answer_type", "ground_truth", "verifier_options", "question")


def reward_functions(
    answer_types: Sequence[str], settings: RewardSettings | None = None, judge: Judge | None = None
) -> tuple[list[RewardFunction], list[float]]:
    """TRL's ``reward_funcs`` and ``reward_weights`` for rows of the export ``trl``."""
    made = Rewards(answer_types, settings or RewardSettings(), judge)
    return made.functions, made.weights


def text_of(completion: Any) -> str:
    """A completion's text, of a chat or plain."""
    if isinstance(completion, str):
        return completion
    return "".join(str(message.get("content") or "") for message in completion)


def _where_judged(values: Sequence[float], outcomes: Sequence[Outcome]) -> Scores:
    """None where the verifier failed: a sample without a verdict teaches nothing."""
    return [
        value if outcome.outcome in VERDICTS else None
        for value, outcome in zip(values, outcomes, strict=True)
    ]
