"""What a home has spent, and the guard that stops before the budget is passed.

Reads every journal under a folder: they are the bill. Writes ``spent.json`` beside them, a cache of
sums with the offsets up to which they were made, so that a start need not read all again. Runs that
work at the same time see each other's spending within seconds, not at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from webscale_dagster.llm.errors import BudgetReached
from webscale_dagster.llm.journal import UNREADABLE
from webscale_dagster.models import Price
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.protocol import Request

_EVERY = 2.0  # seconds between two looks at other runs' journals
_BYTES_PER_TOKEN = 3  # of prompts, on the safe side; a reply may use all its max_tokens
Sums = dict[str, list[int]]  # model -> tokens in, out, cached


@dataclass(frozen=True)
class Spent:
    """Tokens and money, over all runs of a home."""

    tokens: int
    cost: float


class Spending:
    """Sums over all journals of a home; ``refresh`` reads what was appended since."""

    def __init__(self, folder: Path, prices: dict[str, Price]) -> None:
        """Nothing is read yet."""
        self._folder, self._prices = folder, prices
        self._files: dict[str, tuple[int, Sums]] = {}
        self._cache = folder / "spent.json"

    def refresh(self) -> Spent:
        """What all journals add up to now."""
        if not self._files and self._cache.is_file():
            self._files = {
                name: (found[0], found[1])
                for name, found in json.loads(self._cache.read_bytes()).items()
            }
        for path in self._folder.glob("*/*.jsonl"):
            name = path.relative_to(self._folder).as_posix()
            start, sums = self._files.get(name, (0, {}))
            if path.stat().st_size < start:  # begun anew
                start, sums = 0, {}
            self._files[name] = _add(path, start, sums)
        return self._total()

    def _total(self) -> Spent:
        tokens, cost = 0, 0.0
        for _, sums in self._files.values():
            for model, (tokens_in, tokens_out, cached) in sums.items():
                tokens += tokens_in + tokens_out
                cost += self._prices.get(model, Price()).cost(tokens_in, tokens_out, cached)
        return Spent(tokens, cost)

    def save(self) -> None:
        """Keep the sums for the next start."""
        aside = self._cache.with_name(f".spent.{os.getpid()}")
        aside.write_text(json.dumps(self._files), encoding="utf-8")
        os.replace(aside, self._cache)


def _add(path: Path, start: int, sums: Sums) -> tuple[int, Sums]:
    """The sums with the whole lines after ``start``, and where they end."""
    sums = {model: list(found) for model, found in sums.items()}
    with path.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            if not line.endswith(b"\n"):
                break
            start += len(line)
            with contextlib.suppress(*UNREADABLE):  # the journal passes over such lines too
                entry = orjson.loads(line)
                counts = [entry[name] for name in ("tokens_in", "tokens_out", "cached_tokens")]
                total = sums.setdefault(entry.get("model", ""), [0, 0, 0])
                total[:] = [one + more for one, more in zip(total, counts, strict=True)]
    return start, sums


class Guard:
    """Admits requests while the budget has room for them and all that are under way."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        """Without a budget in the recipe everything is admitted and nothing is read."""
        self._budget = recipe.budget
        self._active = bool(recipe.budget.max_tokens_total or recipe.budget.max_cost)
        prices = {m.name: m.price for m in (recipe.model, *recipe.models.values())}
        self._spending = Spending(folder, prices)
        self._prices = prices
        self._spent, self._looked = Spent(0, 0.0), float("-inf")
        self._reserved = Spent(0, 0.0)

    def admit(self, request: Request, model: str) -> Spent | None:
        """A reservation, to be given back by ``settle``; None where there is no room."""
        if not self._active:
            return Spent(0, 0.0)
        self._look()
        size = sum(len(message["content"].encode()) for message in request.messages)
        tokens_in = size // _BYTES_PER_TOKEN + 1
        cost = self._prices.get(model, Price()).cost(tokens_in, request.max_tokens)
        more = Spent(tokens_in + request.max_tokens, cost)
        tokens = self._spent.tokens + self._reserved.tokens + more.tokens
        money = self._spent.cost + self._reserved.cost + more.cost
        limits = (self._budget.max_tokens_total, self._budget.max_cost)
        if (limits[0] and tokens > limits[0]) or (limits[1] and money > limits[1]):
            return None
        self._reserved = _plus(self._reserved, more)
        return more

    def settle(self, reserved: Spent, tokens: int, cost: float) -> None:
        """A request ended: what was reserved is free, what it cost is spent."""
        if self._active:
            self._reserved = _plus(self._reserved, Spent(-reserved.tokens, -reserved.cost))
            self._spent = _plus(self._spent, Spent(tokens, cost))

    def reached(self) -> BudgetReached:
        """The error that says what was spent of what."""
        spent = self._spending.refresh()
        limits = [
            f"{spent.tokens:,} of max_tokens_total {self._budget.max_tokens_total:,}"
            if self._budget.max_tokens_total
            else "",
            f"{spent.cost:.4f} of max_cost {self._budget.max_cost:g}"
            if self._budget.max_cost
            else "",
        ]
        return BudgetReached(
            f"the budget has no room for another request: {' and '.join(filter(None, limits))} "
            "spent; every reply is kept. Raise [budget] in the recipe and run again"
        )

    def close(self) -> None:
        """Keep the sums for the next start."""
        if self._active:
            self._spending.refresh()
            self._spending.save()

    def _look(self) -> None:
        """See what other runs have spent; the own replies are in the journals by then."""
        if time.monotonic() - self._looked > _EVERY:
            self._spent = self._spending.refresh()
            self._looked = time.monotonic()


def _plus(one: Spent, other: Spent) -> Spent:
    return Spent(one.tokens + other.tokens, one.cost + other.cost)
