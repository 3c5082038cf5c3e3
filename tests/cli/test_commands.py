"""The commands over a demo home: what they print, and how they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import run
from webscale_dagster.cli import COMMANDS, cli
from webscale_dagster.exports.release import current_channel
from webscale_dagster.lake import Lake
from webscale_dagster.tables import TABLES
from webscale_dagster.walk import Walk

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("demo_home")]  # runs the whole demo


def test_the_demo_ends_in_a_release_in_its_channel(demo_home: Path) -> None:
    said = (demo_home / "demo.txt").read_text(encoding="utf-8")
    pointer = current_channel(Walk.at_home(), "candidate")
    assert pointer is not None
    folder = demo_home / "lake" / "releases" / pointer["release"]
    assert str(folder) in said.replace("\n", "")
    assert all(gate["passed"] for gate in pointer["gates"])
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(folder / "data" / "*.parquet")
    assert rows.height == sum(file["rows"] for file in manifest["files"].values()) >= 50
    assert "verified by rules alone" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_demo_shows_three_pairs_with_their_quotes(demo_home: Path) -> None:
    said = (demo_home / "demo.txt").read_text(encoding="utf-8")
    assert said.count("→") == 3 and said.count("“") >= 3
    assert "webscale ui" in said


def test_every_planted_defect_leaves_for_its_reason(demo_home: Path) -> None:
    """The samples' defects are labelled; prompt injections stay, as data."""
    lake = Lake(str(demo_home / "lake"))
    lines = (demo_home / "samples" / "web.jsonl").read_text(encoding="utf-8").split("\n")
    planted = {r["id"]: r["defect"] for r in map(json.loads, filter(None, lines)) if r["defect"]}
    documents = lake.read("raw_corpus").select("doc_id", "record_id").collect()
    rejects = lake.rejects(["filtered_docs"], [f"samples-0000{n}" for n in range(3)]).collect()
    reasons = dict(
        documents.join(rejects, left_on="doc_id", right_on="row_id", how="left")
        .select("record_id", "reason")
        .rows()
    )
    expected = {
        "too_short": {"too_short"},
        "wrong_language": {"language"},
        "near_duplicate": {"near_duplicate"},
        "exact_duplicate": {"exact_duplicate"},
        "benchmark_planted": {"benchmark_overlap"},
        "broken_encoding": {"broken_encoding"},
    }
    for record_id, defect in planted.items():
        if defect in expected:
            assert reasons[record_id] in expected[defect], (record_id, defect, reasons[record_id])
        elif defect != "prompt_injection":
            assert reasons[record_id] is not None, (record_id, defect)


def test_run_again_finds_nothing_to_do(demo_home: Path) -> None:
    lake = Lake(str(demo_home / "lake"))
    before = {table: lake.version(table) for table in TABLES}
    result = run("run")
    assert result.exit_code == 0, result.output
    assert "0 shards made, 3 were up to date, 0 failed" in result.output
    assert {table: lake.version(table) for table in TABLES} == before


def test_status_reads_the_marts() -> None:
    result = run("status")
    assert result.exit_code == 0, result.output
    assert "Funnel by source" in result.output and "candidate →" in result.output
    found = json.loads(run("status", "--json").output)
    assert found["unpassed"] == [] and found["not_up_to_date"] == {}
    assert found["funnel_by_source"][0]["documents"] > 120
    assert {row["status"] for row in found["conservation"]} == {"balanced"}


def test_show_prints_rows_and_rejects() -> None:
    rows = [
        json.loads(line)
        for line in run("show", "qa_pairs", "-n", "2", "--json").output.splitlines()
    ]
    assert len(rows) == 2 and all(row["question"].endswith("?") for row in rows)
    shown = run("show", "filtered_docs", "--rejected", "too_short")
    assert "too_short" in shown.output and "text" in shown.output
    unknown = run("show", "filtered_docs", "--rejected", "ugly")
    assert unknown.exit_code == 1 and "there are:" in unknown.output
    drawn = [run("show", "qa_pairs", "-n", "3", "--seed", "5").output for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_doctor_finds_nothing_wrong_then_something(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("doctor").exit_code == 0
    monkeypatch.setenv("WEBSCALE_BENCHMARKS", str(demo_home / "nowhere"))
    result = run("doctor", "--json")
    failed = [finding["check"] for finding in json.loads(result.output) if not finding["ok"]]
    assert result.exit_code == 1 and failed == ["benchmarks"]


def test_try_walks_one_document(tmp_path: Path) -> None:
    articles = Lake(str(Walk.at_home().lake.root)).read("decontaminated_set").collect()
    text = (
        Walk.at_home()
        .lake.read("raw_corpus")
        .filter(pl.col("doc_id") == articles["doc_id"][0])
        .collect()["text"][0]
    )
    path = tmp_path / "page.html"
    paragraphs = "".join(f"<p>{p}</p>" for p in text.split("\n\n"))
    path.write_text(f"<html><body><article>{paragraphs}</article></body></html>", encoding="utf-8")
    result = run("try", str(path))
    assert result.exit_code == 0, result.output
    for stage in ("raw_corpus", "filtered_docs", "personas", "qa_pairs", "verified_qa"):
        assert stage in result.output
    assert "kept" in result.output


def test_a_run_without_shards_says_what_to_do() -> None:
    result = run("run", "--shards", "nothing-*")
    assert result.exit_code == 1 and "webscale ingest SOURCE" in result.output
    result = run("run", "--from", "qa_pairs", "--to", "raw_corpus")
    assert result.exit_code == 1 and "comes after" in result.output


def test_ingest_refuses_what_is_not_there(tmp_path: Path) -> None:
    result = run("ingest", str(tmp_path / "missing.jsonl"))
    assert result.exit_code != 0
    assert "missing.jsonl" in f"{result.output}{result.exception}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0 and "Example" in result.output
    assert name in cli.list_commands(None)  # type: ignore[arg-type]


def test_export_writes_what_the_channel_points_to(tmp_path: Path) -> None:
    out = [tmp_path / name for name in ("a", "b")]
    for folder in out:
        result = run("export", "candidate", "--format", "verifier-training", str(folder))
        assert result.exit_code == 0, result.output
    made = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in out]
    assert set(made[0]) == {"README.md", "manifest.json", "verifier-training.parquet"}
    assert made[0] == made[1]
    rows = pl.read_parquet(out[0] / "verifier-training.parquet")
    assert set(rows["split"]) == {"sft", "train", "validation"}
    tested = tmp_path / "test"
    run("export", "candidate", "--format", "verifier-training", str(tested), "--splits", "test")
    assert set(pl.read_parquet(tested / "verifier-training.parquet")["split"]) == {"test"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("best", "--format", "verifier-training"), "best: no such release or channel"),
        (("candidate", "--format", "verifier-training", "--splits", "dev"), "no split 'dev'"),
        (("candidate", "--format", "floppy"), "verifier-training"),
    ],
)
def test_export_refuses_what_it_does_not_know(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = run("export", *arguments, str(tmp_path / "out"))
    assert result.exit_code != 0 and said in result.output
    assert not (tmp_path / "out").exists()
