"""A model whose replies a function makes, and documents for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.protocol import Context, Reply, Request


class Scripted:
    """Replies with what the function makes of each request; a ``Reply`` is given as it is."""

    name = "scripted"

    def __init__(self, answer: Callable[[Request], Any], *, verifies: bool = True) -> None:
        self.verifies = verifies
        self.requests: list[Request] = []
        self._answer = answer

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            self.requests.append(request)
            said = self._answer(request)
            yield said if isinstance(said, Reply) else _reply(request, said)


def _reply(request: Request, said: Any) -> Reply:
    assert request.reply is not None
    text = json.dumps(said)
    try:
        return Reply(text, request.reply.model_validate_json(text))
    except ValueError as error:
        return Reply(text, problem="reply_off_schema", error=str(error).splitlines()[0])


UNUSABLE = Reply("no", problem="reply_not_json", error="it is none")


def context(model: Any = None, **settings: Any) -> Context:
    """With the settings of ``refined_docs``."""
    return Context(Recipe.model_validate({"refined_docs": settings}), "s-00000", model)


def frame(texts: dict[str, str] | Sequence[str]) -> pl.DataFrame:
    """Documents; without names they are d0, d1 …"""
    named = texts if isinstance(texts, dict) else {f"d{at}": t for at, t in enumerate(texts)}
    schema = {"doc_id": pl.String, "text": pl.String}
    return pl.DataFrame(list(named.items()), schema=schema, orient="row")


ARTICLE = (
    "The Danube rises in the Black Forest of Germany and is 2,850 kilometres long. It passes "
    "through ten countries, more than any other river. Because its basin is wide, it carries "
    "the water of some 300 tributaries to the Black Sea.\n\n"
    "The river has been a trade route since antiquity, which is why four capitals stand on its "
    "banks: Vienna, Bratislava, Budapest and Belgrade. A canal of 171 kilometres has connected "
    "it with the Rhine since 1992, so that ships can cross the continent."
)
MENU = ["Home", "News", "Sport", "Weather", "Video", "About us", "Log in"]
PAGE = "\n".join(
    [
        *MENU,
        *ARTICLE.split("\n"),
        "Share this on Facebook",
        "Read more",
        "12 photos of the flood at Vienna in 2002",
        "© 2019 River Press. All rights reserved.",
        *("Top stories", "Bridge opens after repairs", "Ten rivers to see", "Travel", "Food"),
        *MENU,
    ]
)
