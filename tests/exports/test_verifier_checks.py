"""A bad verifier keeps a release out of its channel, and everybody sees why."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import webscale_dagster.verifiers as verifiers
from tests.conftest import make_home
from tests.test_walk import COPPER, DANUBE
from webscale_dagster.exports import verifier_checks as module
from webscale_dagster.exports.gates import Gate, closed_gates
from webscale_dagster.exports.release import Release, current_channel, make_release
from webscale_dagster.exports.verifier_checks import VerifierChecks, kept_checks, verifier_checks
from webscale_dagster.ingest import ingest_source
from webscale_dagster.sources import write_source
from webscale_dagster.verifiers.outcome import AnswerType, WholeAnswerType
from webscale_dagster.verifiers.red_team import Row
from webscale_dagster.walk import SHARDED, Walk

# The platform below: what it deprecates in itself is not ours.
pytestmark = pytest.mark.filterwarnings("ignore:::(dagster|pydantic)")


def _crash(*_: Any) -> Any:
    raise RuntimeError("broken verifier")


BAD = {
    "accepts everything": AnswerType(lambda text, _: text, lambda *_: None),
    "rejects everything": AnswerType(lambda text, _: text, lambda *_: "never right"),
    "raises": WholeAnswerType(lambda *_: None, _crash),
}
REASONS = {
    "accepts everything": "accepts_others",
    "rejects everything": "rejects_truth",
    "raises": "failed",
}


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Two documents, carried to rl_splits once for all tests: none of them changes a table."""
    with pytest.MonkeyPatch.context() as patch:
        home = make_home(tmp_path_factory.mktemp("checks") / "home", patch)
        (home / "corpus").mkdir(parents=True)
        rows = [{"id": "danube", "text": DANUBE}, {"id": "copper", "text": COPPER}]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (home / "corpus" / "a.jsonl").write_text(lines, encoding="utf-8")
        source = write_source(str(home / "corpus"), home / "sources", {}, "s")
        walked = Walk.at_home()
        (shard,) = ingest_source(walked, source).new
        walked.make("benchmarks")
        for stage in SHARDED:
            walked.make(stage, shard)
        walked.make("rl_splits")
        yield walked


def _examples(walk: Walk) -> pl.DataFrame:
    return walk.lake.read("rl_splits").collect()


def _gates(release: Release) -> dict[str, Gate]:
    return {gate.name: gate for gate in release.gates}


