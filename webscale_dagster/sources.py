"""A source: which files make a corpus, how they are read, and the shards they are cut into.

Reads a source's TOML file and lists its files; writes a TOML for a plain path. Rows of table
``shards`` are planned here and stored by whoever asked.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field, ValidationError

from webscale_dagster.readers.records import FileEntry, Reading, SourceError
from webscale_dagster.readers.shard import READERS, SUFFIXES, count_rows, format_of
from webscale_dagster.readers.storage import LocalFile, list_uri, local_copy
from webscale_dagster.recipe import RawCorpus

NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
NO_ROWS = {"row_from": 0, "row_to": 0}
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Source(Reading):
    """A corpus. ``uris`` name paths, globs, folders (read recursively) or ``s3://`` prefixes."""

    name: str = Field(pattern=f"^{NAME}$")
    uris: tuple[str, ...] = Field(min_length=1)
    rows_per_shard: int = Field(20_000, ge=1)

    def reading(self, uri: str) -> Reading:
        """How one of its files is read: the format is settled by the file's name."""
        values = {name: getattr(self, name) for name in Reading.model_fields}
        values["format"] = format_of(uri) if self.format == "auto" else self.format
        return Reading.model_validate(values)


@dataclass(frozen=True)
class Change:
    """A registered file that is not what it was: its bytes, or how it is read."""

    uri: str
    shards: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class Plan:
    """What registering a source would do: new rows of table ``shards``, and what has changed."""

    new: list[dict[str, Any]]
    changed: list[Change]
    n_unchanged: int  # files


def load_source(path: str | Path) -> Source:
    """A source from its TOML file; relative paths in it start at the file's folder."""
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        source = Source.model_validate(values)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "source"
        known = ", ".join(Source.model_fields)
        raise SourceError(f"{path}: {field}: {first['msg']}; a source's fields: {known}") from None
    return source.model_copy(update={"uris": tuple(_expand(path, uri) for uri in source.uris)})


