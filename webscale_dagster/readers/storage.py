"""Corpus files on a disk or on S3: list them, hash them, bring one here to be read.

Reads paths, globs, folders and ``s3://`` addresses; writes only temporary copies of S3 objects,
gone when they have been read.
"""

from __future__ import annotations

import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from webscale_dagster.readers.records import FileEntry, SourceError
from webscale_dagster.readers.s3 import GLOB, fetch_object, list_objects

HASH_BYTES = 1 << 20
MAX_URI_BYTES = 1024  # S3's own limit for a key


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine, with the hash of its bytes."""

    path: Path
    size: int
    sha256: str


def list_uri(uri: str, suffixes: tuple[str, ...]) -> list[FileEntry]:
    """The files a path, glob, folder or ``s3://`` prefix names; folders by suffix."""
    entries = (list_objects if uri.startswith("s3://") else _list_local)(uri, suffixes)
    for entry in entries:
        _check_name(entry.uri)
    return entries


@contextmanager
def local_copy(uri: str) -> Iterator[LocalFile]:
    """The file at an address, on this machine, hashed."""
    if not uri.startswith("s3://"):
        yield _hashed(Path(uri))
        return
    with tempfile.TemporaryDirectory(prefix="webscale-") as folder:
        path = Path(folder) / Path(uri).name
        fetch_object(uri, path)
        yield _hashed(path)


def _hashed(path: Path) -> LocalFile:
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while data := file.read(HASH_BYTES):
                digest.update(data)
                size += len(data)
    except OSError as error:
        raise SourceError(
            f"{path}: {error.strerror}; restore it, or take it out of its source"
        ) from None
    return LocalFile(path, size, digest.hexdigest())


def _list_local(uri: str, suffixes: tuple[str, ...]) -> list[FileEntry]:
    path = Path(uri)
    if path.is_dir():
        found = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        shown = [p for p in found if _is_shown(p.relative_to(path).parts)]
        paths = [p for p in shown if p.name.lower().endswith(suffixes)]
        if not paths:
            raise SourceError(
                f"{uri}: the folder holds no file that ends in {', '.join(suffixes)}"
                f" ({len(shown)} others); name the files by a glob, or set format"
            )
    elif path.exists():
        paths = [path]
    elif GLOB.search(uri):
        paths = [p for p in map(Path, glob.glob(uri, recursive=True)) if p.is_file()]
        if not paths:
            raise SourceError(f"{uri}: nothing matches this glob")
    else:
        raise SourceError(f"{uri}: no such file or folder")
    return [FileEntry(os.path.abspath(p), p.stat().st_size) for p in sorted(paths)]


def _is_shown(parts: tuple[str, ...]) -> bool:
    return not any(part.startswith((".", "_")) for part in parts)


def _check_name(uri: str) -> None:
    """Names that break partition lists, logs or paths are refused before anything is stored."""
    wrong = None
    if ".." in uri.split("/"):
        wrong = "contains a .. step"
    elif "," in uri:
        wrong = "contains a comma"
    elif any(ord(char) < 32 or ord(char) == 127 or "\ud800" <= char <= "\udfff" for char in uri):
        wrong = "contains a line break, a control character or bytes that are not UTF-8"
    elif len(uri.encode("utf-8", "replace")) > MAX_URI_BYTES:
        wrong = f"is longer than {MAX_URI_BYTES} bytes"
    if wrong:
        raise SourceError(f"{uri[:200]!a}: the file's name {wrong}; rename it")