def test_good_verifiers_open_both_gates_and_are_in_the_card(walk: Walk) -> None:
    assert {"number", "date"} <= set(_examples(walk)["answer_type"])
    release = make_release(walk)
    gates = _gates(release)
    assert gates["verifiers_accept_their_truths"].passed and gates["red_team"].passed
    assert release.channel == "candidate"
    assert release.checks.attacks > 300 and release.checks.hack_rate == 0.0
    assert release.checks.n_examples == _examples(walk).height
    card = (Path(release.folder) / "README.md").read_text(encoding="utf-8")
    assert f"tried {release.checks.attacks:,} replies" in card and "hack rate 0.00%" in card
    assert "| injection | " in card and "| red_team | yes | hack rate 0.0000" in card
    assert f"0 of {release.checks.n_examples} examples have a verifier that rejects" in card


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_verifier_holds_the_release(
    walk: Walk, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = make_release(walk)
    before = current_channel(walk, "candidate")
    monkeypatch.setitem(verifiers._TYPES, "number", BAD[kind])
    release = make_release(walk)
    assert not release.passed and release.channel is None
    assert current_channel(walk, "candidate") == before
    assert before is not None and before["release"] == good.name

    gates = _gates(release)
    numbers = _examples(walk).filter(pl.col("answer_type") == "number")
    truths = gates["verifiers_accept_their_truths"]
    assert not truths.passed and f"{numbers.height} of " in truths.seen
    assert f"verifier_{REASONS[kind]}" in truths.seen
    assert any(example in truths.seen for example in numbers["example_id"])
    if kind == "raises":
        assert "broken verifier" in truths.seen
    # One that rejects everything cannot be hacked: the self-check finds it, the red team cannot.
    assert gates["red_team"].passed is (kind == "rejects everything")
    if kind == "accepts everything":
        assert "most in number" in gates["red_team"].seen
    if kind == "raises":
        assert release.checks.failure_share > 0.1 and release.checks.n_hacks == 0
    # Who failed today may have a verdict tomorrow: that is not kept.
    closed = {gate.name for gate in release.gates if not gate.passed and kind != "raises"}
    assert {gate.name for gate in closed_gates(walk)} == closed


def test_the_asset_s_check_is_red_with_the_reason(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webscale_dagster.definitions import defs

    make_release(walk)
    before = current_channel(walk, "candidate")
    monkeypatch.setitem(verifiers._TYPES, "number", BAD["accepts everything"])
    with warnings.catch_warnings(), dg.DagsterInstance.ephemeral() as instance:
        warnings.simplefilter("ignore")
        result = (
            defs()
            .resolve_job_def("assemble")
            .execute_in_process(instance=instance, asset_selection=[dg.AssetKey("dataset_release")])
        )
    found = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert not found["gates"].passed and not found["red_team"].passed
    assert found["red_team"].severity is dg.AssetCheckSeverity.ERROR
    metadata = {name: value.value for name, value in found["red_team"].metadata.items()}
    assert "most in number" in str(metadata["seen"])
    assert "| echo | " in str(metadata["by_family"])
    assert {hack["answer_type"] for hack in metadata["hacks"]} == {"number"}  # type: ignore[union-attr]
    assert "verifiers_accept_their_truths | **no**" in str(found["gates"].metadata["gates"].value)
    assert current_channel(walk, "candidate") == before


def test_both_are_looked_at_once(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = verifier_checks(walk, _examples(walk))

    def again(*_: Any) -> Any:
        raise AssertionError("the red team was sent out again")

    monkeypatch.setattr(module, "run", again)
    monkeypatch.setattr(module, "problems", again)
    assert verifier_checks(walk, _examples(walk)) == first
    assert make_release(walk).checks == first


@pytest.mark.parametrize("what", ["examples", "verifiers", "limit"])
def test_what_changes_the_outcome_is_looked_at_again(
    walk: Walk, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = verifier_checks(walk, _examples(walk))
    examples = _examples(walk)
    if what == "examples":
        examples = examples.head(1)
    elif what == "verifiers":
        monkeypatch.setitem(verifiers._TYPES, "number", BAD["rejects everything"])
    else:
        release = walk.recipe.dataset_release.model_copy(update={"attacks_on_examples": 3})
        walk = Walk(walk.lake, walk.recipe.model_copy(update={"dataset_release": release}))
    assert verifier_checks(walk, examples) != first


def test_the_recipe_s_limits_decide(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row("number", "echo", 96, 1, 1), Row("date", "echo", 104, 0, 0)]
    made = VerifierChecks(2, 0, [], rows, [], [], 0)
    monkeypatch.setattr("webscale_dagster.exports.gates.kept_checks", lambda *_: made)

    def closed(**limits: float) -> set[str]:
        release = walk.recipe.dataset_release.model_copy(update=limits)
        recipe = walk.recipe.model_copy(update={"dataset_release": release})
        return {gate.name for gate in closed_gates(Walk(walk.lake, recipe))}

    assert closed() == {"red_team"}
    assert closed(max_hack_rate=0.01, max_verifier_failure_share=0.01) == set()
    assert closed(max_hack_rate=0.01) == {"red_team"}  # 1 of 200 without a verdict: 0.5 %
    assert closed(max_verifier_failure_share=0.01) == {"red_team"}


def test_checks_that_were_kept_are_json(walk: Walk) -> None:
    made = verifier_checks(walk, _examples(walk))
    keys = walk.lake.objects.keys("verifier_checks/")
    kept = [json.loads(walk.lake.objects.get(key) or b"") for key in keys]
    assert [one for one in kept if sum(row["attacks"] for row in one["rows"]) == made.attacks]
    assert {*kept[0]} == {field.name for field in fields(VerifierChecks)}


def test_a_failure_is_not_kept(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(verifiers._TYPES, "number", BAD["raises"])
        assert verifier_checks(walk, _examples(walk)).n_unverified > 0
        assert kept_checks(walk, _examples(walk)) is None
    assert verifier_checks(walk, _examples(walk)).n_problems == 0


def test_another_body_is_another_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    first = verifiers._TYPES["number"]
    seen = set()
    for body in (lambda *_: None, lambda *_: "no", lambda *_: "never"):
        body.__qualname__ = "differs"
        monkeypatch.setitem(verifiers._TYPES, "number", AnswerType(first.parse, body))
        seen.add(module._code())
    assert len(seen) == 3
    monkeypatch.setitem(verifiers._TYPES, "number", first)
    assert module._code() == module._code() not in seen
