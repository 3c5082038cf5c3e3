"""The export for TRL: rows that its trainer takes, and a README that runs as it stands."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import webscale_dagster.verifiers as verifiers
from tests.verl.releases import ALL, small_release
from webscale_dagster.cli.export import export
from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.exports.rl_examples import ExportError, check_verifiers, examples
from webscale_dagster.exports.trl import COLUMNS, files
from webscale_dagster.verifiers.outcome import AnswerType


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Pinned:
    return small_release(tmp_path_factory.mktemp("trl") / "home")


def _rows(release: Pinned) -> dict[str, pl.DataFrame]:
    made = files(release, ALL)
    return {
        name.removesuffix(".parquet"): pl.read_parquet(io.BytesIO(data))
        for name, data in made.items()
        if name.endswith(".parquet")
    }


def test_a_file_for_each_split_with_every_example(release: Pinned) -> None:
    known = release.table("rl_splits").collect()
    rows = _rows(release)
    assert set(rows) == set(known["split"]) == {"train", "validation"}
    assert sorted(pl.concat(rows.values())["example_id"]) == sorted(known["example_id"])
    for split, frame in rows.items():
        assert frame.columns == list(COLUMNS) and set(frame["split"]) == {split}
        for row in frame.to_dicts():
            (prompt,) = row["prompt"]
            assert prompt["role"] == "user" and row["question"] in prompt["content"]
            options = json.loads(row["verifier_options"])
            done = f"I think so. Answer: {row['ground_truth']}"
            outcome = verifiers.verify(row["answer_type"], done, row["ground_truth"], **options)
            assert outcome.outcome == "correct"


def test_always_the_same_bytes(release: Pinned) -> None:
    assert files(release, ALL) == files(release, ALL)


class _Captured:
    """What the README hands to a class of TRL's."""

    made: list[_Captured]

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named
        type(self).made.append(self)

    def train(self) -> None:
        self.named["trained"] = True


def test_the_readme_s_example_runs(
    release: Pinned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = files(release, ALL)
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    datasets, trl = ModuleType("datasets"), ModuleType("trl")
    config = type("GRPOConfig", (_Captured,), {"made": []})
    trainer = type("GRPOTrainer", (_Captured,), {"made": []})

    def load_dataset(_: str, data_files: dict[str, str]) -> dict[str, Any]:
        return {k: pl.read_parquet(tmp_path / v) for k, v in data_files.items()}

    vars(datasets)["load_dataset"] = load_dataset
    vars(trl).update(GRPOConfig=config, GRPOTrainer=trainer)
    monkeypatch.setitem(sys.modules, "datasets", datasets)
    monkeypatch.setitem(sys.modules, "trl", trl)
    (code,) = re.findall(r"```python\n(.*?)```", made["README.md"].decode(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    exec(code, {})
    (started,) = trainer.made
    _, functions = started.given
    rows = started.named["train_dataset"]
    assert started.named["trained"]
    assert config.made[0].named["reward_weights"] == [1.0] * len(functions)
    truth, kind = rows["ground_truth"][0], rows["answer_type"][0]
    columns = {name: [rows[name][0]] * 2 for name in COLUMNS if name != "prompt"}
    completions = [[{"role": "assistant", "content": f"Answer: {t}"}] for t in (truth, "no idea")]
    scores = {f.__name__: asyncio.run(f(completions=completions, **columns)) for f in functions}
    assert scores[kind] == [1.0, 0.0]


def test_a_row_that_no_verifier_claims_is_named(release: Pinned) -> None:
    rows = examples(release, ALL)
    bad = rows.with_columns(answer_type=pl.lit("colour"))
    with pytest.raises(ExportError, match=rf"{rows['example_id'][0]}: no verifier .*'colour'"):
        check_verifiers(bad)


def test_a_verifier_that_rejects_its_own_truth_stops_the_export(
    release: Pinned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    number = release.table("rl_splits").filter(pl.col("answer_type") == "number").collect()
    broken = AnswerType(lambda text, _: text, lambda *_: "never right")
    monkeypatch.setitem(verifiers._TYPES, "number", broken)
    with pytest.raises(ExportError, match="would never be paid") as raised:
        files(release, ALL)
    assert any(one in str(raised.value) for one in number["example_id"])
    monkeypatch.setenv("WEBSCALE_LAKE", release.lake.root)
    done = CliRunner().invoke(export, ["candidate", "--format", "trl", str(tmp_path / "out")])
    assert done.exit_code == 1 and "never right" in done.output
    assert not (tmp_path / "out").exists()


def test_a_split_without_examples_is_an_error(release: Pinned) -> None:
    with pytest.raises(ExportError, match="no examples in the splits sft"):
        files(release, ["sft"])


def test_the_command_writes_it(
    release: Pinned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEBSCALE_LAKE", release.lake.root)
    done = CliRunner().invoke(export, ["candidate", "--format", "trl", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "train.parquet").is_file() and (tmp_path / "manifest.json").is_file()
