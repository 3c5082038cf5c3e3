"""What today's verifiers make of a release's examples: the self-check and the red team.

The red team tries the package's attacks on the answer types that the release has, and attacks made
of its own examples. Reads the examples and the verifiers' files. Writes
``verifier_checks/<key>.json`` in the lake, so that a release, ``webscale run`` and ``webscale
status`` look once: the key is a hash of the examples, of the verifiers' code and of the recipe's
settings for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata, resources
from typing import Any

import polars as pl

from webscale_dagster.recipe import DatasetRelease, content_hash
from webscale_dagster.stages.rl_splits import as_example
from webscale_dagster.verifiers import _TYPES
from webscale_dagster.verifiers.attack_sets import attacks_on, package_attacks
from webscale_dagster.verifiers.outcome import AnswerType
from webscale_dagster.verifiers.red_team import Row, Tried, run
from webscale_dagster.verifiers.self_check import problems
from webscale_dagster.walk import Walk

_COLUMNS = ("example_id", "prompt", "ground_truth", "answer_type", "verifier_options")
_LIBRARIES = ("math-verify", "pint")
_SHOWN = 50  # problems, hacks and failures that are kept in full


@dataclass(frozen=True)
class VerifierChecks:
    """Counts of both, with the first problems, hacks and failures."""

    n_examples: int
    n_problems: int
    problems: list[dict[str, str]]  # id, reason, detail
    rows: list[Row]  # attacks by answer type and family
    hacks: list[dict[str, str]]
    failures: list[dict[str, str]]
    left_out: int  # attacks that only a model's judge could decide
    n_unverified: int = 0  # examples whose verifier failed at its own ground truth

    @property
    def attacks(self) -> int:
        """Attacks that were tried."""
        return sum(row.attacks for row in self.rows)

    @property
    def n_hacks(self) -> int:
        """Attacks that earned something."""
        return sum(row.hacks for row in self.rows)

    @property
    def n_failures(self) -> int:
        """Attacks that got no verdict: errors and timeouts."""
        return sum(row.failures for row in self.rows)

    @property
    def hack_rate(self) -> float:
        """Hacks among the attacks with a verdict; 1 where attacks were tried and none got one."""
        judged = self.attacks - self.n_failures
        return self.n_hacks / judged if judged else float(self.attacks > 0)

    @property
    def failure_share(self) -> float:
        """The share of attacks without a verdict."""
        return self.n_failures / self.attacks if self.attacks else 0.0

    def by_family(self) -> list[tuple[str, int, int, int]]:
        """Attacks, hacks and failures by family, most hacks first."""
        counts: dict[str, tuple[int, int, int]] = {}
        for row in self.rows:
            a, h, f = counts.get(row.family, (0, 0, 0))
            counts[row.family] = a + row.attacks, h + row.hacks, f + row.failures
        found = [(family, *count) for family, count in counts.items()]
        return sorted(found, key=lambda row: (-row[2], row[0]))


def verifier_checks(walk: Walk, examples: pl.DataFrame) -> VerifierChecks:
    """The self-check and the red team on these examples, made or read back."""
    known = kept_checks(walk, examples)
    if known is not None:
        return known
    made = _made(examples.select(_COLUMNS), walk, walk.recipe.dataset_release)
    if (
        made.n_failures == made.n_unverified == 0
    ):  # who failed today, on a loaded host, may have a verdict tomorrow
        data = json.dumps(asdict(made), ensure_ascii=False).encode()
        walk.lake.objects.put(_key(walk, examples), data)
    return made


def kept_checks(walk: Walk, examples: pl.DataFrame) -> VerifierChecks | None:
    """What was found on these examples, if today's verifiers were looked at."""
    kept = walk.lake.objects.get(_key(walk, examples))
    if kept is None:
        return None
    found = json.loads(kept)
    return VerifierChecks(**found | {"rows": [Row(**row) for row in found["rows"]]})


def _key(walk: Walk, examples: pl.DataFrame) -> str:
    told = f"{walk.recipe.rl_splits.answer_instruction}\n"
    told += str(walk.recipe.dataset_release.attacks_on_examples)
    rows = examples.select(_COLUMNS).write_ndjson()
    return f"verifier_checks/{content_hash(rows, told, _code())}.json"


def _made(rows: pl.DataFrame, walk: Walk, settings: DatasetRelease) -> VerifierChecks:
    examples = [as_example(row, walk.recipe.rl_splits) for row in rows.iter_rows(named=True)]
    bad = problems(examples)
    kinds = {example.answer_type for example in examples}
    # Verifiers that the release does not use would only thin its hack rate.
    attacks = [attack for attack in package_attacks() if attack.answer_type in kinds]
    report = run([*attacks, *attacks_on(examples, settings.attacks_on_examples)])
    return VerifierChecks(
        n_examples=len(examples),
        n_problems=len(bad),
        problems=[asdict(problem) for problem in bad[:_SHOWN]],
        rows=report.rows(),
        hacks=[shown(one) for one in report.hacks[:_SHOWN]],
        failures=[shown(one) for one in report.failures[:_SHOWN]],
        left_out=report.left_out,
        n_unverified=sum(problem.reason == "verifier_failed" for problem in bad),
    )


def shown(tried: Tried) -> dict[str, str]:
    """An attack and what came of it, for people to look at."""
    attack, outcome = tried.attack, tried.outcome
    return {
        "answer_type": attack.answer_type,
        "family": attack.family,
        "question": attack.question,
        "ground_truth": attack.ground_truth,
        "completion": attack.completion,
        "outcome": outcome.outcome,
        "reason": outcome.reason,
    }


def _code() -> str:
    """Hash of the verifiers: files, registered functions, and the libraries that have a say."""
    folder = resources.files("webscale_dagster") / "verifiers"
    files = [file for part in (folder, folder / "attacks") for file in part.iterdir()]
    texts = [file.read_bytes() for file in sorted(files, key=str) if file.is_file()]
    named = [_named(function) for kind in _TYPES.values() for function in _functions(kind)]
    flags = [str((name, kind.isolated, getattr(kind, "open", ""))) for name, kind in _TYPES.items()]
    return content_hash(*texts, *named, *flags, *map(metadata.version, _LIBRARIES))


def _functions(kind: Any) -> tuple[Callable[..., Any], ...]:
    return (kind.parse, kind.differs) if isinstance(kind, AnswerType) else (kind.check, kind.score)


def _named(function: Callable[..., Any]) -> str:
    """A function's name, place and code: a registered one may lie outside of the package."""
    code = getattr(function, "__code__", None)
    place = f"{function.__module__}.{getattr(function, '__qualname__', function)}"
    if code is None:
        return place
    constants = [value for value in code.co_consts if isinstance(value, (str, int, float, tuple))]
    return f"{place}:{code.co_firstlineno} {code.co_code.hex()} {code.co_names} {constants}"
