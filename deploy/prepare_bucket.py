"""Prepares the lake's bucket: creates it if it is missing, then races sixteen writers for one key.

Reads ``WEBSCALE_LAKE`` and the AWS environment; writes the bucket and, for a moment, one object.
Delta commits and leases rest on "create unless it exists" (``If-None-Match: *``). A server that
lets two writers win loses commits without a word, so it is refused before any data is stored.
"""

from __future__ import annotations

import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WRITERS = 16
LOST = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
MISSING = {"NoSuchBucket", "NotFound", "404"}


def main() -> int:
    """Prepares the bucket of ``WEBSCALE_LAKE``; 0 if it is ready, or if the lake is a folder."""
    lake = os.environ.get("WEBSCALE_LAKE", "")
    if not lake.startswith("s3://"):
        print(f"prepare_bucket: the lake {lake or '(default)'} is a folder, nothing to prepare")
        return 0
    from botocore.exceptions import BotoCoreError, ClientError

    from webscale_dagster.objects import s3_client

    bucket, _, prefix = lake.removeprefix("s3://").partition("/")
    try:
        client = s3_client()
        create_bucket(client, bucket)
        winners = race(client, bucket, prefix)
    except (BotoCoreError, ClientError) as error:
        keys = "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        print(f"prepare_bucket: {lake}: {error}; check {keys}", file=sys.stderr)
        return 1
    if winners != 1:
        print(
            f"prepare_bucket: {winners} of {WRITERS} writers created the same key in {lake}; this "
            "server does not honour If-None-Match, so Delta commits could be lost: use another",
            file=sys.stderr,
        )
        return 1
    print(f"prepare_bucket: {lake} is ready, one of {WRITERS} writers won")
    return 0


def create_bucket(client: S3Client, bucket: str) -> None:
    """Creates the bucket unless it is there."""
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        client.create_bucket(Bucket=bucket)


def race(client: S3Client, bucket: str, prefix: str) -> int:
    """How many of the writers created one and the same new key."""
    from botocore.exceptions import ClientError

    key = f"{prefix.rstrip('/')}/_probe/{uuid.uuid4().hex}".lstrip("/")

    def put(writer: int) -> bool:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=str(writer).encode(), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in LOST:
                raise
            return False
        return True

    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            return sum(pool.map(put, range(WRITERS)))
    finally:
        client.delete_object(Bucket=bucket, Key=key)


if __name__ == "__main__":
    sys.exit(main())
