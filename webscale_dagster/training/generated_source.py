"""A generated source for small experiments: a made-up valley, told in short English documents.

    {"id": "valley-0006", "title": "The mill of Orvane and two others",
     "text": "The mill of Orvane was opened in 1710. A tour of the inn of Tilsec takes …"}

A house is a kind of building in a town. Its year, stone and share of children follow its town, its
builder, height and tour its kind, its price follows both, and only its rooms are its own. So most
questions about what was held out can be answered by a rule, by a model that has found it.

Three documents tell of the same three houses. A fact stands in one document only, so that splits by
document share none; and one fact of each house is told as a question with its answer: a model meets
the form there, and no question of the dataset.

Makes records, and every question with its answer, all decided by the seed; writes a JSONL file;
reads nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

_TOWN_NAMES = (
    "Orvane Tilsec Marwen Quelby Dosran Felmar Hundry Jaskel Lorvin Nemby Padrel Rusko Sandru "
    "Tolvey Umbrel"
)
_KIND_NAMES = (
    "mill tower school library inn bakery museum theatre castle chapel brewery palace abbey "
    "workshop forge barn manor tavern cottage gallery"
)
_TOWNS, _KINDS = _TOWN_NAMES.split(), _KIND_NAMES.split()
_FIRST_NAMES = ["Mira", "Tomas", "Bela", "Anna", "Ruben", "Petra"]
_LAST_NAMES = ["Oldan", "Wender", "Corin", "Perrin", "Hallow", "Sterk"]
_STONES = ["redrock", "greystone", "whitestone", "blackslate", "sandrock", "bluestone"]
_REMARKS = (  # true, and nothing that could be asked after
    "Guides in the valley tell such facts to every visitor.",
    "All public houses of a town were finished together.",
    "One builder drew every house of the same kind in the valley.",
    "People of the valley like to compare their houses.",
    "Every town in the valley cuts stone on its own hill.",
    "Tours through houses of the same kind are equally long.",
    "Larger houses are not always more expensive to visit.",
)
_GROUP = 3  # houses that are told of together, in as many documents
MOST_DOCUMENTS = len(_KINDS) * len(_TOWNS)

# What is told, in two ways each, and the question that the extractive writer makes of the sentence.
_TOLD = (
    ("year", "The {house} was opened in {value}.", "In what year was the {house} opened?"),
    ("year", "The {house} opened in {value}.", "In what year did the {house} open?"),
    ("builder", "The {house} was designed by {value}.", "Who designed the {house}?"),
    ("builder", "The {house} was built by {value}.", "Who built the {house}?"),
    (
        "price",
        "A visit to the {house} costs {value}.",
        "How much money does a visit to the {house} cost?",
    ),
    (
        "price",
        "A ticket for the {house} costs {value}.",
        "How much money does a ticket for the {house} cost?",
    ),
    ("height", "The {house} is {value} tall.", "How tall is the {house}?"),
    ("height", "The {house} has a height of {value}.", "What is the height of the {house}?"),
    ("rooms", "The {house} has {value} rooms.", "How many rooms does the {house} have?"),
    ("rooms", "The {house} contains {value} rooms.", "How many rooms does the {house} contain?"),
    (
        "children",
        "About {value} of the visitors to the {house} are children.",
        "About what percentage of the visitors to the {house} are children?",
    ),
    (
        "children",
        "About {value} of the guests of the {house} are children.",
        "About what percentage of the guests of the {house} are children?",
    ),
    (
        "tour",
        "A tour of the {house} takes {value}.",
        "How many minutes does a tour of the {house} take?",
    ),
    (
        "tour",
        "A tour of the {house} lasts {value}.",
        "How many minutes does a tour of the {house} last?",
    ),
    (
        "stone",
        "The stone in the walls of the {house} is called {value}.",
        "What is the stone in the walls of the {house} called?",
    ),
    (
        "stone",
        "The {house} stands on a rock called {value}.",
        "What is the name of the rock that the {house} stands on?",
    ),
)
_ATTRIBUTES = list(dict.fromkeys(name for name, _, _ in _TOLD))
_WAYS = {name: [way for key, *way in _TOLD if key == name] for name in _ATTRIBUTES}


@dataclass(frozen=True)
class House:
    """A kind of building in a town: there is one of each."""

    kind: str
    town: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.town}"


class Valley:
    """The world of a seed."""

    def __init__(self, seed: int) -> None:
        """Draws what towns and kinds decide."""
        rng = random.Random(f"{seed}/valley")
        people = [f"{first} {last}" for first, last in product(_FIRST_NAMES, _LAST_NAMES)]
        years = rng.sample(range(1600, 1900, 10), len(_TOWNS))
        self._seed = seed
        self._year = dict(zip(_TOWNS, years, strict=True))
        self._stone = {town: rng.choice(_STONES) for town in _TOWNS}
        self._children = {town: 10 * rng.randint(1, 6) for town in _TOWNS}
        self._toll = {town: rng.randint(0, 2) for town in _TOWNS}
        self._builder = dict(zip(_KINDS, rng.sample(people, len(_KINDS)), strict=True))
        self._height = {kind: 5 * rng.randint(2, 9) for kind in _KINDS}
        self._tour = {kind: 10 * rng.randint(2, 9) for kind in _KINDS}
        self._price = {kind: rng.randint(2, 9) for kind in _KINDS}

    def facts(self, house: House) -> dict[str, str]:
        """Everything that is told of a house, as every document states it."""
        kind, town = house.kind, house.town
        rooms = random.Random(f"{self._seed}/{house}").randrange(6, 20, 2)
        return {
            "year": str(self._year[town]),
            "builder": self._builder[kind],
            "price": f"${self._price[kind] + self._toll[town]}",
            "height": f"{self._height[kind]} metres",
            "rooms": str(rooms),
            "children": f"{self._children[town]} percent",
            "tour": f"{self._tour[kind]} minutes",
            "stone": self._stone[town],
        }


def answers(seed: int) -> dict[str, str]:
    """Every question that can be asked of the valley, and its answer."""
    valley = Valley(seed)
    return {
        question.format(house=house): valley.facts(house)[name]
        for house in _houses(seed)
        for name, _, question in _TOLD
    }


def _houses(seed: int) -> list[House]:
    """All houses, in the order in which documents tell of them."""
    houses = [House(kind, town) for kind, town in product(_KINDS, _TOWNS)]
    random.Random(f"{seed}/houses").shuffle(houses)
    return houses


def records(documents: int, seed: int) -> Iterator[dict[str, str]]:
    """So many records; raises ValueError where the valley has not enough houses for them."""
    if documents > MOST_DOCUMENTS:
        raise ValueError(f"{documents} documents: the valley has houses for {MOST_DOCUMENTS}")
    valley, houses = Valley(seed), _houses(seed)
    for first in range(0, documents, _GROUP):
        told = houses[first : first + _GROUP]
        texts = _texts(told, valley, random.Random(f"{seed}/{first}"))
        for place, text in enumerate(texts[: documents - first]):
            title = f"The {told[place]} and two others"
            yield {"id": f"valley-{first + place:04}", "title": title, "text": text}


def _texts(told: Sequence[House], valley: Valley, rng: random.Random) -> list[str]:
    """The documents of a group of houses.

    One tells an attribute of a single house only, and asks about the house that it says least of:
    what repeats its phrases is filtered out.
    """
    quiz = {house: rng.choice(_ATTRIBUTES) for house in told}
    order = rng.sample(_ATTRIBUTES, len(_ATTRIBUTES))
    texts = []
    for place in range(_GROUP):
        said = rng.sample(_REMARKS, 2)
        for at, name in enumerate(order, start=place):
            house = told[at % _GROUP]
            if name != quiz[house]:
                sentence, _ = rng.choice(_WAYS[name])
                said.append(sentence.format(house=house, value=valley.facts(house)[name]))
        rng.shuffle(said)
        least = told[(place + len(order)) % _GROUP]
        _, question = rng.choice(_WAYS[quiz[least]])
        asked, answer = question.format(house=least), valley.facts(least)[quiz[least]]
        texts.append(f"{' '.join(said)}\n\n{asked}\nAnswer: {answer}")
    return texts


def write_generated_source(path: Path, documents: int, seed: int) -> None:
    """Write so many documents as JSONL; the same arguments give the same bytes."""
    lines = [json.dumps(record, ensure_ascii=False) for record in records(documents, seed)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
