"""Small named objects under one root, on a disk or on S3: verdicts, channels, manifests.

Reads and writes whole objects. An object is replaced at once (``os.replace`` or one PUT), so no
reader ever sees half of one; ``put_new`` creates an object only if there is none.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Objects(Protocol):
    """Whole-object access; keys are ``/``-separated and relative to the root."""

    root: str

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Create or replace the object at once."""
        ...

    def put_new(self, key: str, data: bytes) -> bool:
        """Create the object; False (and nothing written) where there is one already."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens where there is none."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with the prefix, sorted."""
        ...


class FolderObjects:
    """Objects as files of a folder."""

    def __init__(self, root: str) -> None:
        """Root is a folder; it is made when first written to."""
        self.root = root

    def _path(self, key: str) -> Path:
        base = Path(self.root).resolve()
        path = (base / key).resolve()
        if not path.is_relative_to(base):
            raise ValueError(f"{key!r} leaves {self.root}; names must not contain '..'")
        return path

    def get(self, key: str) -> bytes | None:
        """The file's bytes, or None where there is none."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def _write_aside(self, key: str, data: bytes) -> tuple[Path, Path]:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return path, aside

    def put(self, key: str, data: bytes) -> None:
        """Write aside, then rename over the old file."""
        path, aside = self._write_aside(key, data)
        os.replace(aside, path)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write aside, then link: a link fails where the name is taken."""
        path, aside = self._write_aside(key, data)
        try:
            os.link(aside, path)
        except FileExistsError:
            return False
        finally:
            aside.unlink()
        return True

    def delete(self, key: str) -> None:
        """Remove the file, if there is one."""
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        """Relative paths of files under the prefix, sorted; hidden files are work in progress."""
        base = Path(self.root).resolve()
        top = base / prefix
        start = top if top.is_dir() else top.parent
        for path in sorted(start.rglob("*")):
            key = path.relative_to(base).as_posix()
            if path.is_file() and key.startswith(prefix) and not path.name.startswith("."):
                yield key


class S3Objects:
    """Objects under an ``s3://bucket/prefix``; endpoint and keys come from the AWS environment."""

    def __init__(self, root: str) -> None:
        """Root is ``s3://bucket`` or ``s3://bucket/prefix``."""
        self.root = root.rstrip("/")
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._s3 = s3_client()

    def _key(self, key: str) -> str:
        if ".." in key.split("/"):
            raise ValueError(f"{key!r}: names must not contain '..'")
        return f"{self._prefix}/{key}" if self._prefix else key

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=self._key(key))
        except self._s3.exceptions.NoSuchKey:
            return None
        return found["Body"].read()

    def put(self, key: str, data: bytes) -> None:
        """One PUT; S3 replaces whole objects."""
        self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=data)

    def put_new(self, key: str, data: bytes) -> bool:
        """A PUT with ``If-None-Match: *``, the one conditional write every S3 server keeps."""
        try:
            self._s3.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, IfNoneMatch="*")
        except self._s3.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        self._s3.delete_object(Bucket=self._bucket, Key=self._key(key))

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys under the prefix, as S3 sorts them."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._key(prefix)
        )
        cut = len(self._prefix) + 1 if self._prefix else 0
        for page in pages:
            for found in page.get("Contents", ()):
                yield found["Key"][cut:]


def s3_client() -> S3Client:
    """A boto3 client that honours ``AWS_ENDPOINT_URL`` (path-style for servers of one's own)."""
    import boto3
    from botocore.config import Config

    style: Literal["path", "auto"] = "path" if os.environ.get("AWS_ENDPOINT_URL") else "auto"
    return boto3.client(
        "s3",
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        config=Config(s3={"addressing_style": style}, retries={"max_attempts": 5}),
    )


def open_objects(root: str) -> Objects:
    """The objects of a folder or an ``s3://`` root."""
    return S3Objects(root) if root.startswith("s3://") else FolderObjects(root)


def storage_options(root: str) -> dict[str, str]:
    """What deltalake and polars need to reach the root; credentials come from the environment."""
    if not root.startswith("s3://"):
        return {}
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    options = {name: os.environ[name] for name in names if os.environ.get(name)}
    options["AWS_REGION"] = os.environ.get("AWS_REGION", "us-east-1")
    if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options
