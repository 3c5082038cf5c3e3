"""Reads JSON that a model wrote, where nothing may be said twice.

Reads and writes nothing.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from webscale_dagster.verifiers.outcome import ParseError

_MOST_CHARS = 50_000
_DEEPEST = 40


def loads(text: str) -> Any:
    """The value; ``ParseError`` where it is no JSON, has a key twice, or is too long or deep."""
    if len(text) > _MOST_CHARS:
        raise ParseError(f"{len(text)} characters of JSON are too many")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError as error:
        raise ParseError("JSON that is nested too deep") from error
    except ParseError:
        raise
    except ValueError as error:
        raise ParseError(f"no JSON: {error}") from error
    if _is_deep(value, _DEEPEST):
        raise ParseError("JSON that is nested too deep")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError("an object with the same key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ParseError("a number too large")
    return value


def _is_deep(value: Any, left: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_deep(part, left - 1) for part in inner)
