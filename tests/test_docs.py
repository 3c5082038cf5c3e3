"""The documentation says what the code says: generated tables, commands, links, layout.

``WEBSCALE_WRITE_DOCS=1 pytest tests/test_docs.py`` writes the generated parts again.
"""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import polars as pl
import pytest

from webscale_dagster.cli import COMMANDS
from webscale_dagster.contracts.audit import CONTRACTS
from webscale_dagster.contracts.check import common_checks
from webscale_dagster.llm.backends import open_model
from webscale_dagster.llm.journal import Journal
from webscale_dagster.readers import REASONS, read_objects
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages import STAGES, Context
from webscale_dagster.stages.protocol import UNUSABLE
from webscale_dagster.tables import TABLES, Table
from webscale_dagster.text.quality import RULES
from webscale_dagster.walk import GENERATE

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "webscale_dagster"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/**/*.md")])
QUALITY = ROOT / "docs" / "data_quality.md"
CONTRACTS_PAGE, REJECTS = ROOT / "docs" / "contracts.md", ROOT / "docs" / "rejects.md"
DOCUMENT = "medicine-001"  # the one that docs/walk.md follows
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("<", "&lt;")


def _tables() -> str:
    """All columns: one Markdown table, a bold row for each table of the lake."""
    rows = []
    for table in TABLES.values():
        kind = "a partition per shard" if table.sharded else "unpartitioned"
        kind = "a partition per stage and shard" if "stage" in table.schema else kind
        key = ", ".join(f"`{name}`" for name in table.key)
        rows.append(f"| **`{table.name}`** | {kind} | **{_cell(table.grain)}**; key {key} |")
        same = _begins_like(table)
        if same is not None:
            rows.append(f"| columns of `{same.name}` | | |")
        new = table.columns[len(same.columns) if same else 0 :]
        rows += [f"| `{c.name}` | {c.dtype} | {_cell(c.meaning)} |" for c in new]
    return "\n".join(["| table, column | type | meaning |", "|---|---|---|", *rows])


def _begins_like(table: Table) -> Table | None:
    """An earlier table with whose columns this one's begin: a row of its is shown for them."""
    earlier = itertools.takewhile(lambda other: other is not table, TABLES.values())
    same = [other for other in earlier if table.columns[: len(other.columns)] == other.columns]
    return max(same, key=lambda other: len(other.columns), default=None)


def _checks() -> str:
    """Every check of every contract, as the default recipe sets it; repeated ones once."""
    rows = [
        f"| every table | `{c.name}` | {_meaning(c.meaning)} |" for c in common_checks("shards")
    ]
    seen: set[tuple[str, str]] = set()
    for table, contract in CONTRACTS.items():
        of_pairs = table in ("qa_pairs", "verified_qa", "decontaminated_set")
        for check in contract(Recipe()):
            known = ("pairs" if of_pairs else table, check.name)
            if known not in seen:
                seen.add(known)
                rows.append(f"| `{table}` | `{check.name}` | {_cell(check.meaning)} |")
    return "\n".join(["| table | check | what must hold |", "|---|---|---|", *rows])


def _meaning(text: str) -> str:
    return _cell(re.sub(r" \(.*\)$", "", text))


def _records() -> str:
    rows = [f"| `{reason}` | {_cell(meaning)} |" for reason, meaning in REASONS.items()]
    return "\n".join(["| reason | a record that |", "|---|---|", *rows])


def _unusable() -> str:
    rows = [f"| `{reason}` | {_cell(meaning)} |" for reason, meaning in UNUSABLE.items()]
    return "\n".join(["| reason | what happened |", "|---|---|", *rows])


def _rules() -> str:
    """Quality rules with their limits, a row for each source they are cited from."""
    by_source: dict[str, list[str]] = {}
    for rule in RULES:
        limit = f"≥ {rule.least:g}" if rule.least is not None else f"≤ {rule.most:g}"
        by_source.setdefault(rule.source, []).append(f"`{rule.name}` {limit}")
    rows = [f"| {source} | {', '.join(rules)} |" for source, rules in by_source.items()]
    return "\n".join(["| source | rules and their limits |", "|---|---|", *rows])


