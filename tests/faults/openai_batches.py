"""Files and batches of the test server, with the ways in which batches go wrong.

Makes output and error files as OpenAI documents them, from the lines of an uploaded file; holds all
of it in memory, so a killed server forgets its batches.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

from tests.faults.openai_replies import (
    CONTENT_FAULTS,
    UnsupportedSchema,
    canonical,
    completion,
    content_of,
    drawn,
    error,
    spoil_content,
)

ENDPOINT = "/v1/chat/completions"
LINE_FAULTS = {"failed", "expired", "missing", "duplicate", "bad_line", *CONTENT_FAULTS}
OPTIONS = LINE_FAULTS | {"seconds", "shuffle", "times", "end_status", "poll_500", "submit_lost"}
RUNNING = ("validating", "in_progress")
LATE = "This request could not be executed before the completion window expired."
BAD_LINE = b'{"id": "batch_req_0", "custom_id": "cut in the mid'
Reply = tuple[int, bytes]


@dataclass
class Line:
    """One request of a batch; ``nth`` says how often its custom_id has been submitted so far."""

    custom_id: str
    body: dict[str, Any]
    key: str
    nth: int


@dataclass
class Batch:
    """A batch as OpenAI shows it, with its lines."""

    shown: dict[str, Any]
    lines: list[Line]
    seconds: float
    started: float = field(default_factory=time.monotonic)

    def progress(self) -> float:
        past = time.monotonic() - self.started
        return min(1.0, past / self.seconds) if self.seconds > 0 else 1.0


class Batches:
    """All files and batches of one server."""

    def __init__(self, log: Callable[..., None]) -> None:
        self.log = log
        self.files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self.batches: dict[str, Batch] = {}
        self.serial = 0
        self.set_script({}, {})
        self.reset()

    def set_script(self, script: dict[str, Any], replies: dict[str, Any]) -> None:
        """Follow this script from now on; batches that run already follow it too."""
        if unknown := script.keys() - OPTIONS:
            raise ValueError(f"unknown options of a batch: {sorted(unknown)}")
        self.script, self.replies = script, replies
        self.lost, self.polled = 0, 0

    def reset(self) -> None:
        """Forget the counts and keep files and batches."""
        self.submitted: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.created = self.again = 0
        self.by_fault: Counter[str] = Counter()

    def counts(self) -> dict[str, Any]:
        return {
            "created": self.created,
            "submitted": dict(self.submitted),
            "answered": dict(self.answered),
            "lines_submitted": self.submitted.total(),
            "lines_answered": self.answered.total(),
            "asked_after_answered": self.again,
            "by_fault": dict(self.by_fault),
        }

    # Files

    def upload(self, kind: str, raw: bytes) -> Reply:
        """Keep the file that the multipart form holds."""
        fields = _form(kind, raw)
        if "file" not in fields or fields.get("purpose", ("", b""))[1] != b"batch":
            return 400, error("A file and purpose=batch are needed.", "invalid_request_error", None)
        name, content = fields["file"]
        return 200, orjson.dumps(self.files[self._keep(name, content, "batch")][0])

    def _keep(self, name: str, content: bytes, purpose: str) -> str:
        self.serial += 1
        shown = {
            "id": f"file-{self.serial:08}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self.files[f"file-{self.serial:08}"] = shown, content
        return f"file-{self.serial:08}"

    def file(self, name: str, *, content: bool) -> Reply:
        """What the file holds, or what is known of it."""
        if name not in self.files:
            return 404, error(f"No such File object: {name}", "invalid_request_error", None, "id")
        shown, raw = self.files[name]
        return 200, raw if content else orjson.dumps(shown)

    # Batches

    def create(self, raw: bytes) -> tuple[Reply, bool]:
        """Start a batch; also says whether the reply is to get lost on its way."""
        asked = orjson.loads(raw)
        source = self.files.get(asked.get("input_file_id"))
        if source is None or asked.get("endpoint") != ENDPOINT or "completion_window" not in asked:
            text = f"input_file_id, endpoint={ENDPOINT} and completion_window are needed."
            return (400, error(text, "invalid_request_error", "invalid_request")), False
        self.serial += 1
        batch = Batch(_shown(f"batch_{self.serial:08}", asked), [], self.script.get("seconds", 0.5))
        self.batches[batch.shown["id"]] = batch
        self.created += 1
        if errors := self._take(batch, source[1]):
            batch.shown |= {"status": "failed", "failed_at": int(time.time())}
            batch.shown["errors"] = {"object": "list", "data": errors}
        else:
            asyncio.get_running_loop().call_later(batch.seconds, self._finish, batch)
        self.lost += 1
        return (200, self._view(batch)), self.lost <= self.script.get("submit_lost", 0)

    def _take(self, batch: Batch, raw: bytes) -> list[dict[str, Any]]:
        """Count the lines in, and return what is wrong with the file."""
        seen: set[str] = set()
        errors = []
        for number, text in enumerate(raw.splitlines(), 1):
            try:
                line = orjson.loads(text)
                key = canonical(line["body"])[1]
                batch.lines.append(self._submit(line["custom_id"], line["body"], key))
            except (ValueError, KeyError, TypeError) as failed:
                message = f"This line is not parseable: {failed!r}"
                errors.append(_file_error("invalid_json_line", message, number))
                continue
            if line["custom_id"] in seen:
                errors.append(_file_error("duplicate_custom_id", line["custom_id"], number))
            seen.add(line["custom_id"])
        batch.shown["request_counts"]["total"] = len(batch.lines)
        return errors

    def _submit(self, custom_id: str, body: dict[str, Any], key: str) -> Line:
        self.submitted[custom_id] += 1
        self.again += custom_id in self.answered
        self.log("asked", key, custom_id)
        return Line(custom_id, body, key, self.submitted[custom_id])

    def poll(self, name: str) -> Reply:
        """The batch as it stands, or the failure that the script wants first."""
        self.polled += 1
        if self.polled <= self.script.get("poll_500", 0):
            return 500, error("The server had an error.", "server_error", None)
        if name not in self.batches:
            return _no_batch(name)
        return 200, self._view(self.batches[name])

    def listed(self, query: str) -> Reply:
        """A page of the batches, newest first."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        names = list(reversed(self.batches))
        if asked.get("after") in self.batches:
            names = names[names.index(asked["after"]) + 1 :]
        page = names[: int(asked.get("limit", 20))]
        shown = {
            "object": "list",
            "data": [orjson.Fragment(self._view(self.batches[name])) for name in page],
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
            "has_more": len(page) < len(names),
        }
        return 200, orjson.dumps(shown)

    def cancel(self, name: str) -> Reply:
        """Stop the batch; the lines that are done by now come out."""
        if name not in self.batches:
            return _no_batch(name)
        batch = self.batches[name]
        if batch.shown["status"] not in RUNNING:
            text = f"Cannot cancel a batch with status '{batch.shown['status']}'."
            return 409, error(text, "invalid_request_error", None)
        batch.shown |= {"status": "cancelling", "cancelling_at": int(time.time())}
        done = batch.lines[: int(len(batch.lines) * batch.progress())]
        asyncio.get_running_loop().call_later(0.1, self._end, batch, "cancelled", done)
        return 200, self._view(batch)

    def _view(self, batch: Batch) -> bytes:
        shown = batch.shown
        if shown["status"] in RUNNING:
            shown["status"] = "in_progress" if batch.progress() > 0.1 else "validating"
            counts = shown["request_counts"]
            counts["completed"] = int(counts["total"] * batch.progress())
        return orjson.dumps(shown)

    # Ends of batches

    def _finish(self, batch: Batch) -> None:
        if batch.shown["status"] not in RUNNING:
            return
        status = self.script.get("end_status", "completed")
        if not any(self._still(line) for line in batch.lines):
            status = "completed"
        if status == "failed":
            errors = [_file_error("token_limit_exceeded", "Enqueued token limit reached.", None)]
            batch.shown["errors"] = {"object": "list", "data": errors}
        self._end(batch, status, [] if status == "failed" else batch.lines)

    def _still(self, line: Line) -> bool:
        """Whether things go wrong for a line that has been submitted so often."""
        times = self.script.get("times", 1)
        return bool(times < 0 or line.nth <= times)

    def _end(self, batch: Batch, status: str, lines: list[Line]) -> None:
        """Write the files of the batch and give it its last status."""
        out: list[bytes] = []
        errors: list[bytes] = []
        for line in lines:
            self._settle(line, out, errors, late=0.5 if status == "expired" else 0.0)
        if self.script.get("shuffle"):
            random.Random(batch.shown["id"]).shuffle(out)
        name = batch.shown["id"]
        for kind, rows in (("output", out), ("error", errors)):
            if rows:
                raw = b"\n".join(rows) + b"\n"
                batch.shown[f"{kind}_file_id"] = self._keep(
                    f"{name}_{kind}.jsonl", raw, "batch_output"
                )
        total = batch.shown["request_counts"]["total"]
        counts = {"total": total, "completed": len(lines) - len(errors), "failed": len(errors)}
        batch.shown |= {"status": status, f"{status}_at": int(time.time())}
        batch.shown["request_counts"] = counts

    def _settle(self, line: Line, out: list[bytes], errors: list[bytes], late: float) -> None:
        shares = self.script if self._still(line) else {}
        if shares and late:
            shares = {"expired": late} | shares
        hit = {
            name
            for name in LINE_FAULTS & shares.keys()
            if drawn(shares[name], name, line.custom_id)
        }
        self.by_fault.update(hit)
        if "expired" in hit:
            errors.append(_late_line(line))
        elif "failed" in hit:
            body = orjson.Fragment(error("The server had an error.", "server_error", None))
            errors.append(_line(line, 500, body))
        elif "missing" not in hit:
            try:
                out.append(self._answer(line, sorted(hit & CONTENT_FAULTS.keys())))
            except (UnsupportedSchema, KeyError) as failed:
                body = orjson.Fragment(error(repr(failed), "BadRequestError", 400))
                return errors.append(_line(line, 400, body))
            out += out[-1:] if "duplicate" in hit else []
            out += [BAD_LINE] if "bad_line" in hit else []

    def _answer(self, line: Line, faults: list[str]) -> bytes:
        content = content_of(line.body, line.key, self.replies)
        reply = completion(line.body, line.key, line.nth, content)
        for fault in faults[:1]:
            spoil_content(reply, {"fault": fault})
        self.answered[line.custom_id] += 1
        self.log("answered", line.key, line.custom_id)
        return _line(line, 200, reply)


