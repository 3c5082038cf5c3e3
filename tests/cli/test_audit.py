"""``webscale audit`` over a tiny lake: export, two reviewers, report."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.audit.tiny import mixed, publish
from tests.cli.conftest import run
from webscale_dagster.audit.criteria import NAMES
from webscale_dagster.walk import Walk


@pytest.fixture
def exported(home: Path, tmp_path: Path) -> Path:
    publish(Walk.at_home().lake, "a-00000", mixed(90))
    out = tmp_path / "audit"
    done = run("audit", "export", "--name", "spring", "-n", "40", str(out))
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "30 of 90 kept pairs and 10 of 30 rejected ones" in said and "±14.7 points" in said
    return out


def _form_file(out: Path) -> Path:
    """As the form saves it: Ada finds every fourth pair to leak."""
    sample = json.loads((out / "sample.json").read_text(encoding="utf-8"))
    yes = dict.fromkeys(NAMES, "yes")
    leaks = yes | {"not_given_away": "no", "category": "leaks", "note": "", "seconds": 12.5}
    labels = {
        item["qa_id"]: leaks if place % 4 == 0 else yes
        for place, item in enumerate(sample["items"])
    }
    content = {"audit": "spring", "sample": sample["sample"], "reviewer": "Ada", "labels": labels}
    path = out / "labels-spring-ada.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _filled_sheet(out: Path) -> Path:
    """Bo fills the exported sheet with yes, all but the last five rows."""
    text = (out / "audit.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for row in rows[:-5]:
        row.update(dict.fromkeys(NAMES, "Yes"), reviewer="Bo")
    path = out / "bo.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_from_export_to_report(exported: Path) -> None:
    early = run("audit", "report", "spring")
    assert early.exit_code == 1 and "webscale audit import spring FILE" in early.output
    done = run("audit", "import", "spring", str(_form_file(exported)), str(_filled_sheet(exported)))
    assert done.exit_code == 0, done.output
    assert "Ada: 40 pairs labelled" in done.output and "Bo: 35 pairs labelled" in done.output
    again = run("audit", "import", "spring", str(_form_file(exported)))
    assert "in place of 40 before" in again.output
    page = exported / "report.md"
    shown = run("audit", "report", "spring", "--out", str(page))
    assert shown.exit_code == 0, shown.output
    assert page.read_text(encoding="utf-8").strip() == shown.output.strip()
    assert "# Audit spring" in shown.output and "Cohen's kappa" in shown.output
    found = json.loads(run("audit", "report", "spring", "--json").output)
    precision = {row["criterion"]: row for row in found["precision"]}
    assert precision["correct"]["rate"] == 1.0 and precision["correct"]["n"] == 30
    assert 0.5 < precision["not_given_away"]["rate"] < 1.0
    assert {row["check"] for row in found["checks"]} >= {"kept or not", "leaks", "quote_not_found"}
    assert {"quote_score", "support", "relevance", "leak_score"} == set(found["thresholds"])


def test_the_sizes_asked_for_are_printed_and_drawn(home: Path, tmp_path: Path) -> None:
    publish(Walk.at_home().lake, "a-00000", mixed(90))
    asked = ("audit", "export", "--margin", "0.1", "--json", str(tmp_path / "out"))
    found = json.loads(run(*asked).output)
    assert found["drawn_kept"] == 47 and found["drawn"] == 63  # n = 96.04 / (1 + 95.04 / 90)
    assert found["margin"] <= 0.1 and found["name"].startswith("audit-")
    assert [Path(path).name for path in found["files"]] == [
        "audit.html",
        "audit.csv",
        "sample.json",
    ]
    assert json.loads(run(*asked).output)["sample"] == found["sample"]


def test_mistakes_are_one_clear_line(exported: Path, tmp_path: Path) -> None:
    unknown = run("audit", "report", "autumn")
    assert unknown.exit_code != 0 and "there are: spring" in f"{unknown.exception}"
    nothing = run("audit", "export", "--shards", "b-*", str(tmp_path / "none"))
    assert nothing.exit_code != 0 and "webscale run" in f"{nothing.exception}"
    assert not (tmp_path / "none").exists()
    taken = run("audit", "export", "--name", "spring", "-n", "41", str(tmp_path / "none"))
    assert taken.exit_code != 0 and "choose another --name" in f"{taken.exception}"
    spoilt = exported / "spoilt.json"
    spoilt.write_text(_form_file(exported).read_text().replace('"no"', '"nope"'), encoding="utf-8")
    wrong = run("audit", "import", "spring", str(spoilt))
    assert wrong.exit_code != 0 and "not_given_away: Input should be" in f"{wrong.exception}"
