"""The calls that the official Webscale-RL pipeline would make about documents, by size.

Makes ``Call`` values from a walk's documents, personas and pairs; reads the package's own prompts
as filler; writes nothing. The pattern and every size below were measured in
SalesforceAIResearch/PretrainRL-pipeline (commit 9b5b65bf, read file by file); that repository has
no licence, so nothing of its text is here: instructions are our own prose cut to the measured
number of characters, demonstrations are documents of our corpora cut to the measured mean length.

Per document, one user message per call and no system message:

- FILTER: instruction, document, format. IDENTIFY, for a qualified one: the same with ten domains.
- per persona GENERATE: instruction, two demonstrations of the domain drawn anew for every persona
  (each a whole document, a persona, a question, an answer), document, persona, format;
  and CHECK: instruction, document, question, answer, format.

Replies are JSON objects whose first key is a ``thought``; its text is left empty here and counted
by whoever measures, since its length is an assumption.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webscale_dagster.stages.prompt import package_text

Row = dict[str, Any]

# Characters of fixed text before, between and after what is filled in.
INSTRUCTION = {
    "filter": (597, 265),
    "identify": (1119, 385),
    "generate": (1175, 143, 18, 310),  # before the demonstrations, document, persona; after them
    "check": (898, 24, 22, 379),  # before the document, question, answer; after them
}
SHOTS, SHOTS_FRAME, SHOT_FRAME = 2, 40, 80  # demonstrations; characters around all, around each
# Characters of a domain's library file and its demonstrations.
LIBRARY = {
    "Math": (9_156, 5),
    "Technology & Engineering": (41_178, 7),
    "Coding": (22_808, 4),
    "Social Science": (29_885, 7),
    "Natural Science": (41_812, 7),
    "Travel & Lifestyle": (17_516, 6),
    "Commerce & Economics": (35_936, 8),
    "Medicine & Health": (26_315, 7),
    "Education": (14_530, 5),
    "Other": (12_683, 7),
}
# Of a record: JSON keys and domain; question, answer and persona; the share that is no escape.
KEYS, ASIDE, UNESCAPED = 100, (190, 55, 20), 0.96
# The file of our corpora whose documents stand in for a library's, and our domains under theirs.
STAND_IN = {
    "Math": "math",
    "Technology & Engineering": "wikipedia",
    "Coding": "code_python",
    "Social Science": "wikipedia",
    "Natural Science": "textbooks_openstax",
    "Travel & Lifestyle": "travel",
    "Commerce & Economics": "textbooks_openstax",
    "Medicine & Health": "medicine",
    "Education": "textbooks_openstax",
    "Other": "wikipedia",
}
THEIRS = {
    "arts_literature": "Other",
    "coding": "Coding",
    "commerce": "Commerce & Economics",
    "finance": "Commerce & Economics",
    "geography_travel": "Travel & Lifestyle",
    "government_news": "Social Science",
    "history": "Social Science",
    "law": "Social Science",
    "lifestyle": "Travel & Lifestyle",
    "math": "Math",
    "medicine": "Medicine & Health",
    "natural_science": "Natural Science",
    "other": "Other",
    "social_science": "Social Science",
    "technology": "Technology & Engineering",
}
STAGES = ("filter", "identify", "generate", "check")


@dataclass(frozen=True)
class Call:
    """One request as it is sent, and its reply."""

    stage: str
    doc: str
    messages: tuple[Mapping[str, str], ...]
    reply: str
    schema: str = ""  # JSON schema that goes along beside the messages
    thoughts: int = 0  # texts of ``thought`` that the reply leaves empty


@dataclass(frozen=True)
class Decided:
    """What the stand-in decided about the documents."""

    documents: Sequence[Row]  # doc_id, title, text
    personas: Mapping[str, list[Row]] = field(default_factory=dict)  # by document; kept ones only
    pairs: Mapping[tuple[str, int], Row] = field(default_factory=dict)  # by document and persona


def filler(stage: str, part: int, length: int) -> str:
    """Prose of our own prompts of exactly so many characters, another beginning for each place."""
    names = ("verified_qa", "filtered_docs", "system", "qa_pairs")
    prose = " ".join(package_text(f"prompts/{name}.md").split("{%")[0] for name in names)
    start = 331 * (4 * STAGES.index(stage) + part) % len(prose)
    return (prose[start:] + prose * (length // len(prose) + 1))[:length]


def material(row: Row) -> str:
    """The document as both pipelines show it: its title is a part of it."""
    title = (row["title"] or "").strip()
    text: str = row["text"]
    return text if not title or text.startswith(title) else f"{title}\n\n{text}"


def libraries(texts: Mapping[str, Sequence[str]], seed: int) -> dict[str, list[str]]:
    """Demonstrations of every domain, of the measured number and mean length."""
    made = {}
    for domain, (characters, count) in LIBRARY.items():
        length = round(UNESCAPED * (characters / count - KEYS - sum(ASIDE)))
        long_enough = [text for text in texts[STAND_IN[domain]] if len(text) >= length]
        chosen = random.Random(f"{seed} {domain}").sample(long_enough, count)
        asides = [filler("generate", part, size) for part, size in enumerate(ASIDE)]
        frame = filler("check", 3, SHOT_FRAME - len(ASIDE) - 1)  # line ends follow
        made[domain] = ["\n".join([frame, text[:length], *asides]) for text in chosen]
    return made


def calls(decided: Decided, library: Mapping[str, Sequence[str]], seed: int) -> Iterator[Call]:
    """The calls about every document, in the order in which a worker sends them."""
    for row in decided.documents:
        doc, text = row["doc_id"], material(row)
        kept = decided.personas.get(doc, [])
        verdict = {"thought": "", "qualified": "Y" if kept else "N"}
        yield _call("filter", doc, [text], verdict)
        if not kept:
            continue
        domain = THEIRS[kept[0]["domain"]]
        audience = [_audience(each["persona"]) for each in kept]
        found = {"thought": "", "domain": domain, "persona": ", ".join(audience)}
        yield _call("identify", doc, [text], found)
        for each, name in zip(kept, audience, strict=True):
            rng = random.Random(f"{seed} {doc} {each['persona_index']}")
            shots = rng.sample(library[domain], SHOTS)
            pair = decided.pairs.get((doc, each["persona_index"]))
            yield from _pair_calls(doc, text, name, shots, pair)


def _pair_calls(
    doc: str, text: str, persona: str, shots: list[str], pair: Row | None
) -> Iterator[Call]:
    """GENERATE, and CHECK where a pair was written."""
    question, answer = (pair["question"], pair["answer"]) if pair else ("", "")
    shown = "".join([filler("generate", 3, SHOTS_FRAME), *shots])
    written = {"thought": "", "question": question, "answer": answer}
    yield _call("generate", doc, [shown, text, persona], written)
    if pair:
        verdict = {"has_context": "Y", "answer_correctness": "Y", "info_leakage": "N"}
        yield _call("check", doc, [text, question, answer], {"thought": "", **verdict})


def _audience(persona: str) -> str:
    """A persona as short as the official ones: a name of a group of people."""
    return persona.split(" who ")[0].split(" that ")[0].strip(" .").replace(",", "")


def _call(stage: str, doc: str, filled: Sequence[str], reply: Mapping[str, str]) -> Call:
    fixed = [filler(stage, part, size) for part, size in enumerate(INSTRUCTION[stage])]
    content = "".join(said + text for said, text in zip(fixed[:-1], filled, strict=True))
    message = {"role": "user", "content": content + fixed[-1]}
    return Call(stage, doc, (message,), json.dumps(reply, ensure_ascii=False), thoughts=1)