def _shown(name: str, asked: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    given = ("input_file_id", "endpoint", "completion_window", "metadata")
    ends = ("finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    return {
        "id": name,
        "object": "batch",
        **{field: asked.get(field) for field in given},
        "errors": None,
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now,
        "in_progress_at": now,
        "expires_at": now + 86400,
        **{f"{end}_at": None for end in ends},
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
    }


def _line(line: Line, status: int, body: Any) -> bytes:
    name = f"batch_req_{line.key}_{line.nth}"
    response = {"status_code": status, "request_id": f"req_{line.key}_{line.nth}", "body": body}
    shown = {"id": name, "custom_id": line.custom_id, "response": response, "error": None}
    return orjson.dumps(shown)


def _late_line(line: Line) -> bytes:
    shown = {"id": f"batch_req_{line.key}_{line.nth}", "custom_id": line.custom_id}
    late = {"code": "batch_expired", "message": LATE}
    return orjson.dumps({**shown, "response": None, "error": late})


def _file_error(code: str, message: str, line: int | None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": None, "line": line}


def _no_batch(name: str) -> Reply:
    return 404, error(f"No batch found with id '{name}'.", "invalid_request_error", None)


def _form(kind: str, raw: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form, each with its file's name and its content."""
    found = re.search(r'boundary="?([^";]+)', kind)
    fields = {}
    for part in raw.split(b"--" + found[1].encode())[1:-1] if found else []:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[ ;]name="([^"]*)"', head)
        filename = re.search(rb'filename="([^"]*)"', head)
        if name:
            shown = filename[1].decode() if filename else ""
            fields[name[1].decode()] = shown, content.removesuffix(b"\r\n")
    return fields