GENERATED = {
    ROOT / "docs" / "tables.md": {"tables": _tables},
    CONTRACTS_PAGE: {"checks": _checks},
    REJECTS: {"records": _records, "rules": _rules},
    ROOT / "docs" / "models.md": {"unusable": _unusable},
}


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, make in GENERATED[page].items():
        head, tail = f"<!-- generated: {name} -->\n", f"\n<!-- end: {name} -->"
        before, after = text.split(head)[0], text.split(tail)[1]
        text = f"{before}{head}{make()}{tail}{after}"
    if os.environ.get("WEBSCALE_WRITE_DOCS"):
        page.write_text(text, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text, (
        f"{page.name} is out of date; run WEBSCALE_WRITE_DOCS=1 pytest tests/test_docs.py"
    )


def _reasons(path: Path) -> Iterator[str]:
    """Reject reasons in a module: of ``(reason, detail)`` and ``(row, parent, reason, detail)``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Tuple) or len(node.elts) not in (2, 4):
            continue
        if all(isinstance(part, ast.Constant) for part in node.elts):
            continue
        reason = node.elts[len(node.elts) // 2 if len(node.elts) == 4 else 0]
        either = [reason.body, reason.orelse] if isinstance(reason, ast.IfExp) else [reason]
        for part in either:
            text = part.value if isinstance(part, ast.Constant) else None
            if isinstance(text, str) and text.isidentifier():
                yield text


@functools.cache
def _stage_reasons() -> set[str]:
    return {reason for path in (PACKAGE / "stages").glob("*.py") for reason in _reasons(path)}


def test_every_reject_reason_is_explained() -> None:
    found = _stage_reasons()
    assert {"leaks", "near_duplicate", "domain_balance", "declined"} <= found  # the search works
    text = REJECTS.read_text(encoding="utf-8")
    assert sorted(reason for reason in found if f"`{reason}`" not in text) == []


@pytest.mark.parametrize(
    ("path", "kind", "known", "page"),
    [
        ("contracts/audit.py", "Metric", "parents_conserved", CONTRACTS_PAGE),
        ("exports/gates.py", "Gate", "enough_examples", QUALITY),
    ],
)
def test_every_metric_and_gate_is_explained(path: str, kind: str, known: str, page: Path) -> None:
    source = (PACKAGE / path).read_text(encoding="utf-8")
    names = re.findall(rf'\b{kind}\(\s*"(\w+)"', source)
    assert known in names
    text = page.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_asset_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in [*STAGES, "dataset_release"] if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"`webscale {name}" in readme
    command = importlib.import_module(f"webscale_dagster.cli.{COMMANDS[name]}").COMMANDS[name]
    assert isinstance(command, click.Command)
    assert "Example: " in (command.help or "")


def test_the_walked_document_is_real(tmp_path: Path) -> None:
    """What docs/walk.md shows of its document is what the stages make today."""
    text = (ROOT / "docs" / "walk.md").read_text(encoding="utf-8")
    lines = read_objects(PACKAGE / "samples" / "articles.jsonl")
    (record,) = (line for _, line in lines if line["id"] == DOCUMENT)
    made = _walked(record, tmp_path)
    pair = made["decontaminated_set"].row(-1, named=True)
    example = made["rl_splits"].filter(pl.col("qa_id") == pair["qa_id"]).row(0, named=True)
    shown = [*made["raw_corpus"].select("doc_id", "text_hash").row(0), *made["personas"]["persona"]]
    shown += [pair[name] for name in ("qa_id", "question", "evidence", "prompt_version")]
    shown += [f"text[{pair['evidence_start']}:{pair['evidence_end']}]", example["example_id"]]
    assert [value for value in shown if value not in text] == []


def _walked(record: Mapping[str, Any], folder: Path) -> dict[str, pl.DataFrame]:
    """Tables of every stage for one record, by the extractive backend."""
    context = Context(Recipe(), "samples-00000")
    tables = {name: table.empty() for name, table in TABLES.items()}
    fields = {"row": 3, "record_id": record["id"], "source": "samples", "uri": ""}
    given = {name: record.get(name) for name in ("url", "title", "text", "license", "group")}
    tables["records"] = pl.DataFrame([fields | given])
    tables["bad_records"] = pl.DataFrame(schema={"row": int, "reason": str, "detail": str})
    tables["earlier"] = tables["signatures"].with_columns(family=pl.lit(""))
    for name in ("raw_corpus", "near_duplicates", *GENERATE, "rl_splits"):
        stage = STAGES[name]
        reads = ("records", "bad_records") if name == "raw_corpus" else stage.reads
        with Journal(folder, name, "") as journal:
            model = open_model(context.recipe, journal)
            frames = {table: tables[table] for table in reads}
            result = stage.run(frames, replace(context, model=model))
        tables |= {name: result.kept, **result.beside}
    return tables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link.split("#")[0] for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    """A file named in backticks with one of the project's folders is there."""
    named = re.findall(
        r"`((?:webscale_dagster|dbt_like_sql|docs|tests|deploy)/[\w./-]+)`", page.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "tables.md"],  # one row for each column there is
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_pages_are_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 150
