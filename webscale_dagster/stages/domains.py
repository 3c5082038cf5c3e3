"""The domain library: what belongs to a topic, who asks about it, and demonstrations.

Reads ``domains/<slug>.toml`` and ``domains/<slug>.jsonl`` of the package; writes nothing.
"""

from __future__ import annotations

import functools
import json
import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.prompt import package_text


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

    def draw(self, count: int, seed: str) -> list[int]:
        """Which exemplars to show: the same seed, the same ones."""
        places = range(len(self.exemplars))
        return random.Random(seed).sample(places, min(count, len(places)))


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
