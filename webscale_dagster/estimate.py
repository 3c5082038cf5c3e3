"""What a run would cost: calls, tokens and money by stage, before any is spent.

Reads the lake and the journal; asks no model; writes nothing. The first stage that is not up to
date is run with a model that only notes what it is asked, so its requests are the real ones; those
that the journal can answer cost nothing. What follows depends on replies: it is reckoned from what
this home has seen of models, else from assumed shares, with an upper bound beside it. Tokens are
counted by the model's own tokenizer where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from webscale_dagster.home import journal_folder
from webscale_dagster.llm.journal import Journal, request_key
from webscale_dagster.llm.tokens import count_tokens
from webscale_dagster.recipe import ASKING, Recipe
from webscale_dagster.stages import STAGES, Context, Reply, Request
from webscale_dagster.stages.difficulty import BOOKS
from webscale_dagster.stages.library_requests import library_requests
from webscale_dagster.stages.prompt import Messages, fenced
from webscale_dagster.walk import GENERATE, Walk

# Shares that only a model decides, where this home has not seen any yet: documents kept by the
# filter, personas of those allowed, pairs written, pairs that pass the free checks.
ASSUMED = {"kept": 0.7, "personas": 0.85, "pairs": 0.9, "passed": 0.8}
# Tokens of a reply, likewise; of qa_pairs and verified_qa for one pair.
REPLY_TOKENS = {
    **{"filtered_docs": 60, "personas": 100, "qa_pairs": 140, "verified_qa": 80},
    "difficulty": 300,  # a policy thinks before it answers
}
_SAMPLE = 40  # documents whose whole prompts are counted, to know what stands around a document
_REFUSALS = ("not_informative", "not_self_contained", "not_enough_context", "boilerplate")
Document = tuple[str, str | None]  # text, title


@dataclass
class StageCost:
    """One stage over all shards: what is expected, and at most."""

    stage: str
    model: str
    calls: int = 0
    most_calls: int = 0
    answered: int = 0  # by the journal: they cost nothing
    tokens_in: int = 0
    tokens_out: int = 0
    most_tokens: int = 0
    cost: float = 0.0
    most_cost: float = 0.0


@dataclass
class Estimate:
    """All stages; ``counted_by`` says who counted tokens, ``assumed`` which shares are guesses."""

    stages: list[StageCost] = field(default_factory=list)
    documents: int = 0
    counted_by: str = ""
    exact: bool = True
    assumed: dict[str, float] = field(default_factory=dict)


@dataclass
class _Load:
    """What one shard asks of one stage."""

    documents: list[Document]
    calls: float = 0.0  # expected
    most_calls: int = 0
    answered: int = 0


class _Notes:
    """A model that notes what it is asked, and answers nothing."""

    name, verifies = "", True

    def __init__(self, recipe: Recipe, journal: Journal) -> None:
        self._identity = recipe.model_of(journal.stage).identity
        self._journal = journal
        self.open: list[Document] = []  # of every request the journal cannot answer
        self.documents: dict[Document, None] = {}
        self.answered = 0

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Every request is left without an answer."""
        for request in requests:
            document = (request.variables["text"], request.variables["title"])
            self.documents[document] = None
            if self._journal.get(request_key(self._identity, request)) is None:
                self.open.append(document)
            else:
                self.answered += 1
            yield Reply("", problem="no_answer")


def estimate(walk: Walk, names: Sequence[str], stages: Sequence[str]) -> Estimate:
    """The cost of bringing ``stages`` of these shards up to date; their free assets must be."""
    recipe = walk.recipe
    asked = [name for name in ASKING if name in stages and _asks(recipe, name)]
    shares, assumed = _shares(walk, names)
    loads: dict[str, list[_Load]] = {name: [] for name in asked}
    for shard in names:
        for name, load in _loads(walk, shard, asked, shares).items():
            loads[name].append(load)
    found = Estimate(assumed=assumed)
    found.documents = len(
        {document for of in loads.values() for each in of for document in each.documents}
    )
    for name in asked:
        found.stages.append(_priced(recipe, name, loads[name], found))
    return found


def free_stages(walk: Walk, names: Sequence[str]) -> list[str]:
    """The stages up to the first one that would be paid for: what they make decides the rest."""
    found = []
    for name in GENERATE:
        if name not in ASKING or not _asks(walk.recipe, name):
            found.append(name)
        elif any(not walk.fresh(name, shard) for shard in names):
            break
    return found


def _asks(recipe: Recipe, stage: str) -> bool:
    if recipe.model_of(stage).backend == "extractive":
        return False
    if stage == "personas" and recipe.annotate == "merged":
        return False
    if stage == "difficulty":
        return recipe.difficulty.samples > 0
    return stage != "filtered_docs" or recipe.filtered_docs.ask_model


