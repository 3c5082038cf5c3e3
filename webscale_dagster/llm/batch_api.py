"""Works request files off at a provider's batch endpoint (files, batches, file content).

Sends the files over HTTP; writes ``<name>.output.jsonl`` and ``<name>.errors.jsonl`` beside them. A
batch carries the job's name in its metadata: where the answer to our request for it was lost, it is
found again by that name instead of being paid for twice.
API: https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson

from webscale_dagster.llm.batch import Job
from webscale_dagster.llm.batch_files import URL
from webscale_dagster.llm.endpoint import headers, without_key
from webscale_dagster.llm.errors import ServerUnavailable, WrongConfiguration, from_status
from webscale_dagster.llm.pace import Pace
from webscale_dagster.models import ModelChoice

T = TypeVar("T")
_NAME = "webscale_job"  # key of a batch's metadata
_ENDED = ("completed", "failed", "expired", "cancelled")
_PAGES = 50  # of 100 batches, looked through for one of ours


class BatchApi:
    """A provider's batches."""

    def __init__(self, choice: ModelChoice, pace: Pace, say: Callable[[str], None]) -> None:
        """Nothing is sent yet."""
        self._base = choice.endpoints[0].rstrip("/")
        self._headers = headers(choice)
        self._pace, self._say = pace, say
        self._looked: dict[str, float] = {}
        self._sure: set[str] = set()  # jobs that cannot have a batch yet

    def advance(self, job: Job, folder: Path, save: Callable[[], None]) -> bool:
        """Upload, create or poll; each step is written down before the next."""
        if job.status == "written" and not job.uploaded:
            self._sure.add(job.name)
            job.uploaded = self._upload(folder / f"{job.name}.requests.jsonl")
            save()
        if job.status == "written":
            job.id = self._create(job)
            job.status = "submitted"
            save()
            self._say(f"batch {job.id}: {job.lines:,} requests submitted")
        elif time.monotonic() - self._looked.get(job.id, 0.0) >= self._pace.poll_seconds:
            self._looked[job.id] = time.monotonic()
            self._poll(job, folder, save)
        else:
            return False
        return True

    def close(self) -> None:
        """The provider goes on; the next attempt asks after its jobs."""

    def _upload(self, path: Path) -> str:
        async def send(http: aiohttp.ClientSession) -> str:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            with path.open("rb") as file:
                form.add_field("file", file, filename=path.name, content_type="application/jsonl")
                found = await self._call(http, "POST", "/files", data=form)
            return str(found["id"])

        return self._run(send)

    def _create(self, job: Job) -> str:
        """The job's batch: the one that is there already, else a new one."""
        known = None if job.name in self._sure else self._run(lambda http: self._find(http, job))
        self._sure.discard(job.name)  # whether the next call arrives is not sure any more
        if known:
            return known
        fields = {
            "input_file_id": job.uploaded,
            "endpoint": URL,
            "completion_window": "24h",
            "metadata": {_NAME: job.name},
        }
        body = orjson.dumps(fields)
        found = self._run(lambda http: self._call(http, "POST", "/batches", data=body))
        return str(found["id"])

    async def _find(self, http: aiohttp.ClientSession, job: Job) -> str | None:
        after = ""
        for _ in range(_PAGES):
            page = await self._call(http, "GET", f"/batches?limit=100{after}")
            for batch in page["data"]:
                if (batch.get("metadata") or {}).get(_NAME) == job.name:
                    return str(batch["id"])
            if not page.get("has_more") or not page["data"]:
                return None
            after = f"&after={page['data'][-1]['id']}"
        return None

    def _poll(self, job: Job, folder: Path, save: Callable[[], None]) -> None:
        found = self._run(lambda http: self._call(http, "GET", f"/batches/{job.id}"))
        if found["status"] not in _ENDED:
            counts = found.get("request_counts") or {}
            self._say(
                f"batch {job.id}: {found['status']}, {counts.get('completed', 0):,} completed"
            )
            return
        outputs = []
        for field, name in (("output_file_id", "output"), ("error_file_id", "errors")):
            if found.get(field):
                target = folder / f"{job.name}.{name}.jsonl"
                self._download(str(found[field]), target)
                outputs.append(target.name)
        job.status, job.outputs = "done", outputs
        save()
        if not outputs and found["status"] == "failed":
            said = orjson.dumps(found.get("errors")).decode()[:1000]
            raise WrongConfiguration(f"batch {job.id} was refused as a whole: {said}")

    def _download(self, file_id: str, target: Path) -> None:
        async def fetch(http: aiohttp.ClientSession) -> None:
            address = f"{self._base}/files/{file_id}/content"
            async with http.get(address, headers=self._headers) as reply:
                if reply.status != 200:
                    raise _error(reply.status, await reply.read(), address)
                with target.open("wb") as file:
                    async for piece in reply.content.iter_chunked(1 << 20):
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())

        self._run(fetch)

    async def _call(
        self, http: aiohttp.ClientSession, method: str, path: str, data: Any = None
    ) -> dict[str, Any]:
        address = self._base + path
        sent = dict(self._headers)
        if isinstance(data, aiohttp.FormData):
            del sent["Content-Type"]  # the form's own has the boundary
        async with http.request(
            method, address, data=data, headers=sent, allow_redirects=False
        ) as reply:
            raw = without_key(await reply.read(), sent)
            if reply.status != 200:
                raise _error(reply.status, raw, address)
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise ServerUnavailable(f"{address}: the reply is no JSON") from None
        if not isinstance(found, dict):
            raise ServerUnavailable(f"{address}: the reply is no object")
        return found

    def _run(self, call: Callable[[aiohttp.ClientSession], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            timeout = aiohttp.ClientTimeout(total=self._pace.request_seconds)
            async with aiohttp.ClientSession(timeout=timeout) as http:
                return await call(http)

        try:
            return asyncio.run(run())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ServerUnavailable(f"{self._base}: {type(error).__name__}: {error}") from None


def _error(status: int, body: bytes, address: str) -> ServerUnavailable | WrongConfiguration:
    trouble = from_status(status, body, None, 0.0)
    if trouble.wrong or trouble.final:
        return WrongConfiguration(f"{address}: {trouble.detail}")
    return ServerUnavailable(f"{address}: {trouble.detail}")
