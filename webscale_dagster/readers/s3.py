"""Corpus files in an S3 bucket: list them, fetch one.

Reads ``s3://`` addresses; writes the file an object is fetched to. Credentials and
``AWS_ENDPOINT_URL`` come from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webscale_dagster.objects import s3_client
from webscale_dagster.readers.records import FileEntry, SourceError

GLOB = re.compile(r"[*?\[]")


def list_objects(uri: str, suffixes: tuple[str, ...]) -> list[FileEntry]:
    """The objects an address, a glob or a prefix names; those of a prefix by suffix."""
    bucket, key = _split(uri)
    is_glob = GLOB.search(key)
    entries = _objects(uri, bucket, key[: is_glob.start()] if is_glob else key)
    if is_glob:
        pattern = glob_pattern(key)
        chosen = [entry for entry in entries if pattern.fullmatch(_split(entry.uri)[1])]
    else:
        chosen = [entry for entry in entries if entry.uri == uri] or [
            entry
            for entry in entries
            if entry.uri.lower().endswith(suffixes) and _is_shown(entry.uri, bucket, key)
        ]
    if not chosen:
        raise SourceError(
            f"{uri}: nothing to read there ({len(entries)} objects of other kinds); name the"
            " objects by a glob, or set format"
        )
    return chosen


def fetch_object(uri: str, path: Path) -> None:
    """Fetch an object to a file; a transfer that breaks off is repeated."""
    bucket, key = _split(uri)
    with _named_errors(uri):
        s3_client().download_file(bucket, key, str(path))


def glob_pattern(key: str) -> re.Pattern[str]:
    """A glob over object keys as a regular expression: ``*`` stays in a folder, ``**`` does not."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", key)

    def translated(part: str, is_pattern: bool) -> str:
        return known.get(part) or part.replace("[!", "[^", 1) if is_pattern else re.escape(part)

    return re.compile("".join(translated(part, n % 2 == 1) for n, part in enumerate(parts)))


def _objects(uri: str, bucket: str, prefix: str) -> list[FileEntry]:
    with _named_errors(uri):
        pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [
            FileEntry(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))
            for page in pages
            for item in page.get("Contents", [])
            if not item["Key"].endswith("/")  # what consoles make to show a folder
        ]
    return sorted(found, key=lambda entry: entry.uri)


def _is_shown(uri: str, bucket: str, prefix: str) -> bool:
    """Below the prefix, names that start with a dot or an underscore are no data (_SUCCESS)."""
    below = uri.removeprefix(f"s3://{bucket}/{prefix}")
    return not any(part.startswith((".", "_")) for part in below.split("/"))


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise SourceError(f"{uri}: no bucket; write s3://bucket/prefix")
    return bucket, key


@contextmanager
def _named_errors(uri: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise SourceError(
            f"{uri}: {error}; check the address, AWS_ENDPOINT_URL and the credentials in the"
            " environment"
        ) from None
