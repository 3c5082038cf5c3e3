"""Reviewers' labels: read from the form's JSON files and from filled sheets, checked, stored.

Reads files that people bring. Writes ``audits/<name>/labels/<reviewer>.json``, one a reviewer; a
later import replaces it. Nothing is stored unless every file is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from webscale_dagster.audit.criteria import CATEGORIES, NAMES, Answer
from webscale_dagster.audit.export import AuditError
from webscale_dagster.audit.sheet import SAYABLE, answer_of, category_of, read_sheet
from webscale_dagster.lake import Lake


class Label(BaseModel):
    """One reviewer's answers on one pair; what was not answered is None."""

    model_config = ConfigDict(extra="forbid")

    correct: Answer | None = None
    quote_supports: Answer | None = None
    only_answer: Answer | None = None
    not_given_away: Answer | None = None
    stands_alone: Answer | None = None
    category: str | None = None
    note: str = ""
    seconds: float | None = Field(None, ge=0)

    @field_validator("category")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in CATEGORIES:
            raise ValueError(f"say one of {', '.join(CATEGORIES)}")
        return value

    @property
    def says_something(self) -> bool:
        """Whether there is an answer; a blank row of a sheet has none."""
        return any(getattr(self, name) is not None for name in NAMES)


class Labels(BaseModel):
    """One reviewer's labels of one sample, by ``qa_id``."""

    model_config = ConfigDict(extra="forbid")

    audit: str
    sample: str
    reviewer: str
    labels: dict[str, Label]

    @property
    def key(self) -> str:
        """The reviewer's name as a file's name."""
        return re.sub(r"[\W_]+", "-", self.reviewer.casefold()).strip("-")


@dataclass(frozen=True)
class Imported:
    """What one file brought."""

    reviewer: str
    pairs: int
    replaced: int | None  # labelled pairs that the reviewer's earlier labels had


def import_labels(lake: Lake, sample: dict[str, Any], files: Sequence[Path]) -> list[Imported]:
    """Check every file, then store them; the first mistake raises AuditError and stores none."""
    name = sample["name"]
    by_key: dict[str, tuple[Path, Labels]] = {}
    for path in files:
        found = _read(path, sample)
        if found.key in by_key:
            other = by_key[found.key][0]
            raise AuditError(
                f"{path} and {other} are both by {found.reviewer}; give one file a reviewer"
            )
        by_key[found.key] = path, found
    done = []
    for key, (_, found) in by_key.items():
        place = f"audits/{name}/labels/{key}.json"
        old = lake.objects.get(place)
        replaced = None if old is None else len(json.loads(old)["labels"])
        lake.objects.put(place, found.model_dump_json(indent=1).encode())
        done.append(Imported(found.reviewer, len(found.labels), replaced))
    return done


def load_labels(lake: Lake, name: str) -> list[Labels]:
    """All labels of an audit, by reviewer."""
    found = (lake.objects.get(key) for key in lake.objects.keys(f"audits/{name}/labels/"))
    return [Labels.model_validate_json(data) for data in found if data is not None]


def _read(path: Path, sample: dict[str, Any]) -> Labels:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise AuditError(f"{path}: not UTF-8; save it as `CSV UTF-8`") from None
    if path.suffix.lower() not in (".json", ".csv"):
        raise AuditError(f"{path}: give the form's .json or the sheet as .csv")
    found = _from_json(path, text) if path.suffix.lower() == ".json" else _from_sheet(path, text)
    if found.sample != sample["sample"]:
        raise AuditError(
            f"{path}: made for sample {found.sample or '(none named)'}, but audit {sample['name']} "
            f"has sample {sample['sample']}; import it into the audit it was made for"
        )
    if not found.key:
        raise AuditError(f"{path}: nobody signed it; write your name in `reviewer`")
    known = {item["qa_id"] for item in sample["items"]}
    if unknown := [qa_id for qa_id in found.labels if qa_id not in known]:
        raise AuditError(
            f"{path}: id {unknown[0]!r} is not in the sample; leave the column `id` as exported"
        )
    kept = {qa_id: label for qa_id, label in found.labels.items() if label.says_something}
    return found.model_copy(update={"labels": kept})


def _from_json(path: Path, text: str) -> Labels:
    try:
        return Labels.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = " → ".join(str(part) for part in first["loc"]) or "the file"
        raise AuditError(
            f"{path}: {where}: {first['msg']}; load it into the form and save it again"
        ) from None


def _from_sheet(path: Path, text: str) -> Labels:
    labels: dict[str, Label] = {}
    signed: dict[str, dict[str, None]] = {"reviewer": {}, "sample": {}}  # values, in order
    try:
        rows = list(read_sheet(text))
    except ValueError as error:
        raise AuditError(f"{path}: {error}") from None
    for line, row in rows:
        where = f"{path}, line {line}"
        qa_id = row["id"].strip()
        if qa_id in labels:
            raise AuditError(f"{where}: id {qa_id!r} stands there twice; remove one of the rows")
        labels[qa_id] = _label(where, row)
        for name, seen in signed.items():
            if value := row.get(name, "").strip():
                seen[value] = None
    for name, seen in signed.items():
        if len(seen) > 1:
            raise AuditError(
                f"{path}: two values of `{name}`, {' and '.join(seen)}; split the file"
            )
    return Labels(
        audit="",
        labels=labels,
        reviewer=next(iter(signed["reviewer"]), ""),
        sample=next(iter(signed["sample"]), ""),
    )


def _label(where: str, row: dict[str, str]) -> Label:
    answers = {}
    for name in NAMES:
        cell = row.get(name, "")
        try:
            answers[name] = answer_of(cell)
        except KeyError:
            raise AuditError(f"{where}: {name} = {cell!r}; write {SAYABLE}") from None
    cell = row.get("category", "")
    try:
        category = category_of(cell)
    except KeyError:
        known = ", ".join(CATEGORIES.values())
        raise AuditError(f"{where}: category = {cell!r}; write one of {known}") from None
    note = row.get("note", "").strip()
    return Label.model_validate({**answers, "category": category, "note": note})
