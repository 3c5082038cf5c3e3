"""Plain values as bytes and back: all that the tests' and the solution's process tell each other.

    (1, {2: "b"})   b"t2;i1;d1;i2;s1;b"      a letter for the kind, a number, what belongs to it

Numbers, texts, bytes, None, built-in types and containers of them are plain; subclasses lose their
class. Anything else stays where it is and travels as a number: ``b"r7;"``. Reads and writes
nothing; runs inside the sandbox too, on what an untrusted process wrote. It is not JSON because
that takes as long to import as Python takes to start, twice for every verification.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False  # typing is as slow
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

MOST_BYTES = 8 << 20  # of a value
_CONTAINERS: dict[str, type] = {"l": list, "t": tuple, "e": set, "z": frozenset}
_CONSTANTS = {"n": None, "y": True, "o": False}


def encode(value: Any, keep: Callable[[Any], int]) -> bytes:
    """A value as bytes; ``keep`` gives what is not plain a number."""
    parts: list[bytes] = []
    _write(value, keep, parts)
    return b"".join(parts)


def decode(data: bytes, refer: Callable[[int], Any]) -> Any:
    """The value of bytes; raises some Exception where ``encode`` did not write them."""
    value, end = _read(data, 0, refer)
    if end != len(data):
        raise ValueError("bytes behind the value")
    return value


def send(stream: IO[bytes], data: bytes) -> None:
    """Write a value's bytes behind their length."""
    stream.write(b"%d\n" % len(data) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """The next value's bytes; raises EOFError at the end, ValueError for what is no value."""
    head = stream.readline(12)
    if not head:
        raise EOFError
    size = int(head)
    if not 0 < size <= MOST_BYTES:
        raise ValueError(f"a value of {size} bytes")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _write(value: Any, keep: Callable[[Any], int], parts: list[bytes]) -> None:
    if value is None or value is True or value is False:
        parts.append({None: b"n;", True: b"y;", False: b"o;"}[value])
    elif isinstance(value, int):
        parts.append(f"i{value:x};".encode())
    elif isinstance(value, float):
        parts.append(f"f{value.hex()};".encode())
    elif isinstance(value, complex):
        parts.append(f"c{value.real.hex()} {value.imag.hex()};".encode())
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        parts.append(b"s%d;" % len(data) + data)
    elif isinstance(value, (bytes, bytearray)):
        parts.append(b"b%d;" % len(value) + value)
    elif isinstance(value, dict):
        parts.append(b"d%d;" % len(value))
        for item in (item for pair in value.items() for item in pair):
            _write(item, keep, parts)
    elif isinstance(value, (list, tuple, set, frozenset)):
        kind = next(kind for kind, maker in _CONTAINERS.items() if isinstance(value, maker))
        parts.append(f"{kind}{len(value)};".encode())
        for item in value:
            _write(item, keep, parts)
    elif isinstance(value, type) and vars(builtins).get(value.__name__) is value:
        parts.append(f"k{value.__name__};".encode())
    else:
        parts.append(b"r%d;" % keep(value))


def _read(data: bytes, at: int, refer: Callable[[int], Any]) -> tuple[Any, int]:
    """The value that begins at a place, and where it ends."""
    end = data.index(b";", at)
    kind, number = chr(data[at]), data[at + 1 : end].decode()
    end += 1
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], end
    if kind in "sb":
        text = data[end : end + int(number)]
        if len(text) != int(number):
            raise ValueError("a text that is cut off")
        return text if kind == "b" else text.decode("utf-8", "surrogatepass"), end + len(text)
    if kind in _CONTAINERS or kind == "d":
        items = []
        for _ in range(int(number) * (2 if kind == "d" else 1)):
            item, end = _read(data, end, refer)
            items.append(item)
        made = (
            _CONTAINERS[kind](items)
            if kind != "d"
            else dict(zip(items[::2], items[1::2], strict=True))
        )
        return made, end
    return _single(kind, number, refer), end


def _single(kind: str, number: str, refer: Callable[[int], Any]) -> Any:
    match kind:
        case "i":
            return int(number, 16)
        case "f":
            return float.fromhex(number)
        case "c":
            return complex(*map(float.fromhex, number.split()))
        case "k":
            found = getattr(builtins, number)
            if isinstance(found, type):
                return found
        case "r":
            return refer(int(number))
    raise ValueError(f"no value: {kind}{number[:20]}")
