"""The verifiers and free checks on people's pairs, by the benchmark's own measure."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

pytestmark = pytest.mark.realdata
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUESTIONS = 500


@pytest.fixture
def pairs(corpora: Path) -> Path:
    return corpora / "corpora" / "qa_pairs.parquet"


def _module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module(name)


def test_verifiers_take_other_peoples_answers_and_no_other_questions(
    pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = _module("verifiability_verifiers", monkeypatch)
    rows = [row for name in measured.SPANS for row in measured._rows(pairs, name, QUESTIONS)]
    judged = [(row, measured._accepts(row)) for row in rows]
    right = [ok for row, ok in judged if row.right]
    wrong = [not ok for row, ok in judged if not row.right]
    assert len(right) > 3000 and sum(right) / len(right) > 0.87
    assert len(wrong) > 500 and sum(wrong) / len(wrong) >= 0.995
    normal = [row.answer in row.truths for row in rows if row.right]
    assert sum(right) > sum(normal) * 1.2


@pytest.mark.parametrize("name", ["squad_v2_dev_part_dev", "squadshifts_new_wiki"])
def test_free_checks_keep_sound_pairs_and_reject_corrupted_ones(
    pairs: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = _module("verifiability_checks", monkeypatch)
    found = pl.read_parquet(pairs).filter(
        (pl.col("dataset") == name) & (pl.col("answers").list.len() > 0)
    )
    drawn = found.sample(QUESTIONS, seed=2, shuffle=True).iter_rows(named=True)
    sound = [pair for row in drawn if (pair := measured._pair(row)) and measured._is_sound(pair)]
    kept = [pair for pair in sound if measured._problem(pair) is None]
    assert len(kept) / len(sound) >= 0.95
    for kind, corrupt in measured.CORRUPTIONS.items():
        broken = list(corrupt(sound, random.Random(4)))
        assert len(broken) > 50, kind
        rejected = [pair for pair in broken if measured._problem(pair)]
        assert len(rejected) / len(broken) >= 0.97, kind
