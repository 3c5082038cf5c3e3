"""What every reader takes and gives: a job, and its records, good and bad.

Reads and writes nothing. A reader yields each record of its file exactly once: as a ``Record``, or
as a ``BadRecord`` whose reason is one of ``REASONS``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from webscale_dagster.recipe import RawCorpus
from webscale_dagster.text.normalise import normalise

Format = Literal["auto", "jsonl", "parquet", "warc", "wet", "html", "text"]

REASONS = {
    "bad_record": "a web-archive record that cannot be parsed",
    "corrupt": "compressed or columnar data that cannot be decoded",
    "decompression_limit": "unpacks to more bytes than the recipe allows; reading stopped there",
    "duplicate_id": "a record of this shard has the same id, or the same url and no id",
    "empty_file": "the file holds nothing",
    "invalid_utf8": "the line is not UTF-8",
    "no_documents": "a web archive without a page or text",
    "no_main_text": "a web page from which no text could be extracted",
    "no_text": "the text is missing, empty or not a string",
    "not_an_object": "JSON, but not an object with fields",
    "not_json": "the line is not JSON",
    "record_too_large": "larger than the recipe allows",
    "truncated": "the file ends inside the record; reading stopped there",
}


class SourceError(ValueError):
    """A source that cannot be read; the message names the file and the remedy."""


@dataclass(frozen=True)
class FileEntry:
    """A file of a source, as it is listed."""

    uri: str
    size: int
    etag: str | None = None  # on S3


class Reading(BaseModel):
    """How the records of a source are read: format, the fields that matter, and the licence.

    A field may be nested: ``metadata.url``. A shard carries this as JSON in ``options``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format = "auto"
    text_field: str = Field("text", min_length=1)
    html_field: str | None = None  # where it is set and not empty, its main text is the text
    id_field: str | None = "id"
    url_field: str | None = "url"
    title_field: str | None = "title"
    license: str | None = None  # for every record whose license_field says nothing
    license_field: str | None = "license"
    group_field: str | None = None

    @model_validator(mode="after")
    def _fields_are_named(self) -> Reading:
        if any(name is not None and not name.strip() for name in self.fields()):
            raise ValueError("a field name must not be empty; leave the setting out instead")
        return self

    def fields(self) -> tuple[str | None, ...]:
        """Names of all fields that are looked up, unset ones as None."""
        return (
            self.text_field,
            self.html_field,
            self.id_field,
            self.url_field,
            self.title_field,
            self.license_field,
            self.group_field,
        )

    def options(self) -> str:
        """Canonical JSON, for the ``options`` of a shard."""
        return json.dumps(self.model_dump(), sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Record:
    """A document as its source gives it, its text normalised."""

    row: int
    record_id: str | None
    url: str | None
    title: str | None
    text: str
    license: str | None
    group: str | None


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot become a document, with its reason."""

    row: int
    reason: str
    detail: str


Rows = Iterator[Record | BadRecord]


def no_progress(done: int, total: int) -> None:
    """Reports nothing."""
    del done, total


@dataclass(frozen=True)
class Job:
    """A file on this machine to read, rows ``row_from`` to ``row_to`` (exclusive) of it."""

    path: Path
    uri: str  # what to call it in messages
    reading: Reading
    settings: RawCorpus
    row_from: int = 0
    row_to: int | None = None
    progress: Callable[[int, int], None] = no_progress  # done, in all: bytes or rows
    passed_over: Counter[str] = field(default_factory=Counter)  # archive records that are no pages

    def wants(self, row: int) -> bool:
        """Whether a row belongs to the shard."""
        return row >= self.row_from and not self.past(row)

    def past(self, row: int) -> bool:
        """Whether the shard ends before a row."""
        return self.row_to is not None and row >= self.row_to


def lookup(record: Mapping[str, Any], name: str | None) -> Any:
    """The value of a field, by its name or by a dotted path; None where there is none."""
    if name is None or name in record:
        return record.get(name) if name is not None else None
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def label(value: Any) -> str | None:
    """A short value (id, url, title …) as clean text; None where there is nothing to say."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # A lone surrogate or a NUL cannot be stored in every table format.
    text = str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.replace("\0", " ").split()) or None


def build_record(job: Job, row: int, fields: Mapping[str, Any]) -> Record | BadRecord:
    """A record from its fields, or the reason why it cannot be one."""
    reading = job.reading
    html = lookup(fields, reading.html_field)
    if isinstance(html, str) and html.strip():
        from webscale_dagster.readers.html import extract

        page = extract(html, job.settings)
        if isinstance(page, tuple):
            return BadRecord(row, *page)
        text, title = page.text, page.title
    else:
        value = lookup(fields, reading.text_field)
        if not isinstance(value, str):
            return BadRecord(row, "no_text", _why_no_text(reading.text_field, value, fields))
        text, title = value, None
    text = normalise(text)
    if not text.strip():
        return BadRecord(row, "no_text", f"{reading.text_field} is empty")
    return Record(
        row=row,
        record_id=label(lookup(fields, reading.id_field)),
        url=label(lookup(fields, reading.url_field)),
        title=label(lookup(fields, reading.title_field)) or label(title),
        text=text,
        license=label(lookup(fields, reading.license_field)) or reading.license,
        group=label(lookup(fields, reading.group_field)),
    )


def _why_no_text(name: str, value: Any, fields: Mapping[str, Any]) -> str:
    if value is None:
        known = ", ".join(str(label(key)) for key in list(fields)[:12]) or "none"
        return f"no {name}; the record's fields: {known}"
    return f"{name} is {type(value).__name__}, not text"
