"""Measures the tokens that are sent and received for one accepted pair, for three call layouts.

The layouts are ours with ``annotate = "separate"``, ours with ``annotate = "merged"``, and the call
pattern of the official Webscale-RL pipeline (``official_calls.py``: sizes measured, text our own).

There is no model here. The same stand-in decides in all three: the rule-based writer keeps a
document, names up to three personas and writes the pairs, and a judge accepts every pair that
passes our free checks. So the accepted pairs are the same set in all three, and only the tokens
differ: the figures say what a layout costs, not how good its pairs are, and a real model would keep
other documents. Our stages run as they are, behind a ``Model`` that records what it is asked.

Reads ``$WEBSCALE_CORPORA/corpora/*.jsonl.zst``: English documents of 100 to 3,000 words that pass
the free rules, equally from every source as far as it has such documents, in three settings:
``any`` (as they come: outside encyclopedic prose the stand-in finds nothing in most of them),
``yielding`` (only documents with at least one pair, since the paper's filter keeps most documents)
and ``three`` (only documents with three pairs, as a model finds three readers for most; there may
be fewer than asked for). Prints a table for each; ``--json`` also writes all figures to a file.

    WEBSCALE_CORPORA=../shared/data python benchmarks/tokens_per_pair.py --json tokens.json

Tokens are those of a byte-level BPE of 32,000 entries, trained on the spot on 20 MB of the corpora,
plus 5 a message and 3 a request, as ChatML templates add. JSON schemas that go beside our messages
are counted apart: guided decoding puts them into no prompt, some providers bill them. A model's
reason is put at a sentence of 20 words, the official ``thought`` at 60 tokens (and at 0). Nothing
is repaired or tried again. The prefix cache holds blocks of 16 tokens of the last 256 requests:
``stage by stage`` each stage is sent for all documents and has a cache of its own, ``document by
document`` all calls of a document follow each other and share one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import zstandard
from official_calls import Call, Decided, calls, libraries, material
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from webscale_dagster.llm.extractive import answer
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.questions import count_pairs
from webscale_dagster.llm.replies import read_reply, wire_schema
from webscale_dagster.readers.html import extract
from webscale_dagster.recipe import FilteredDocs, QaPairs, Recipe, content_hash
from webscale_dagster.stages import STAGES, Context, Reply, Request
from webscale_dagster.tables import TABLES

Row = dict[str, Any]
LEFT_OUT = ("multilingual",)  # its English paragraphs are Wikipedia's once more
WORDS = (100, 3_000)
SETTINGS = {"any": 0, "yielding": 1, "three": 3}  # pairs that a document must have at least
VOCABULARY, TRAINING_BYTES = 32_000, 20_000_000
PER_MESSAGE, PER_REQUEST, THOUGHT = 5, 3, 60
BLOCK, REMEMBERED = 16, 256
REASON = (
    "The document states this in one plain sentence, names what it speaks of, and nothing in the "
    "rest of it says otherwise."
)
SPECIAL = 1_000_000  # ids of the chat template's tokens, beyond the vocabulary


# Documents


def read_rows(path: Path, seed: int) -> list[Row]:
    """A corpus file's rows in an order that the seed decides."""
    data = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    rows = [orjson.loads(line) for line in data.split(b"\n") if line.strip()]
    random.Random(f"{seed} {path.name}").shuffle(rows)
    return rows


def record(place: int, source: str, row: Row, recipe: Recipe) -> Row | None:
    """A row as a reader's record; of web pages the main text."""
    text, title = row["text"], row.get("title")
    if row.get("html"):
        page = extract(row["html"], recipe.raw_corpus)
        if isinstance(page, tuple):
            return None
        text, title = page.text, page.title
    if not 0.8 * WORDS[0] <= len(text.split()) <= 1.2 * WORDS[1]:  # the rules count exactly
        return None
    known = {"row": place, "record_id": row["id"], "source": source, "uri": source}
    known |= {"url": row.get("url"), "license": row.get("license"), "group": row.get("group")}
    return {**known, "text": text, "title": title}


