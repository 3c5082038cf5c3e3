"""Renders a stage's prompt (``prompts/<stage>.md``) into chat messages.

Reads the prompt templates and domain files of the package; writes nothing. Documents are untrusted:
they stand between fences they cannot close, and never in the system message.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from pydantic import BaseModel

from webscale_dagster.recipe import Recipe, content_hash

_SPLIT = "\n---user---\n"  # above it the system message, below it the user's
_FENCE = re.compile(r"</?\s*document\b", re.IGNORECASE)


@dataclass(frozen=True)
class Domain:
    """A topic: what belongs to it, who asks about it, and demonstrations."""

    slug: str
    name: str
    scope: str
    ask: str
    avoid: str
    personas: tuple[str, ...]
    vocabulary: tuple[str, ...]
    exemplars: tuple[Mapping[str, Any], ...]


def fenced(text: str) -> str:
    """The text between document tags, with every such tag inside it made harmless."""
    harmless = _FENCE.sub(lambda match: match.group(0).replace("<", "‹"), text)
    return f"<document>\n{harmless}\n</document>"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["fenced"] = fenced
    return environment


@functools.cache
def package_text(path: str) -> str:
    """A file of the package, such as ``prompts/qa_pairs.md``."""
    return (resources.files("webscale_dagster") / path).read_text(encoding="utf-8")


@functools.cache
def _template(stage: str) -> tuple[jinja2.Template, jinja2.Template]:
    system, user = package_text(f"prompts/{stage}.md").split(_SPLIT)
    return _environment().from_string(system), _environment().from_string(user)


def messages(stage: str, variables: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """The system and the user message; a variable the prompt names and lacks is an error."""
    system, user = _template(stage)
    return (
        {"role": "system", "content": system.render(variables).strip()},
        {"role": "user", "content": user.render(variables).strip()},
    )


def prompt_version(stage: str, reply: type[BaseModel], *more: str) -> str:
    """Hash of the prompt, the reply's schema and whatever else the stage puts into it."""
    schema = json.dumps(reply.model_json_schema(), sort_keys=True)
    return content_hash(package_text(f"prompts/{stage}.md"), schema, *more)


@functools.cache
def _domain(slug: str) -> Domain:
    facts = tomllib.loads(package_text(f"domains/{slug}.toml"))
    lines = package_text(f"domains/{slug}.jsonl").splitlines()
    return Domain(
        slug=facts["slug"],
        name=facts["name"],
        scope=facts["scope"],
        ask=facts["ask"],
        avoid=facts["avoid"],
        personas=tuple(facts["personas"]),
        vocabulary=tuple(facts["vocabulary"]),
        exemplars=tuple(json.loads(line) for line in lines if line.strip()),
    )


def domains(recipe: Recipe) -> tuple[Domain, ...]:
    """The recipe's domains, or every domain of the package, sorted by slug."""
    folder = resources.files("webscale_dagster") / "domains"
    slugs = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))
    wanted = recipe.domains or tuple(slugs)
    unknown = sorted(set(wanted) - set(slugs))
    if unknown:
        raise ValueError(f"recipe {recipe.name}: domains: no such domain {', '.join(unknown)}")
    return tuple(_domain(slug) for slug in slugs if slug in wanted)


def domain_files() -> tuple[str, ...]:
    """Package paths of all domain files: they decide bytes of the stages that show them."""
    folder = resources.files("webscale_dagster") / "domains"
    return tuple(sorted(f"domains/{f.name}" for f in folder.iterdir()))