def _loads(
    walk: Walk, shard: str, asked: Sequence[str], shares: dict[str, float]
) -> dict[str, _Load]:
    """The first stale stage as it is, those after it as they may become."""
    stale = [name for name in walk.stale(GENERATE, shard) if name in asked]
    if not stale:
        return {}
    notes = _noted(walk, stale[0], shard)
    total = len(notes.open) + notes.answered
    found = {stale[0]: _Load(notes.open, len(notes.open), len(notes.open), notes.answered)}
    documents = list(notes.documents)
    # Calls of that stage, one a persona or a pair.
    of_pairs = stale[0] in ("qa_pairs", "verified_qa") and walk.recipe.annotate == "separate"
    slots = total if of_pairs else None
    for name in stale[1:]:
        found[name] = _later(walk.recipe, name, documents, slots, stale[0], shares)
    return found


def _later(
    recipe: Recipe,
    stage: str,
    documents: list[Document],
    slots: int | None,
    first: str,
    shares: dict[str, float],
) -> _Load:
    kept = shares["kept"] if first == "filtered_docs" else 1.0
    if stage == "personas":
        return _Load(documents, len(documents) * kept, len(documents))
    if recipe.annotate == "merged" and stage != "difficulty":
        return _Load(documents, len(documents) * kept, len(documents))
    most = slots if slots is not None else len(documents) * recipe.personas.max_personas
    share = 1.0 if slots is not None else kept * shares["personas"]
    if stage in ("verified_qa", "difficulty"):
        share *= shares["passed"] * (1.0 if first == "verified_qa" else shares["pairs"])
    times = len(BOOKS) * recipe.difficulty.samples if stage == "difficulty" else 1
    return _Load(documents, most * share * times, most * times)


def _noted(walk: Walk, stage: str, shard: str) -> _Notes:
    with Journal(journal_folder(), stage, shard, read_only=True) as journal:
        notes = _Notes(walk.recipe, journal)
        STAGES[stage].run(walk.frames(STAGES[stage], shard), Context(walk.recipe, shard, notes))
    return notes


def _shares(walk: Walk, names: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """What models decided in this home so far, and which shares are only assumed."""
    calls = walk.lake.llm_calls(list(ASKING), list(names)).filter(pl.col("model") != "extractive")
    if calls.head(1).collect().is_empty():
        return ASSUMED, ASSUMED
    n = {
        table: walk.lake.read(table).select(pl.len()).collect().item()
        for table in ("filtered_docs", "personas", "qa_pairs", "verified_qa")
    }
    refused = walk.lake.rejects(["filtered_docs"], list(names))
    n_refused = refused.filter(pl.col("reason").is_in(_REFUSALS)).select(pl.len()).collect().item()
    seen = {
        "kept": (n["filtered_docs"], n["filtered_docs"] + n_refused),
        "personas": (n["personas"], n["filtered_docs"] * walk.recipe.personas.max_personas),
        "pairs": (n["qa_pairs"], n["personas"]),
        "passed": (n["verified_qa"], n["qa_pairs"]),
    }
    measured = {key: rows / of for key, (rows, of) in seen.items() if of}
    return ASSUMED | measured, {k: v for k, v in ASSUMED.items() if k not in measured}


def _priced(recipe: Recipe, stage: str, loads: Sequence[_Load], found: Estimate) -> StageCost:
    choice, settings = recipe.model_of(stage), getattr(recipe, stage)
    documents = list(dict.fromkeys(document for load in loads for document in load.documents))
    alone = count_tokens(choice, [_bare(document) for document in documents])
    found.counted_by, found.exact = alone.by, alone.exact and found.exact
    tokens = dict(zip(documents, alone.tokens, strict=True))
    around = _around(recipe, stage, documents[:: max(len(documents) // _SAMPLE, 1)])
    pairs = recipe.personas.max_personas if recipe.annotate == "merged" else 1
    pairs = pairs if stage in ("qa_pairs", "verified_qa") else 1
    cost = StageCost(stage, choice.name)
    for load in loads:
        mean = sum(tokens[d] for d in load.documents) / max(len(load.documents), 1) + around
        cost.calls += round(load.calls)
        cost.most_calls += load.most_calls
        cost.answered += load.answered
        cost.tokens_in += round(load.calls * mean)
        cost.tokens_out += round(load.calls * REPLY_TOKENS[stage] * pairs)
        most = (round(load.most_calls * mean), load.most_calls * settings.max_tokens * pairs)
        cost.most_tokens += sum(most)
        cost.most_cost += choice.price.cost(*most)
    cost.cost = choice.price.cost(cost.tokens_in, cost.tokens_out)
    return cost


def _bare(document: Document) -> Messages:
    return ({"role": "user", "content": fenced(*document)},)


def _around(recipe: Recipe, stage: str, documents: Sequence[Document]) -> float:
    """Tokens of a prompt besides its document, on average."""
    if not documents:
        return 0.0
    requests, bare = [], []
    for document in documents:
        of_document = list(library_requests(recipe, stage, *document))
        requests += [request.messages for request in of_document]
        bare += [_bare(document)] * len(of_document)
    choice = recipe.model_of(stage)
    whole, inner = count_tokens(choice, requests), count_tokens(choice, bare)
    return (sum(whole.tokens) - sum(inner.tokens)) / len(requests)
