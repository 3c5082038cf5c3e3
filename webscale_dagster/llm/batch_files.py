"""OpenAI Batch files: requests as lines, and what comes back for them, line by line.

Makes request files and ``Line`` values; reads and writes files. Format:
https://platform.openai.com/docs/guides/batch. A line's ``custom_id`` is the request's key in the
journal, so a reply finds its request whoever computed it, whenever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from webscale_dagster.llm.errors import Trouble, from_status
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.wire import NotACompletion, completion

URL = "/v1/chat/completions"


@dataclass(frozen=True)
class Line:
    """What came back for one request."""

    key: str
    came: Completion | Trouble


def request_line(key: str, body: bytes) -> bytes:
    """One request of a file."""
    entry = {"custom_id": key, "method": "POST", "url": URL, "body": orjson.Fragment(body)}
    return orjson.dumps(entry) + b"\n"


def split(lines: Iterable[bytes], most_lines: int, most_bytes: int) -> Iterator[list[bytes]]:
    """Files' worth of lines, within the limits of count and size."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and (len(piece) >= most_lines or size + len(line) > most_bytes):
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield piece


def read_lines(path: Path, model: str) -> Iterator[Line]:
    """Every line of an output or error file that says something; a torn or foreign one is not one.

    The first of two lines for one request counts. vLLM's exit code says nothing: a file with failed
    lines ends with 0.
    """
    if not path.exists():
        return
    seen: set[str] = set()
    with path.open("rb") as lines:
        for data in lines:
            line = _line(data, model)
            if line is not None and line.key not in seen:
                seen.add(line.key)
                yield line


def _line(data: bytes, model: str) -> Line | None:
    try:
        entry = orjson.loads(data)
        key, response, error = entry["custom_id"], entry.get("response"), entry.get("error")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(key, str):
        return None
    if not isinstance(response, dict):
        return Line(key, _trouble(error))
    status, body = response.get("status_code"), response.get("body")
    if status == 200 and isinstance(body, dict):
        try:
            return Line(key, completion(body, model, 0.0, 1))
        except NotACompletion as why:
            return Line(key, Trouble("bad_response", str(why), blames_request=True))
    said = orjson.dumps(body if body else error)
    return Line(key, from_status(int(status or 500), said, None, 0.0))


def _trouble(error: object) -> Trouble:
    found = error if isinstance(error, dict) else {}
    code = str(found.get("code") or "no_response")
    return Trouble(code, str(found.get("message") or code), blames_request=code != "batch_expired")