def _expand(path: Path, uri: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match.group(1) not in os.environ:
            name = match.group(1)
            raise SourceError(f"{path}: uris: ${{{name}}} is not set; export {name}=…")
        return os.environ[match.group(1)]

    expanded = VARIABLE.sub(value, uri)
    return expanded if expanded.startswith("s3://") else str(path.parent / expanded)


def write_source(
    uri: str,
    folder: Path,
    fields: Mapping[str, str | int] | None = None,
    name: str | None = None,
) -> Path:
    """A TOML for a plain path, glob or prefix; ``fields`` are further settings, as text_field.

    One that is there already is kept as it is, if it reads the same files in the same way.
    """
    where = uri if uri.startswith("s3://") else os.path.abspath(uri)
    values = {"name": name or name_of(uri), "uris": [where], **(fields or {})}
    if not re.fullmatch(NAME, str(values["name"])):
        raise SourceError(f"{values['name']!a}: a source's name is made of a-z 0-9 _ -")
    path = folder / f"{values['name']}.toml"
    if path.exists():
        _check_same(path, values)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    part.write_text(text, encoding="utf-8")
    try:
        load_source(part)
    except SourceError:
        part.unlink()
        raise
    part.replace(path)
    return path


def _check_same(path: Path, values: Mapping[str, Any]) -> None:
    there = load_source(path).model_dump()
    other = [key for key, value in values.items() if there.get(key) != _as_tuple(value)]
    if "uris" in other:
        raise SourceError(f"{path}: a source of this name reads other files; choose another name")
    if other:
        raise SourceError(f"{path}: has another {', '.join(other)}; edit the file to change it")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def name_of(uri: str) -> str:
    """A source's name from what it reads: the last part of the address that is no pattern."""
    parts = [part for part in uri.removeprefix("s3://").split("/") if part]
    plain = [part for part in parts if not re.search(r"[*?\[]", part)] or ["corpus"]
    last = plain[-1].lower()
    suffix = max((end for end in SUFFIXES if last.endswith(end)), key=len, default="")
    slug = re.sub(r"[^a-z0-9_-]+", "-", last[: len(last) - len(suffix)]).strip("-_")
    return slug[:64] or "corpus"


def list_files(source: Source) -> list[FileEntry]:
    """The files of a source, each once, sorted by address."""
    suffixes = SUFFIXES if source.format == "auto" else READERS[source.format].suffixes
    entries = {entry.uri: entry for uri in source.uris for entry in list_uri(uri, suffixes)}
    return [entries[uri] for uri in sorted(entries)]


def plan_shards(source: Source, existing: pl.DataFrame, settings: RawCorpus | None = None) -> Plan:
    """New rows of table ``shards`` for a source whose registered rows are ``existing``."""
    known = _by_uri(source, existing)
    numbers = _free_numbers(source, existing)
    new: list[dict[str, Any]] = []
    changed: list[Change] = []
    n_unchanged = 0
    for entry in list_files(source):
        reading = source.reading(entry.uri)
        rows = known.get(entry.uri)
        if rows is None:
            new += _cut(source, entry, reading, settings or RawCorpus(), numbers)
            continue
        what = _difference(entry, reading, rows[0])
        if what:
            changed.append(Change(entry.uri, tuple(row["shard"] for row in rows), what))
        else:
            n_unchanged += 1
    return Plan(new, changed, n_unchanged)


def updated_rows(
    source: Source,
    changes: Sequence[Change],
    existing: pl.DataFrame,
    settings: RawCorpus | None = None,
) -> list[dict[str, Any]]:
    """Rows for changed files: shards keep their names and order of admission.

    A file that has grown gets further shards; one that has shrunk leaves its last ones empty.
    """
    known = _by_uri(source, existing)
    numbers = _free_numbers(source, existing)
    entries = {entry.uri: entry for entry in list_files(source)}
    rows = []
    for change in changes:
        entry, old = entries[change.uri], known[change.uri]
        names = chain((row["shard"] for row in old), numbers)
        reading = source.reading(entry.uri)
        cut = _cut(source, entry, reading, settings or RawCorpus(), names)
        admitted = {row["shard"]: row["admitted"] for row in old}
        rows += [{**row, "admitted": admitted.get(row["shard"])} for row in cut]
        rows += [
            {**cut[-1], **{key: row[key] for key in ("shard", "admitted")}, **NO_ROWS}
            for row in old[len(cut) :]
        ]
    return rows


def _by_uri(source: Source, existing: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in existing.filter(pl.col("source") == source.name).sort("shard").to_dicts():
        rows.setdefault(row["uri"], []).append(row)
    return rows


def _free_numbers(source: Source, existing: pl.DataFrame) -> Iterator[str]:
    taken = existing.filter(pl.col("source") == source.name)["shard"].to_list()
    number = max((int(shard.rpartition("-")[2]) for shard in taken), default=-1)
    while True:
        number += 1
        yield f"{source.name}-{number:05d}"


def _difference(entry: FileEntry, reading: Reading, row: Mapping[str, Any]) -> str:
    if json.loads(row["options"]) != json.loads(reading.options()):
        return "is read with other settings"
    if entry.size == row["size"] and entry.etag is not None and entry.etag == row["etag"]:
        return ""  # S3 vouches for the bytes; nothing is fetched
    if entry.size != row["size"]:
        return f"has {entry.size:,} bytes, had {row['size']:,}"
    with local_copy(entry.uri) as file:
        same = file.sha256 == row["sha256"]
    return "" if same else "has other bytes"


def _cut(
    source: Source, entry: FileEntry, reading: Reading, settings: RawCorpus, names: Iterator[str]
) -> list[dict[str, Any]]:
    """A file as shards of ``rows_per_shard`` records."""
    with local_copy(entry.uri) as file:
        n_rows, is_all = count_rows(file, entry.uri, reading, settings)
        return [
            _row(source, entry, file, reading, next(names), span)
            for span in _spans(n_rows, is_all, source.rows_per_shard)
        ]


def _spans(n_rows: int, is_all: bool, step: int) -> list[tuple[int, int | None]]:
    spans: list[tuple[int, int | None]] = [
        (start, min(start + step, n_rows)) for start in range(0, n_rows, step)
    ]
    if is_all and spans:
        return spans
    # Empty, or broken further on: the last shard is open, and says so when it is read.
    return [*spans[:-1], (spans[-1][0] if spans else 0, None)]


def _row(
    source: Source,
    entry: FileEntry,
    file: LocalFile,
    reading: Reading,
    shard: str,
    span: tuple[int, int | None],
) -> dict[str, Any]:
    return {
        "shard": shard,
        "source": source.name,
        "uri": entry.uri,
        "row_from": span[0],
        "row_to": span[1],
        "etag": entry.etag,
        "size": file.size,
        "sha256": file.sha256,
        "admitted": None,
        "options": reading.options(),
    }
