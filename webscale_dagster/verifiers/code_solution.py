"""Inside the sandbox: loads a solution and answers the tests' process, request by request.

    {"do": "get", "name": "area"}                      ("value", <7>)
    {"do": "call", "of": <7>, "args": (3,), "named": {}}    ("value", 9)

Reads /sandbox/solution.py, and /sandbox/setup.py to be run before it. The solution shares this
process and may spoil it: it can only answer as a function can, for no expected value comes here.
"""

from __future__ import annotations

import itertools
import os
import sys

from webscale_dagster.verifiers.plain_data import MOST_BYTES, decode, encode, receive, send

TYPE_CHECKING = False  # see plain_data
if TYPE_CHECKING:
    from typing import IO, Any

_MOST_ITEMS = 100_000


def main() -> None:
    """Answer the requests on standard input until it ends."""
    requests, replies = own_streams()
    module = type(sys)("solution")
    sys.modules["solution"] = module
    broken = None
    try:
        for name in ("setup.py", "solution.py"):
            with open(f"/sandbox/{name}", "rb") as file:
                exec(compile(file.read(), name, "exec"), vars(module))
    except BaseException as error:  # SystemExit too: the tests shall hear of it
        broken = _raised(error)
    kept: list[Any] = []
    while True:
        try:
            request = decode(receive(requests), kept.__getitem__)
        except EOFError:
            return
        send(replies, broken or _reply(request, vars(module), kept))


def own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Copies of standard input and output; 0, 1 and 2 lead nowhere then."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return reader, writer


def _reply(request: dict[str, Any], names: dict[str, Any], kept: list[Any]) -> bytes:
    def keep(value: Any) -> int:
        kept.append(value)
        return len(kept) - 1

    try:
        if request["do"] == "get" and request["name"] not in names:
            return encode(("missing", request["name"]), keep)
        data = encode(("value", _done(request, names)), keep)
        if len(data) > MOST_BYTES:
            raise ValueError(f"a value of {len(data)} bytes")
        return data
    except BaseException as error:
        return _raised(error)


def _done(request: dict[str, Any], names: dict[str, Any]) -> Any:
    match request["do"]:
        case "get":
            return names[request["name"]]
        case "call":
            return request["of"](*request["args"], **request["named"])
        case "attribute":
            return getattr(request["of"], request["name"])
        case "set":
            return setattr(request["of"], request["name"], request["to"])
        case _:
            return list(itertools.islice(request["of"], _MOST_ITEMS))


def _raised(error: BaseException) -> bytes:
    try:
        message = str(error)
    except Exception:
        message = ""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    return encode(("raised", (kind.__name__, message[:300])), id)
