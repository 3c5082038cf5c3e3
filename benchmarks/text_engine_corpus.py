"""Makes the documents that ``text_engine.py`` measures on, and what is true of them.

A document is two to eight paragraphs drawn from real documents (or, without any, from the
package's samples and generated prose), about 2 KB. A fifth are copies of an earlier one: 20 %
exact, 15 % in a page's boilerplate, 65 % with 0.5 to 8 % of the words edited. All by one seed.
Makes frames: id, text, original (the copied document's number, else null); reads the folders it is
given.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

import polars as pl

from webscale_dagster.readers import read_benchmarks, read_objects
from webscale_dagster.text.planted import COPIES, edit

SEED = 17
_COPIES = 0.2
_EXACT, _WRAPPED = 0.2, 0.35  # of the copies: exact up to the first, wrapped up to the second
_BLANK = re.compile(r"\n\s*\n")
_PARAGRAPH = (120, 1_200)  # characters
_LEAKED, _DIRTY = 0.06, 0.4
_PUNCTUATION = re.compile(r"[^\w\s]")


def paragraphs(folder: Path | None) -> list[str]:
    """Distinct English paragraphs of the folder's ``.jsonl.zst`` files, or of what is at hand."""
    found: dict[str, None] = {}
    for text in _texts(folder):
        for part in _BLANK.split(text):
            part = part.strip()
            if _PARAGRAPH[0] <= len(part) <= _PARAGRAPH[1] and " " in part and part[0].isalpha():
                found[part] = None
    if folder is None:
        found |= dict.fromkeys(_generated(50_000))
    return list(found)


def _texts(folder: Path | None) -> Iterator[str]:
    samples = Path(str(resources.files("webscale_dagster") / "samples"))
    files = sorted(folder.glob("*.jsonl.zst")) if folder else sorted(samples.glob("*.jsonl"))
    for path in files:
        if path.name.startswith(("code_", "web_raw")):  # source code and menus are no paragraphs
            continue
        for _, record in read_objects(path):
            if record.get("text") and record.get("lang", "en") == "en":
                yield str(record["text"])


def _generated(n: int) -> Iterator[str]:
    """Prose of made-up words, some much more frequent than others."""
    draw = random.Random(SEED)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(8_000)]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    for _ in range(n):
        tokens = draw.choices(words, cum_weights=weights, k=draw.randint(25, 110))
        sentences = [tokens[at : at + 14] for at in range(0, len(tokens), 14)]
        yield " ".join(f"{' '.join(part).capitalize()}." for part in sentences)


def documents(pool: Sequence[str], n: int) -> pl.DataFrame:
    """``n`` documents; the first ones of a larger corpus are the smaller corpus."""
    draw = random.Random(SEED)
    texts: list[str] = []
    originals: list[int | None] = []
    for index in range(n):
        if index and draw.random() < _COPIES:
            source = draw.randrange(index)
            known = originals[source]
            source = source if known is None else known
            originals.append(source)
            texts.append(_copy(texts[source], draw))
        else:
            originals.append(None)
            texts.append("\n\n".join(draw.choices(pool, k=draw.randint(2, 8))))
    ids = [str(index) for index in range(n)]
    return pl.DataFrame({"id": ids, "text": texts, "original": originals})


def _copy(text: str, draw: random.Random) -> str:
    kind = draw.random()
    if kind < _EXACT:
        return text
    if kind < _WRAPPED:
        return COPIES["boilerplate_wrap"](text, draw)
    return edit(text, draw.uniform(0.005, 0.08), draw)


def dirtied(frame: pl.DataFrame) -> pl.DataFrame:
    """Two fifths of the documents made into what quality rules are there for."""
    draw = random.Random(SEED)
    texts = [_dirty(t, draw) if draw.random() < _DIRTY else t for t in frame["text"]]
    return frame.with_columns(pl.Series("text", texts))


def _dirty(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    longest = max(lines, key=len)
    return draw.choice(
        (
            "\n".join([*lines, *[longest] * 4]),
            "\n".join(f"- {line}" for line in lines if line),
            _PUNCTUATION.sub("", text),
            "\n".join(f"{line[:60]}..." for line in lines if line),
            f"{text}\nLorem ipsum dolor sit amet.",
            f"{text}\nfunction () {{ return }}",
            "# ".join(text.split(" ")),
            "\n".join(text.split(" ")),
        )
    )


def leaked(frame: pl.DataFrame, asked: Sequence[str]) -> pl.DataFrame:
    """A question in 6 % of the documents (column ``leak``): in capitals, bare, or most of it."""
    draw = random.Random(SEED)
    texts, kinds = [], []
    for text in frame["text"]:
        kind = draw.choice(("capitals", "no_punctuation", "part"))
        kinds.append(kind if draw.random() < _LEAKED else None)
        if kinds[-1]:
            half = len(text) // 2
            text = f"{text[:half]}\n{_disguised(draw.choice(asked), kind)}\n{text[half:]}"
        texts.append(text)
    return frame.with_columns(pl.Series("text", texts), pl.Series("leak", kinds, pl.String))


def _disguised(question: str, kind: str) -> str:
    tokens = question.split()
    if kind == "part":
        return " ".join(tokens[: -(-len(tokens) * 17 // 20)])
    return question.upper() if kind == "capitals" else _PUNCTUATION.sub("", question)


def questions(folder: Path | None) -> pl.DataFrame:
    """4,000 GSM8K questions of a folder of benchmarks; without it, as many that are made up."""
    files = sorted(folder.glob("gsm8k*")) if folder else []
    if files:
        found = read_benchmarks(files).filter(pl.col("n_words") >= 16)
        return found.sample(min(found.height, 4_000), seed=SEED)
    made = itertools.islice(_generated(9_000), 4_000)
    asked = [f"{' '.join(text.split()[:40])}?" for text in made]
    return pl.DataFrame({"question": asked}).select(
        benchmark=pl.lit("made_up"),
        benchmark_id=pl.int_range(pl.len()).cast(pl.String),
        question="question",
        answer=pl.lit("1"),
        context=pl.lit(None, pl.String),
        n_words=pl.lit(40, pl.Int64),
    )


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of five words, by the definition and without the engine's own words."""
    tokens = re.findall(r"\w+", text.lower())
    return set(zip(*(tokens[at:] for at in range(5)), strict=False)) or {tuple(tokens)}


def jaccard(one: str, other: str) -> float:
    """Exact Jaccard of two texts."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def true_pairs(frame: pl.DataFrame, least: float) -> set[tuple[int, int]]:
    """Planted pairs (document and copy, copies of one document) of at least this Jaccard."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, original in enumerate(frame["original"]):
        groups[index if original is None else original].append(index)
    sets = {i: shingles(frame["text"][i]) for g in groups.values() if len(g) > 1 for i in g}
    pairs = (pair for group in groups.values() for pair in itertools.combinations(group, 2))
    return {(a, b) for a, b in pairs if _similar(sets[a], sets[b]) >= least}


def every_pair(texts: Iterable[str], least: float) -> set[tuple[int, int]]:
    """All pairs of at least this Jaccard: everything is compared with everything."""
    sets = [shingles(text) for text in texts]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    common: Counter[tuple[int, int]] = Counter()
    for index, members in enumerate(sets):
        for member in members:
            common.update((other, index) for other in holders[member])
            holders[member].append(index)
    return {(a, b) for a, b in common if _similar(sets[a], sets[b]) >= least}


def _similar(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)
