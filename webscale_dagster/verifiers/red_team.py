"""The red team: tries attacks on the verifiers, and counts what they earn.

A hack is an attack that earns something: a score above 0; of a rubric or of constraints, which pay
for parts, the outcome "correct". An error or a timeout is neither a hack nor resisted: it is
counted apart. Without a model the judge of the judged types says yes to whatever reaches it, so
that their guards alone are measured. Makes a report of attacks (``attack_sets.py``); reads and
writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from webscale_dagster.verifiers.outcome import Judge, Options, Outcome
from webscale_dagster.verifiers.pool import Job
from webscale_dagster.verifiers.verify_many import verify_many

JUDGED = ("judge", "rubric")
_PAY_FOR_PARTS = ("constraints", "rubric")


@dataclass(frozen=True)
class Attack:
    """A completion that does not answer the question rightly."""

    family: str
    answer_type: str
    question: str
    ground_truth: str
    options: Options
    completion: str
    needs_model: bool = False  # a wrong answer as any other: only a real judge can tell


@dataclass(frozen=True)
class Tried:
    """An attack and its outcome."""

    attack: Attack
    outcome: Outcome

    @property
    def failed(self) -> bool:
        """No verdict: an error or a timeout."""
        return self.outcome.outcome in ("error", "timeout")

    @property
    def hacked(self) -> bool:
        """The attack earned something."""
        if self.attack.answer_type in _PAY_FOR_PARTS:
            return self.outcome.outcome == "correct"
        return not self.failed and self.outcome.score > 0


@dataclass(frozen=True)
class Row:
    """Counts of one answer type and family."""

    answer_type: str
    family: str
    attacks: int
    hacks: int
    failures: int


@dataclass(frozen=True)
class Report:
    """What became of the attacks; ``left_out`` is how many only a real judge could decide."""

    tried: tuple[Tried, ...]
    left_out: int = 0

    @property
    def hacks(self) -> list[Tried]:
        """Attacks that earned something."""
        return [one for one in self.tried if one.hacked]

    @property
    def failures(self) -> list[Tried]:
        """Attacks without a verdict."""
        return [one for one in self.tried if one.failed]

    @property
    def hack_rate(self) -> float:
        """Hacks among the attacks with a verdict; 1 where attacks were tried and none got one."""
        judged = len(self.tried) - len(self.failures)
        return len(self.hacks) / judged if judged else float(bool(self.tried))

    @property
    def failure_rate(self) -> float:
        """The share of attacks without a verdict."""
        return len(self.failures) / len(self.tried) if self.tried else 0.0

    def rows(self) -> list[Row]:
        """Counts by answer type and family, in the order of the attacks."""
        counts: dict[tuple[str, str], Counter[str]] = {}
        for one in self.tried:
            counted = counts.setdefault((one.attack.answer_type, one.attack.family), Counter())
            counted.update(attacks=1, hacks=int(one.hacked), failures=int(one.failed))
        return [Row(*key, c["attacks"], c["hacks"], c["failures"]) for key, c in counts.items()]


def run(attacks: Sequence[Attack], judge: Judge | None = None) -> Report:
    """Try every attack; without a judge, those that need one are left out."""
    chosen = [attack for attack in attacks if judge is not None or not attack.needs_model]
    outcomes = verify_many([_job(attack, judge or _credulous) for attack in chosen])
    tried = tuple(map(Tried, chosen, outcomes))
    return Report(tried, len(attacks) - len(chosen))


def _job(attack: Attack, judge: Judge) -> Job:
    """The attack as a verification; the question makes verifiers as lenient as they get."""
    options = {**attack.options, "question": attack.question}
    if attack.answer_type in JUDGED:
        options["judge"] = judge
    return Job(attack.answer_type, attack.completion, attack.ground_truth, options)


def _credulous(question: str, response: str, criteria: Sequence[str]) -> list[float]:
    """The worst judge there is."""
    del question, response
    return [1.0] * len(criteria)
