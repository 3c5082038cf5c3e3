"""Pass rates of a policy: what is asked, what counts, what it costs, which band follows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.llm.fakes import CHOICE, SHARD, Fake
from tests.stages.test_prompts import INJECTIONS, MARKUP
from webscale_dagster.contracts import audit
from webscale_dagster.llm.client import JournaledModel, Unanswered
from webscale_dagster.llm.extractive import Extractive
from webscale_dagster.llm.journal import Completion, Journal
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import Difficulty, Recipe, RlSplits, parse_recipe
from webscale_dagster.stages import STAGES, Context, Reply, Request, Result, code_version
from webscale_dagster.stages.difficulty import band
from webscale_dagster.stages.prompt import package_text
from webscale_dagster.tables import TABLES

STAGE = STAGES["difficulty"]
TEXT = "The Danube is 2,850 kilometres long. It rises in the Black Forest of Germany."
PAIR = {
    "question": "How many kilometres long is the Danube?",
    "answer": "2,850",
    "answer_type": "number",
    "verifier_options": "{}",
}
RIGHT, WRONG, SILENT = "Answer: 2850", "Answer: 1,234", "I do not know that."


class Policy:
    """A model that says what a function makes of each request."""

    name, verifies = "policy", True

    def __init__(self, says: Callable[[Request], str | Reply]) -> None:
        self._says = says
        self.requests: list[Request] = []

    def ask(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            self.requests.append(request)
            said = self._says(request)
            yield said if isinstance(said, Reply) else Reply(said, said)


def _frames(*pairs: dict[str, Any], text: str = TEXT) -> dict[str, pl.DataFrame]:
    wanted = TABLES["decontaminated_set"].schema
    rows = [
        {name: None for name in wanted} | PAIR | {"qa_id": f"q{n}", "doc_id": "d", "shard": SHARD}
        for n in range(len(pairs))
    ]
    given = [row | pair for row, pair in zip(rows, pairs, strict=True)]
    document = {name: None for name in TABLES["filtered_docs"].schema}
    document |= {"doc_id": "d", "shard": SHARD, "text": text, "title": "Danube"}
    return {
        "decontaminated_set": pl.DataFrame(given, schema=wanted),
        "filtered_docs": pl.DataFrame([document], schema=TABLES["filtered_docs"].schema),
    }


def _recipe(samples: int = 4, **settings: Any) -> Recipe:
    return Recipe(model=CHOICE, difficulty=Difficulty(samples=samples, **settings))


def _run(says: Callable[[Request], str | Reply], recipe: Recipe, *pairs: dict[str, Any]) -> Result:
    return STAGE.run(_frames(*(pairs or ({},))), Context(recipe, SHARD, Policy(says)))


def _script(closed: list[Any], opened: list[Any]) -> Callable[[Request], str | Reply]:
    """What is said to each sample, in order."""

    def say(request: Request) -> str | Reply:
        _, book, index = request.row_id.split("/")
        found: str | Reply = (closed if book == "closed" else opened)[int(index)]
        return found

    return say


LOST = Reply("", problem="no_answer", error="HTTP 500 (5 tries)")


@pytest.mark.parametrize(
    ("closed", "opened", "rates", "found"),
    [
        ([RIGHT] * 4, [RIGHT] * 4, (1.0, 1.0), "trivial"),
        ([RIGHT, WRONG, WRONG, WRONG], [RIGHT] * 4, (0.25, 1.0), "learnable"),
        ([RIGHT, SILENT, WRONG, RIGHT], [RIGHT, WRONG] * 2, (0.5, 0.5), "learnable"),
        ([WRONG] * 4, [RIGHT, WRONG, WRONG, SILENT], (0.0, 0.25), "hard"),
        ([WRONG] * 4, [SILENT] * 4, (0.0, 0.0), "broken"),
        ([RIGHT, WRONG, WRONG, WRONG], [WRONG] * 4, (0.25, 0.0), "broken"),
        ([RIGHT, WRONG, LOST, LOST], [RIGHT, LOST, LOST, LOST], (0.5, 1.0), "learnable"),
        ([LOST] * 4, [RIGHT] * 4, (None, 1.0), None),
        ([WRONG] * 4, [LOST] * 4, (0.0, None), None),
        ([LOST] * 4, [LOST] * 4, (None, None), None),
    ],
)
def test_rates_are_over_samples_with_a_verdict(
    closed: list[Any], opened: list[Any], rates: tuple[float, float], found: str | None
) -> None:
    result = _run(_script(closed, opened), _recipe())
    (row,) = result.kept.to_dicts()
    assert (row["closed_book_rate"], row["open_book_rate"]) == rates
    assert row["band"] == found
    lost = Counter(closed)[LOST], Counter(opened)[LOST]
    assert (row["n_closed"], row["n_open"]) == (4 - lost[0], 4 - lost[1])
    assert row["n_without_verdict"] == sum(lost)
    assert (row["policy"], row["samples"], row["doc_id"]) == ("policy", 4, "d")
    assert result.rejects.is_empty()


@pytest.mark.parametrize("closed", [None, 0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("opened", [None, 0.0, 0.1, 0.5, 1.0])
def test_the_contract_finds_the_same_band(closed: float | None, opened: float | None) -> None:
    for settings in (Difficulty(), Difficulty(trivial_from=0.5, broken_to=0.1)):
        row = {
            "qa_id": "q",
            "closed_book_rate": closed,
            "open_book_rate": opened,
            "n_closed": 0 if closed is None else 10,
            "n_open": 0 if opened is None else 10,
            "samples": 10,
            "n_without_verdict": 10 * ((closed is None) + (opened is None)),
            "policy": "p",
            "band": band(closed, opened, settings),
        }
        schema = TABLES["difficulty"].schema
        frame = pl.DataFrame([{n: row.get(n) for n in schema}], schema=schema)
        recipe = Recipe(difficulty=settings)
        assert audit("difficulty", frame, TABLES["rejects"].empty(), None, recipe).passed


@pytest.mark.parametrize(
    ("closed", "opened", "found"),
    [
        (0.5, 1.0, "trivial"),
        (0.4, 1.0, "learnable"),
        (0.0, 0.2, "hard"),
        (0.0, 0.1, "broken"),
        (None, 0.1, "broken"),
        (0.4, None, "learnable"),
    ],
)
def test_thresholds_move_the_bands(closed: float | None, opened: float | None, found: str) -> None:
    assert band(closed, opened, Difficulty(trivial_from=0.5, broken_to=0.1)) == found


def test_a_verifier_that_fails_says_nothing_about_the_answer() -> None:
    broken = {"verifier_options": '{"tolerance": "much"}'}
    result = _run(lambda request: WRONG, _recipe(2), broken, {})
    rows = result.kept.select("closed_book_rate", "n_closed", "n_without_verdict").rows()
    assert rows == [(None, 0, 4), (0.0, 2, 0)]
    samples = result.beside["policy_samples"]
    assert samples.filter(pl.col("qa_id") == "q0")["outcome"].to_list() == ["error"] * 4
    assert samples.filter(pl.col("qa_id") == "q0")["score"].to_list() == [None] * 4
    assert samples.filter(pl.col("qa_id") == "q1")["score"].to_list() == [0.0] * 4


def test_every_sample_is_kept_with_its_outcome() -> None:
    result = _run(_script([RIGHT, SILENT], [WRONG, LOST]), _recipe(2))
    columns = ("qa_id", "shard", "book", "sample", "policy", "response", "outcome", "score")
    assert result.beside["policy_samples"].select(columns).rows() == [
        ("q0", SHARD, "closed", 0, "policy", RIGHT, "correct", 1.0),
        ("q0", SHARD, "closed", 1, "policy", SILENT, "unparseable", 0.0),
        ("q0", SHARD, "open", 0, "policy", WRONG, "wrong", 0.0),
        ("q0", SHARD, "open", 1, "policy", "", None, None),
    ]
    assert "HTTP 500" in result.beside["policy_samples"]["reason"][3]


# -- what is asked ---------------------------------------------------------------------------------


def _asked(recipe: Recipe, *pairs: dict[str, Any], text: str = TEXT) -> list[Request]:
    policy = Policy(lambda request: RIGHT)
    STAGE.run(_frames(*(pairs or ({},)), text=text), Context(recipe, SHARD, policy))
    return policy.requests


@pytest.mark.parametrize("system", ["", "You are a careful student."])
def test_the_closed_book_is_the_prompt_of_the_example(system: str) -> None:
    rl = RlSplits(system_prompt=system, answer_instruction="End with: Answer: <answer>")
    recipe = _recipe(1).model_copy(update={"rl_splits": rl})
    closed, opened = _asked(recipe)
    pairs = _frames({})["decontaminated_set"]
    frames = {
        "decontaminated_set": pairs,
        "difficulty": TABLES["difficulty"].empty(),
        "relatives": TABLES["relatives"].empty(),
        "raw_corpus": TABLES["raw_corpus"].empty(),
    }
    (example,) = STAGES["rl_splits"].run(frames, Context(recipe)).kept.to_dicts()
    assert json.loads(example["prompt"]) == list(closed.messages)
    assert TEXT not in closed.messages[-1]["content"]
    assert [message["role"] for message in opened.messages] == ["system", "user"]
    assert opened.messages[0]["content"].startswith(system or "The user's message begins")
    document = f"<document>\nDanube\n\n{TEXT}\n</document>"
    assert opened.messages[1]["content"] == f"{document}\n\n{closed.messages[-1]['content']}"


def test_samples_differ_in_their_seed_and_share_their_prefix() -> None:
    requests = _asked(_recipe(3, temperature=0.6, max_tokens=99), {}, {"question": "And now?"})
    assert [request.row_id for request in requests] == [
        f"{qa_id}/{book}/{n}" for qa_id in ("q0", "q1") for book in ("closed", "open")
        for n in range(3)
    ]  # fmt: skip
    assert [request.seed for request in requests] == [17, 18, 19] * 4
    assert {(r.temperature, r.max_tokens, r.reply) for r in requests} == {(0.6, 99, None)}
    assert len({json.dumps(request.messages) for request in requests}) == 4
    assert len({request.prompt_version for request in requests}) == 1


@pytest.mark.parametrize("kind", INJECTIONS)
def test_instructions_in_a_document_stay_data(kind: str) -> None:
    (closed, opened) = _asked(_recipe(1), text=f"Facts. {INJECTIONS[kind]} More.")
    system, user = (message["content"] for message in opened.messages)
    assert system == package_text("prompts/difficulty.md").strip()
    assert user.count("<document>") == user.count("</document>") == 1
    inside, _, question = user.removeprefix("<document>").partition("</document>")
    assert MARKUP.findall(inside) == []
    assert question.strip() == closed.messages[-1]["content"]


def test_switched_off_it_makes_every_row_and_asks_nobody() -> None:
    for model in (None, Policy(lambda request: RIGHT)):
        result = STAGE.run(_frames({}, {}), Context(Recipe(), SHARD, model))
        assert result.kept["qa_id"].to_list() == ["q0", "q1"]
        assert result.kept["samples"].to_list() == [0, 0]
        for name in ("closed_book_rate", "open_book_rate", "band", "policy"):
            assert result.kept[name].null_count() == 2
        assert (
            result.kept.select("n_closed", "n_open", "n_without_verdict").rows() == [(0,) * 3] * 2
        )
        assert result.beside["policy_samples"].is_empty()
        assert model is None or model.requests == []


def test_a_shard_without_pairs_asks_nobody() -> None:
    frames = _frames({})
    empty = {**frames, "decontaminated_set": frames["decontaminated_set"].clear()}
    assert STAGE.run(empty, Context(_recipe(), SHARD, Policy(str))).kept.is_empty()


# -- what it costs ---------------------------------------------------------------------------------


def _answered(request: Request) -> Completion:
    said = RIGHT if request.seed % 2 else WRONG
    return Completion(f"{said} ({request.seed})", 9, 3, model="tiny")


def _paid(folder: Path, recipe: Recipe, fake: Fake, *pairs: dict[str, Any]) -> Result:
    """The stage with the real client and its journal."""
    choice = recipe.model_of("difficulty")
    with Journal(folder, "difficulty", SHARD) as journal:
        model = JournaledModel(choice, fake, journal)
        return STAGE.run(_frames(*(pairs or ({},))), Context(recipe, SHARD, model))


def test_more_samples_cost_only_the_new_ones(tmp_path: Path) -> None:
    fake = Fake(_answered)
    few = _paid(tmp_path, _recipe(4), fake, {}, {"question": "How long is it?"})
    assert len(fake.asked) == 16
    fake.asked.clear()
    many = _paid(tmp_path, _recipe(8), fake, {}, {"question": "How long is it?"})
    assert sorted({request.seed for request in fake.asked}) == [21, 22, 23, 24]
    assert len(fake.asked) == 16
    first = many.beside["policy_samples"].filter(pl.col("sample") < 4)
    assert first.equals(few.beside["policy_samples"])
    assert few.kept["closed_book_rate"].to_list() == many.kept["closed_book_rate"].to_list()
    fake.asked.clear()
    _paid(tmp_path, _recipe(4), fake, {}, {"question": "How long is it?"})
    assert fake.asked == []


def test_a_newer_policy_costs_only_its_own_samples(tmp_path: Path) -> None:
    fake = Fake(_answered)
    newer = CHOICE.model_copy(update={"name": "tiny-step-200"})
    old = _recipe(2)
    new = old.model_copy(
        update={
            "models": {"policy": newer},
            "difficulty": old.difficulty.model_copy(update={"model": "policy"}),
        }
    )
    asked = []
    for recipe in (old, new, old, new):
        before = len(fake.asked)
        result = _paid(tmp_path, recipe, fake)
        asked.append(len(fake.asked) - before)
        assert result.kept["policy"].to_list() == [recipe.model_of("difficulty").name]
    assert asked == [4, 4, 0, 0]


@pytest.mark.parametrize(
    ("completion", "outcome"),
    [
        (Completion("The Danube flows and flows", finish_reason="length"), "unparseable"),
        (Completion("So: 2,850", finish_reason="length"), "correct"),
        (Completion("", finish_reason="length"), "unparseable"),
        (Completion("I cannot help with that.", finish_reason="refusal"), "unparseable"),
        (Completion("", finish_reason="content_filter"), "unparseable"),
        (Completion("<think>\nLong. Answer: 2,850", finish_reason="length"), "unparseable"),
        (Completion("<think>Long.</think>\nAnswer: **2,850** km"), "correct"),
        (Completion('{"answer": "2,85'), "wrong"),
        (Completion(" \n"), None),
        (Unanswered("bad_request", "HTTP 400: too long"), None),
    ],
)
def test_an_answer_counts_however_it_ends_and_is_asked_for_once(
    tmp_path: Path, completion: Completion | Unanswered, outcome: str | None
) -> None:
    fake = Fake(lambda request: completion)
    result = _paid(tmp_path, _recipe(1), fake)
    assert len(fake.asked) == 2
    assert result.beside["policy_samples"]["outcome"].to_list() == [outcome] * 2
    assert result.kept["n_without_verdict"].to_list() == [0 if outcome else 2]


# -- the recipe ------------------------------------------------------------------------------------

SERVER = '[model]\nbackend = "server"\nname = "m"\nendpoints = ["http://127.0.0.1:1/v1"]\n'
ON = "[difficulty]\nsamples = 4\n"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (ON, "difficulty.samples needs a policy"),
        (SERVER + "[models.rules]\n" + ON + 'model = "rules"', "difficulty.samples needs a policy"),
        (SERVER + ON + 'model = "polcy"', "no [models.polcy]"),
        (SERVER + ON + "temperature = 0.0", "samples of temperature 0 are alike"),
        (SERVER + ON + "trivial_from = 0.0", "difficulty.trivial_from"),
        (SERVER + "[difficulty]\nsamples = -1", "difficulty.samples"),
        (SERVER + ON + '[rl_splits]\nbands = ["easy"]', "rl_splits.bands"),
        (SERVER + '[rl_splits]\nbands = ["hard"]', "rl_splits.bands needs pass rates"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(toml: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"my\.toml") as caught:
        parse_recipe(toml, "my.toml")
    assert said in str(caught.value)


def test_the_policy_may_be_the_only_model() -> None:
    recipe = parse_recipe('[models.p]\nbackend = "vllm"\nname = "q"\n' + ON + 'model = "p"', "r")
    assert recipe.model_of("difficulty").name == "q"
    assert recipe.model_of("qa_pairs") == ModelChoice()


def test_rules_have_no_answer_to_a_question(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, "difficulty", SHARD) as journal,
        pytest.raises(ValueError, match="cannot answer stage 'difficulty'"),
    ):
        model = JournaledModel(ModelChoice(), Extractive(), journal)
        STAGE.run(_frames({}), Context(_recipe(1), SHARD, model))


def test_what_decides_the_answers_makes_it_stale_and_no_more() -> None:
    def version(**fields: Any) -> str:
        return code_version(STAGE, Recipe.model_validate(_recipe().model_dump() | fields))

    same = version()
    assert version(rl_splits={"sft": 0.2, "bands": ["hard"]}) == same
    assert version(rl_splits={"answer_instruction": "Be brief."}) != same
    assert version(rl_splits={"system_prompt": "You are a pupil."}) != same
    assert version(difficulty={"samples": 5}) != same
    assert version(seed=18) != same