def passing(source: str, rows: Sequence[Row], recipe: Recipe) -> Iterator[Row]:
    """Rows of raw_corpus that pass the free rules, in order, read as they are wanted."""
    free = FilteredDocs(min_words=WORDS[0], max_words=WORDS[1], ask_model=False)
    context = Context(recipe.model_copy(update={"filtered_docs": free}), source)
    found = (record(place, source, row, recipe) for place, row in enumerate(rows))
    records = (row for row in found if row is not None)
    bad = pl.DataFrame(schema={"row": pl.Int64, "reason": pl.String, "detail": pl.String})
    while batch := list(itertools.islice(records, 25)):
        frame = pl.DataFrame(batch, infer_schema_length=None)
        raw = STAGES["raw_corpus"].run({"records": frame, "bad_records": bad}, context).kept
        kept = STAGES["filtered_docs"].run(_corpus(raw), context).kept["doc_id"].to_list()
        yield from (row for row in raw.iter_rows(named=True) if row["doc_id"] in kept)


def _corpus(raw: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What filtered_docs reads: no duplicates and no benchmarks."""
    empty = ("near_duplicates", "benchmarks", "benchmark_ngrams")
    return {"raw_corpus": raw, **{name: TABLES[name].empty() for name in empty}}


class Pool:
    """A source's documents that pass the free rules, each with its pairs; worked out once."""

    def __init__(self, source: str, rows: Sequence[Row]) -> None:
        self._stream = passing(source, rows, Recipe())
        self._known: list[tuple[Row, int]] = []

    def having(self, least: int) -> Iterator[Row]:
        """The documents in which the stand-in finds at least so many pairs, up to three."""
        for place in itertools.count():
            if place == len(self._known):
                row = next(self._stream, None)
                if row is None:
                    return
                self._known.append((row, count_pairs(row["text"], row["title"], 3)))
            row, pairs = self._known[place]
            if pairs >= least:
                yield row


def draw(pools: Mapping[str, Pool], wanted: int, least: int) -> pl.DataFrame:
    """So many documents, one from each source in turn; a source that runs dry is left out."""
    streams = {name: pool.having(least) for name, pool in pools.items()}
    drawn: dict[str, Row] = {}  # by the text's hash
    while streams and len(drawn) < wanted:
        for name in list(streams):
            row = next(streams[name], None)
            if row is None:
                del streams[name]
            elif len(drawn) < wanted:
                drawn.setdefault(row["text_hash"], row)
    rows = [{**row, "row": place} for place, row in enumerate(drawn.values())]
    return pl.DataFrame(rows, schema=TABLES["raw_corpus"].schema)


# Our layouts


@dataclass
class StandIn:
    """Answers by rules, judges every pair right, and records every call."""

    name: str = "stand-in"
    verifies: bool = True
    calls: list[Call] = field(default_factory=list)

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """One reply per request, in order."""
        for request in requests:
            text = self._reply(request)
            schema = json.dumps(wire_schema(request.reply, True))
            doc = content_hash(request.variables["text"])
            self.calls.append(Call(request.stage, doc, request.messages, text, schema))
            reply = read_reply(request, Completion(text))
            assert reply.problem is None, reply.error
            yield reply

    def _reply(self, request: Request) -> str:
        if request.stage == "verified_qa":
            right = {"correct": True, "self_contained": True, "leaks": False, "unique": True}
            numbers = range(len(request.variables["pairs"]))
            verdicts = [{"pair": number, "reason": REASON, **right} for number in numbers]
            return json.dumps({"verdicts": verdicts})
        found = json.loads(answer(request))
        if "reason" in found:
            found["reason"] = REASON
        return json.dumps(found, ensure_ascii=False)


def walk(raw: pl.DataFrame, recipe: Recipe) -> tuple[StandIn, dict[str, pl.DataFrame]]:
    """Our four stages that ask, about the documents; the calls and the tables."""
    model = StandIn()
    context = Context(recipe, "benchmark", model)
    tables = _corpus(raw)
    for name in ("filtered_docs", "personas", "qa_pairs", "verified_qa"):
        tables[name] = STAGES[name].run(tables, context).kept
    return model, tables


def decided(raw: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> Decided:
    """What the stand-in decided, for the official layout."""
    personas: dict[str, list[Row]] = defaultdict(list)
    for row in tables["personas"].iter_rows(named=True):
        personas[row["doc_id"]].append(row)
    pairs = {
        (row["doc_id"], row["persona_index"]): row
        for row in tables["qa_pairs"].iter_rows(named=True)
    }
    return Decided(raw.rows(named=True), personas, pairs)


# Tokens


def train(texts: Mapping[str, Sequence[str]]) -> Tokenizer:
    """A byte-level BPE of as many bytes of every source, 20 MB in all where they have as much."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    alphabet = ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_training(texts), trainer)
    return tokenizer


def _training(texts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    left, sources = TRAINING_BYTES, sorted(texts.items(), key=lambda found: sum(map(len, found[1])))
    for place, (_, several) in enumerate(sources):  # small ones first: the others fill up
        share = left // (len(sources) - place)
        for text in several:
            if share <= 0:
                break
            size = len(text.encode())
            share, left = share - size, left - size
            yield text


@dataclass(frozen=True)
class Counted:
    """A call's tokens, and the hash of every prefix of whole blocks."""

    stage: str
    doc: str
    sent: int
    received: int
    schema: int
    thoughts: int
    blocks: tuple[int, ...]


def count(made: Sequence[Call], tokenizer: Tokenizer) -> Iterator[Counted]:
    """Every call with its tokens."""
    schemas = {schema: _size(schema, tokenizer) for schema in {call.schema for call in made}}
    for start in range(0, len(made), 256):
        some = made[start : start + 256]
        texts = [message["content"] for call in some for message in call.messages]
        encoded = iter(tokenizer.encode_batch(texts))
        replies = tokenizer.encode_batch([call.reply for call in some])
        for call, reply in zip(some, replies, strict=True):
            ids: list[int] = []
            for message in call.messages:
                role = SPECIAL + len(message["role"])
                ids += [SPECIAL, role, SPECIAL + 1, *next(encoded).ids, SPECIAL + 2, SPECIAL + 1]
            ids += [SPECIAL, SPECIAL + len("assistant"), SPECIAL + 1]
            sizes = len(ids), len(reply.ids), schemas[call.schema], call.thoughts
            yield Counted(call.stage, call.doc, *sizes, _blocks(ids))


def _size(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(text).ids)


def _blocks(ids: Sequence[int]) -> tuple[int, ...]:
    hashes, last = [], 0
    for end in range(BLOCK, len(ids) + 1, BLOCK):
        last = hash((last, *ids[end - BLOCK : end]))
        hashes.append(last)
    return tuple(hashes)


def computed(sent: Iterable[Counted]) -> int:
    """Prompt tokens that a server computes which has the last requests' blocks at hand."""
    recent: deque[tuple[int, ...]] = deque()
    held: Counter[int] = Counter()
    total = 0
    for call in sent:
        found = next((i for i, h in enumerate(call.blocks) if not held[h]), len(call.blocks))
        total += call.sent - BLOCK * min(found, (call.sent - 1) // BLOCK)
        recent.append(call.blocks)
        held.update(call.blocks)
        if len(recent) > REMEMBERED:
            held.subtract(recent.popleft())
    return total


def grouped(made: Iterable[Counted], key: str) -> dict[str, list[Counted]]:
    """Calls by stage or by document, both in the order of their first."""
    groups: dict[str, list[Counted]] = defaultdict(list)
    for call in made:
        groups[getattr(call, key)].append(call)
    return groups


# Report


def figures(made: Sequence[Call], tokenizer: Tokenizer, accepted: int) -> Row:
    """A layout's totals, and those of its stages."""
    counted = list(count(made, tokenizer))
    stages = {
        stage: {**_totals(some), "computed": computed(some)}
        for stage, some in grouped(counted, "stage").items()
    }
    documents = grouped(counted, "doc").values()
    totals = {
        **_totals(counted),
        "accepted": accepted,
        "computed_stage_by_stage": sum(stage["computed"] for stage in stages.values()),
        "computed_document_by_document": computed(call for some in documents for call in some),
    }
    names = [name for name in totals if name not in ("calls", "accepted")]
    each = {f"{name}_per_pair": round(totals[name] / accepted, 1) for name in names}
    return {**totals, **each, "stages": stages}


def _totals(some: Sequence[Counted]) -> Row:
    bare = sum(call.received for call in some)
    return {
        "calls": len(some),
        "sent": sum(call.sent for call in some),
        "received": bare + THOUGHT * sum(call.thoughts for call in some),
        "received_without_thought": bare,
        "schemas": sum(call.schema for call in some),
    }


def measure(raw: pl.DataFrame, tokenizer: Tokenizer, library: Any, seed: int) -> Row:
    """All three layouts about the same documents."""
    layouts: Row = {}
    accepted: dict[str, list[str]] = {}
    for annotate in ("separate", "merged"):
        recipe = Recipe(annotate=annotate, qa_pairs=QaPairs(exemplars=2), seed=seed)
        model, tables = walk(raw, recipe)
        accepted[annotate] = sorted(tables["verified_qa"]["qa_id"])
        layouts[annotate] = figures(model.calls, tokenizer, len(accepted[annotate]))
    assert accepted["separate"] == accepted["merged"], "the layouts accept other pairs"
    official = list(calls(decided(raw, tables), library, seed))
    layouts["official"] = figures(official, tokenizer, len(accepted["merged"]))
    texts = [material(row) for row in raw.iter_rows(named=True)]
    tokens = [len(found.ids) for found in tokenizer.encode_batch(texts)]
    return {
        "documents": raw.height,
        "sources": dict(sorted(raw["source"].value_counts().rows())),
        "kept": tables["filtered_docs"].height,
        "personas": tables["personas"].height,
        "pairs_written": tables["qa_pairs"].height,
        "tokens_per_document": round(sum(tokens) / len(tokens), 1),
        "characters_per_token": round(sum(map(len, texts)) / sum(tokens), 3),
        "layouts": layouts,
    }


SHOWN = {
    "calls": "calls",
    "sent": "tokens sent",
    "received": "tokens received",
    "accepted": "accepted pairs",
    "sent_per_pair": "sent per pair",
    "received_per_pair": "received per pair",
    "received_without_thought_per_pair": "received per pair, thought 0",
    "computed_stage_by_stage_per_pair": "computed per pair, stage by stage",
    "computed_document_by_document_per_pair": "computed per pair, document by document",
    "schemas_per_pair": "schemas per pair, not in sent",
}


def show(setting: str, found: Row) -> None:
    """Print a setting's table: every figure, and how many times ours the official one is."""
    layouts = found["layouts"]
    share = found["kept"] / found["documents"]
    print(f"\n{setting}: {found['documents']} documents, {found['kept']} kept ({share:.0%}),")
    print(f"  {found['personas']} personas, {found['pairs_written']} pairs written;", end=" ")
    print(f"{found['tokens_per_document']:,} tokens a document,", end=" ")
    print(f"{found['characters_per_token']:.2f} characters a token")
    print(f"  {'':40}" + "".join(f"{name:>12}" for name in layouts) + "   official / ours")
    for name, words in SHOWN.items():
        values = [layout[name] for layout in layouts.values()]
        line = "".join(f"{value:>12,}" for value in values)
        ratios = [f"{values[2] / value:5.2f}" for value in values[:2] if value and values[2]]
        print(f"  {words:40}{line}   {'  '.join(ratios)}")


def english(folder: Path, seed: int) -> dict[str, list[Row]]:
    """The English sources: name and shuffled rows."""
    paths = sorted(folder.glob("*.jsonl.zst"))
    names = {path.name.split(".")[0]: path for path in paths}
    sources = {name: read_rows(path, seed) for name, path in names.items() if name not in LEFT_OUT}
    wanted = ("en", "python", None)
    return {
        name: [row for row in rows if row.get("lang") in wanted] for name, rows in sources.items()
    }


def main() -> None:
    """Draw, train, measure both settings, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    began = time.monotonic()
    sources = english(Path(os.environ["WEBSCALE_CORPORA"]) / "corpora", options.seed)
    texts = {name: [row["text"] for row in rows] for name, rows in sources.items()}
    tokenizer = train(texts)
    library = libraries(texts, options.seed)
    pools = {name: Pool(name, rows) for name, rows in sources.items()}
    found: Row = {"seed": options.seed, "settings": {}}
    for setting, least in SETTINGS.items():
        raw = draw(pools, options.documents, least)
        found["settings"][setting] = measure(raw, tokenizer, library, options.seed)
        show(setting, found["settings"][setting])
    found["seconds"] = round(time.monotonic() - began, 1)
    print(f"\n{found['seconds']} s")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
