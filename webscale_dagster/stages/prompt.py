"""Renders the prompt of a call (``prompts/*.md``) into chat messages.

Reads the prompt templates of the package; writes nothing. The system message has the instructions,
the same in all calls of a stage; the user's message begins with the document and ends with what
differs between the calls about it. So a server's prefix cache serves both. Documents are untrusted:
they stand between tags they cannot close, and never in the system message.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
from pydantic import BaseModel

from webscale_dagster.recipe import content_hash

_SPLIT = "\n---document---\n"  # above it the instructions, below it what follows the document
Messages = tuple[Mapping[str, str], ...]
# What a chat template or a reasoning parser may read as its own: tags of the fence, special tokens
# of the common families (ChatML, Llama, Mistral, Gemma, DeepSeek with full-width bars), roles.
_MARKUP = re.compile(
    r"<(?=\s*/?\s*document\b)|<(?=[|｜])|<(?=/?s>)|<(?=<SYS>>|</SYS>>|/SYS>>)"
    r"|<(?=/?\s*think(?:ing)?\s*>)|<(?=/?(?:start|end)_of_(?:turn|image)>)|<(?=(?:bos|eos|pad|unk)>)"
    r"|<(?=/?tool_(?:call|response)s?>)|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\])",
    re.IGNORECASE,
)
_HARMLESS = {"<": "‹", "[": "［"}  # one character for one: offsets in the text stay true


def harmless(text: str) -> str:
    """The text with what could pass for markup of the prompt or of a chat template defused."""
    return _MARKUP.sub(lambda found: _HARMLESS[found.group(0)], text)


def fenced(text: str, title: str | None = None) -> str:
    """A document between tags that nothing inside it can close; its title is a part of it."""
    title = (title or "").strip()
    if title and text.partition("\n")[0].strip() != title:
        text = f"{title}\n\n{text}"
    return f"<document>\n{harmless(text)}\n</document>"


def quoted(text: str) -> str:
    """A short text of somebody else's, as one line in quotation marks."""
    return json.dumps(harmless(text), ensure_ascii=False)


@functools.cache
def package_text(path: str) -> str:
    """A file of the package, such as ``prompts/qa_pairs.md``."""
    return (resources.files("webscale_dagster") / path).read_text(encoding="utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: package_text(f"prompts/{name}")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["quoted"] = quoted
    return environment


@functools.cache
def _template(call: str) -> tuple[jinja2.Template, jinja2.Template]:
    """A prompt's instructions, and what follows the document."""
    instructions, _, ask = package_text(f"prompts/{call}.md").partition(_SPLIT)
    return _environment().from_string(instructions), _environment().from_string(ask)


def messages(call: str, variables: Mapping[str, Any]) -> Messages:
    """The system and the user message; a variable the prompt names and lacks is an error."""
    instructions, ask = _template(call)
    everywhere = package_text("prompts/system.md").strip()
    system = f"{everywhere}\n\n{instructions.render(variables).strip()}"
    document = fenced(variables["text"], variables["title"])
    return (
        {"role": "system", "content": system},
        {"role": "user", "content": f"{document}\n\n{ask.render(variables).strip()}"},
    )


def repair_message(problem: str, error: str) -> str:
    """What a model is told whose reply could not be used."""
    repair = _environment().from_string(package_text("prompts/repair.md"))
    return repair.render(problem=problem, error=error).strip()


def prompt_files(call: str, *more: str) -> tuple[str, ...]:
    """Package paths of everything that is said in a call."""
    return tuple(f"prompts/{name}.md" for name in ("system", call, *more, "repair"))


def prompt_version(files: tuple[str, ...], reply: type[BaseModel], *more: str) -> str:
    """Hash of the prompt's files, the reply's schema and whatever else the stage puts into it."""
    return content_hash(*(package_text(path) for path in files), _schema(reply), *more)


@functools.cache
def _schema(reply: type[BaseModel]) -> str:
    return json.dumps(reply.model_json_schema())
