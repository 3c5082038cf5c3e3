"""What the test server says: instances of a JSON schema, completions, and their faults.

Makes everything from a hash of the request's body, so that the same request gets the same content;
reads and writes nothing.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b, sha256, shake_128
from typing import Any

import orjson

TEXT = (
    "the river carries water from high mountains into one wide valley where people grow grain "
    "and fruit every year when spring rain falls early farmers plant their fields before birds "
    "return while old stone bridges connect two small towns whose markets sell bread wool iron "
    "tools paper books songs stories letters that children learn with great care under long quiet "
    "evening light near home"
)
WORDS = TEXT.split() * 4  # one word, of three letters or more, for each value of a byte
MARK = "\ue000"  # stands where bytes that are not UTF-8 go
ENDS = b" \t\r\n.,;:!?()[]{}\"'" + bytes(range(0xE0, 0xF8))  # bytes that end a token
DEEP = 4  # a schema that refers to itself goes no deeper
UNSUPPORTED = {"pattern", "format", "multipleOf", "not", "if", "prefixItems", "patternProperties"}
KINDS = {"object", "array", "string", "integer", "number", "boolean", "null"}
HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"


class UnsupportedSchema(ValueError):
    """The schema asks for something that this server cannot make."""


class Draws:
    """A stream of numbers that a seed decides; ``pad`` is the length the next free text must have.

    Not ``random.Random``: seeding one costs more than all that a reply draws.
    """

    __slots__ = ("at", "pad", "raw", "state")

    def __init__(self, seed: int, pad: int = 0) -> None:
        self.state = seed
        self.pad = pad
        self.raw, self.at = b"", 0

    def below(self, n: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        return (self.state >> 33) % n

    def words(self, n: int) -> str:
        at = self.at
        if at + n > len(self.raw):
            self.below(1)
            self.raw, at = shake_128(self.state.to_bytes(8, "big")).digest(max(n, 128)), 0
        self.at = at + n
        return " ".join(map(WORDS.__getitem__, self.raw[at : at + n]))


Maker = Callable[[Draws, int], Any]


def drawn(share: float, *parts: object) -> bool:
    """Whether these parts belong to the share, the same on every call."""
    if share >= 1 or share <= 0:
        return share > 0
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def canonical(body: Any) -> tuple[bytes, str]:
    """The body in its one spelling, and its key."""
    raw = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return raw, sha256(raw).hexdigest()[:16]


class Makers:
    """Turns a JSON schema into functions that make its instances."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.refs: dict[str, Maker] = {}

    def of(self, schema: Any) -> Maker:
        if not isinstance(schema, dict):
            schema = {}
        if unsupported := UNSUPPORTED & schema.keys():
            raise UnsupportedSchema(f"the test server cannot make {sorted(unsupported)}")
        if "$ref" in schema:
            return self._ref(schema["$ref"])
        if "const" in schema:
            return self._one_of([lambda draws, depth: schema["const"]])
        if "enum" in schema:
            return lambda draws, depth: schema["enum"][draws.below(len(schema["enum"]))]
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._one_of([self.of(option) for option in options], options)
        if "allOf" in schema:
            return self.of({k: v for part in schema["allOf"] for k, v in part.items()})
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            options = [schema | {"type": one} for one in kind]
            return self._one_of([self.of(option) for option in options], options)
        if kind not in KINDS:
            raise UnsupportedSchema(f"the test server cannot make type {kind!r}")
        maker: Maker = getattr(self, f"_{kind}")(schema)
        return maker

    def _ref(self, ref: str) -> Maker:
        if ref not in self.refs:
            self.refs[ref] = lambda draws, depth: self.refs[ref](draws, depth)
            target: Any = self.root
            for part in ref.removeprefix("#").strip("/").split("/"):
                target = target[part] if part else target
            made = self.of(target)
            self.refs[ref] = lambda draws, depth: made(draws, depth + 1)
        return lambda draws, depth: self.refs[ref](draws, depth)

    def _one_of(self, makers: list[Maker], options: list[Any] | None = None) -> Maker:
        nulls = [n for n, option in enumerate(options or []) if option.get("type") == "null"]
        shallow = makers[nulls[0] if nulls else 0]

        def make(draws: Draws, depth: int) -> Any:
            chosen = shallow if depth > DEEP else makers[draws.below(len(makers))]
            return chosen(draws, depth)

        return make

    def _object(self, schema: dict[str, Any]) -> Maker:
        makers = [(name, self.of(part)) for name, part in schema.get("properties", {}).items()]
        return lambda draws, depth: {name: make(draws, depth) for name, make in makers}

    def _array(self, schema: dict[str, Any]) -> Maker:
        make = self.of(schema.get("items", {}))
        low = schema.get("minItems", 0)
        high = min(schema.get("maxItems", low + 3), low + 3)

        def array(draws: Draws, depth: int) -> list[Any]:
            size = low if depth > DEEP else low + draws.below(high - low + 1)
            return [make(draws, depth) for _ in range(size)]

        return array

    def _string(self, schema: dict[str, Any]) -> Maker:
        low, high = schema.get("minLength", 0), schema.get("maxLength", 1 << 40)

        usual = max(low, 100)

        def string(draws: Draws, depth: int) -> str:
            pad, draws.pad = draws.pad, 0
            if pad > low:
                text = draws.words(pad // 3 + 1)[: min(high, pad)]
            else:
                text = draws.words(max(4 + draws.below(9), low // 3 + 1))[: min(high, usual)]
            return text[:-1] + "s" if text[-1:] == " " else text

        return string

    def _integer(self, schema: dict[str, Any]) -> Maker:
        lows = [math.ceil(schema[k]) for k in ("minimum",) if k in schema]
        lows += [math.floor(schema[k]) + 1 for k in ("exclusiveMinimum",) if k in schema]
        highs = [math.floor(schema[k]) for k in ("maximum",) if k in schema]
        highs += [math.ceil(schema[k]) - 1 for k in ("exclusiveMaximum",) if k in schema]
        low = max(lows) if lows else min([0, *highs])
        high = min(highs) if highs else low + 100
        return lambda draws, depth: low + draws.below(high - low + 1)

    def _number(self, schema: dict[str, Any]) -> Maker:
        lows = [schema[k] for k in ("minimum", "exclusiveMinimum") if k in schema]
        highs = [schema[k] for k in ("maximum", "exclusiveMaximum") if k in schema]
        low = max(lows) if lows else min([0, *(high - 1 for high in highs)])
        high = min(highs) if highs else low + 100
        return lambda draws, depth: low + (high - low) * (1 + draws.below(998)) / 1000

    def _boolean(self, schema: dict[str, Any]) -> Maker:
        return lambda draws, depth: draws.below(2) == 1

    def _null(self, schema: dict[str, Any]) -> Maker:
        return lambda draws, depth: None


@lru_cache(maxsize=256)
def _maker(schema: bytes) -> Maker:
    root = orjson.loads(schema)
    try:
        return Makers(root).of(root)
    except (KeyError, TypeError, AttributeError) as error:
        raise UnsupportedSchema(f"the test server cannot read the schema: {error!r}") from None


def instance(schema: Any, seed: int, pad: int = 0) -> Any:
    """An instance of the schema; its first free text is about ``pad`` bytes long, if that is set.

    Raises:
        UnsupportedSchema: the schema uses what the server cannot make.
    """
    return _maker(orjson.dumps(schema))(Draws(seed, pad), 0)


def _pieces(text: str) -> int:
    """The server's tokens: one for each space, punctuation mark and CJK character, and one more."""
    raw = text.encode()
    return len(raw) - len(raw.translate(None, ENDS)) + 1 if raw else 0


pieces = lru_cache(maxsize=4096)(_pieces)


def message_texts(body: dict[str, Any]) -> list[str]:
    """The texts of the request's messages or prompt, content parts taken apart."""
    texts = [body["prompt"]] if isinstance(body.get("prompt"), str) else []
    for message in body.get("messages") or []:
        content = message.get("content") or ""
        if isinstance(content, str):
            texts.append(content)
        else:
            texts.extend(part.get("text", "") for part in content)
    return texts


def content_of(body: dict[str, Any], key: str, replies: dict[str, Any]) -> str:
    """The healthy content of the reply to the body.

    Raises:
        UnsupportedSchema: the schema uses what the server cannot make.
    """
    if replies.get("mode") == "fixed":
        return str(replies["content"])
    pad = replies.get("bytes", 1100) if replies.get("mode") == "padded" else 0
    form = body.get("response_format") or {}
    seed = int(key, 16)
    if form.get("type") == "json_schema":
        return orjson.dumps(instance(form["json_schema"]["schema"], seed, pad)).decode()
    if form.get("type") == "json_object":
        return orjson.dumps({"text": instance({}, seed, pad)}).decode()
    return f"{instance({}, seed, pad)}."


def completion(
    body: dict[str, Any], key: str, n: int, content: str, texts: list[str] | None = None
) -> dict[str, Any]:
    """The reply as OpenAI shapes it; ``n`` tells answers to the same key apart."""
    texts = message_texts(body) if texts is None else texts
    prompt, answer = sum(map(pieces, texts)), _pieces(content)
    first = (body.get("messages") or [{}])[0]
    return {
        "id": f"chatcmpl-{key}-{n}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            "prompt_tokens_details": {
                "cached_tokens": pieces(texts[0]) if first.get("role") == "system" else 0
            },
        },
        "system_fingerprint": "fp_test_server",
    }


def _with_control_characters(content: str) -> str:
    found = re.search(r'[:\[]\s*"', content) or re.search('"', content)
    at = found.end() if found else len(content) // 2
    return f"{content[:at]}line\n\ttab {content[at:]}"


# Faults of the content: the reply is well formed, and a real server would charge for it.
CONTENT_FAULTS: dict[str, Callable[[str], str | None]] = {
    "wrong_schema": lambda content: '{"unexpected": [1, 2, 3], "shape": {"of": "another kind"}}',
    "not_json": lambda content: "I am sorry, but here is some prose instead of what you asked for.",
    "fenced": lambda content: f"Here is the JSON you asked for:\n\n```json\n{content}\n```",
    "think": lambda content: f"<think>\nThe user wants {{JSON}}. So be it.\n</think>\n\n{content}",
    "control_characters": _with_control_characters,
    "length": lambda content: content[: len(content) // 2],
    "empty_text": lambda content: None if len(content) % 2 else "",
    "refusal": lambda content: None,
}


def spoil_content(reply: dict[str, Any], fault: dict[str, Any]) -> None:
    """Do to the reply's content what the fault says; a fault of another kind does nothing."""
    name = fault["fault"]
    if name not in CONTENT_FAULTS:
        return
    choice = reply["choices"][0]
    message = choice["message"]
    message["content"] = CONTENT_FAULTS[name](message["content"])
    if name == "empty_text" and "content" in fault:
        message["content"] = fault["content"]
    if name == "length":
        choice["finish_reason"] = "length"
    if name == "refusal":
        message["refusal"] = "I'm sorry, I can't assist with that request."


def _truncated(reply: dict[str, Any]) -> bytes:
    raw = orjson.dumps(reply)
    return raw[: len(raw) // 2]


def _invalid_utf8(reply: dict[str, Any]) -> bytes:
    message = reply["choices"][0]["message"]
    half = len(message["content"]) // 2
    message["content"] = message["content"][:half] + MARK + message["content"][half:]
    return orjson.dumps(reply).replace(MARK.encode(), b"\xff\xfe")


# Faults of the body: status 200, and nothing in it that anybody could use.
BODY_FAULTS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "truncated_json": _truncated,
    "invalid_utf8": _invalid_utf8,
    "empty_choices": lambda reply: orjson.dumps(reply | {"choices": []}),
    "html_200": lambda reply: HTML,
}


def error(message: str, kind: str, code: Any, param: str | None = None) -> bytes:
    """An error's body, as OpenAI and vLLM spell it."""
    fields = {"message": message, "type": kind, "param": param, "code": code}
    return orjson.dumps({"error": fields})


def status_error(status: int) -> bytes:
    """The body that comes with a status which has nothing to do with the request."""
    known = {
        400: ("The request was not understood.", "BadRequestError", 400),
        429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
        503: ("The server is overloaded or not ready yet.", "server_error", None),
    }
    if status == 502:
        return HTML
    return error(*known.get(status, ("The server had an error.", "server_error", None)))
