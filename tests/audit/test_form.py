"""The form's file: data that cannot end its element, a policy that knows the script by its hash."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.audit.tiny import pair, publish
from webscale_dagster.audit.criteria import ABOUT, CRITERIA, MODEL_CHECKS
from webscale_dagster.audit.export import Wanted, make_audit
from webscale_dagster.audit.form import embedded, form_html
from webscale_dagster.lake import Lake
from webscale_dagster.stages.prompt import package_text
from webscale_dagster.tables import TABLES

HOSTILE = (
    "</script><!--<script>\u2028\u2029&amp;]]> {{ 7 * 7 }} {% raw %} \u202e \U0001f480 \\ \" '"
)


def test_hostile_strings_cannot_end_their_element_and_come_back_whole() -> None:
    text = embedded({HOSTILE: [HOSTILE]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {HOSTILE: [HOSTILE]}


def _data(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_the_form_holds_the_sample_and_names_its_own_script() -> None:
    document = {"title": HOSTILE, "text": HOSTILE, "source": "s", "url": HOSTILE}
    html = form_html("<b>spring", "digest", [document], [])
    assert _data(html)["documents"] == [document]
    assert "<b>spring" not in html and "&lt;b&gt;spring" in html
    assert html.count("<script") == 2 and "49" not in html.split("<main>")[0].split("</style>")[1]
    policy = html.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    for tag in ("script", "style"):
        inside = html.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_form_asks_nothing_of_the_network() -> None:
    html = form_html("spring", "digest", [], [])
    assert not re.search(r"https?://|//\w|@import|url\(|\bsrc=|href=|innerHTML|\beval\b", html)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("WEBSCALE_HOME", str(tmp_path))
    return Lake(str(tmp_path / "lake"))


def test_items_carry_the_place_of_their_quote_in_characters(lake: Lake) -> None:
    text = "👩‍👧 Zum Wohl! Copper melts at 1,085 °C. The end."
    found = {"text": text, "problem": None, "evidence": "Copper melts at 1,085 °C."}
    gone = {"problem": "quote_not_found", "problems": ["quote_not_found"]}
    rows = [
        pair("exact", **found),
        pair("near", text=text, evidence="Copper melted at 1,085 °C!", **gone),
        pair("lost", text=text, evidence="Wholly unlike anything else said", **gone),
    ]
    publish(lake, "a-00000", rows)
    audit = make_audit(lake, ["a-00000"], Wanted(size=3, rejected_share=0.6), None)
    items = {item["id"]: item for item in audit.items}
    exact, near, lost = items["exact"], items["near"], items["lost"]
    assert text[exact["start"] : exact["end"]] == "Copper melts at 1,085 °C." and exact["exact"]
    assert "1,085 °C" in text[near["start"] : near["end"]] and not near["exact"]
    assert lost["start"] is None and not lost["exact"]
    assert exact["also_accepted"] == ["1085"] and exact["options"] == ["unit: °C"]


def test_checks_are_about_criteria_that_are_asked() -> None:
    asked = {criterion.name for criterion in CRITERIA}
    assert {criterion for _, criterion in MODEL_CHECKS.values()} <= asked
    assert set(ABOUT.values()) <= asked
    assert set(MODEL_CHECKS) <= set(TABLES["pair_verdicts"].schema)
    source = package_text("stages/free_checks.py")
    assert [reason for reason in ABOUT if f'"{reason}"' not in source] == []
