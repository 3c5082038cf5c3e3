"""What a run would cost: the first stage exactly, what follows within its bounds, nothing twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.llm.fakes import SHARD, Fake
from tests.test_walk import COPPER, DANUBE, MENU
from webscale_dagster.estimate import ASSUMED, REPLY_TOKENS, Estimate, StageCost, estimate
from webscale_dagster.ingest import ingest_source
from webscale_dagster.llm import backends, extractive
from webscale_dagster.llm.journal import Completion
from webscale_dagster.models import Price
from webscale_dagster.recipe import ASKING
from webscale_dagster.sources import write_source
from webscale_dagster.stages.protocol import Request
from webscale_dagster.walk import GENERATE, INGEST, Walk

PRICE = Price(tokens_in=1.0, tokens_out=10.0)
RECIPE = """
annotate = "{annotate}"
[model]
backend = "server"
name = "tiny"
endpoints = ["http://127.0.0.1:1/v1"]
tokenizer = "{tokenizer}"
price = {{tokens_in = 1.0, tokens_out = 10.0}}
[qa_pairs]
max_tokens = 300
{more}
"""
SAMPLED = "[difficulty]\nsamples = 3\n"
FREE = "[filtered_docs]\nask_model = false\n[models.rules]\n[personas]\nmodel = 'rules'\n"
TEXTS = (DANUBE, COPPER, DANUBE.replace("Danube", "Sava"), MENU)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token for every word and sign."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    made = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


def _answer(asked: Request) -> Completion:
    """By rules; of pairs, that all is well with them."""
    if asked.stage == "verified_qa":
        assert asked.reply is not None
        count = asked.reply.model_json_schema()["properties"]["verdicts"]["minItems"]
        said = {"reason": "", "correct": True, "self_contained": True, "unique": True}
        verdicts = [said | {"pair": n, "leaks": False} for n in range(count)]
        text = json.dumps({"verdicts": verdicts})
    elif asked.reply is None:  # of a policy
        text = "Answer: I do not know"
    else:
        text = extractive.answer(asked)
    return Completion(text, 100, 50, model="tiny")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Whoever is asked in this test."""
    made = Fake(_answer)
    monkeypatch.setattr(backends, "open_backend", lambda *given: made)
    return made


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose free assets are up to date."""
    home = tmp_path_factory.mktemp("ingested") / "home"
    (home / "corpus").mkdir(parents=True)
    lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(TEXTS)]
    (home / "corpus" / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WEBSCALE_HOME", str(home))
        for name in ("WEBSCALE_LAKE", "WEBSCALE_RECIPE", "WEBSCALE_BENCHMARKS"):
            patched.delenv(name, raising=False)
        walk = Walk.at_home()
        ingest_source(walk, write_source(str(home / "corpus"), home / "sources", {}, "s"))
        walk.make("benchmarks")
        for stage in INGEST:
            walk.make(stage, SHARD)
    return home


@pytest.fixture
def walk(home: Path, ingested: Path, tokenizer: Path, request: pytest.FixtureRequest) -> Walk:
    """The walk of a home of its own; parameters are fields of its recipe."""
    shutil.copytree(ingested, home)
    given = {"annotate": "separate", "more": "", "tokenizer": tokenizer}
    given |= getattr(request, "param", {})
    (home / "recipe.toml").write_text(RECIPE.format(**given))
    return Walk.at_home()


def _estimate(walk: Walk) -> tuple[Estimate, dict[str, StageCost]]:
    found = estimate(walk, [SHARD], ASKING)
    return found, {cost.stage: cost for cost in found.stages}


def _tokens(tokenizer: Path, requests: list[Request]) -> int:
    from webscale_dagster.llm.tokens import count_tokens
    from webscale_dagster.models import ModelChoice

    choice = ModelChoice(backend="vllm", name="x", tokenizer=str(tokenizer))
    return sum(count_tokens(choice, [each.messages for each in requests]).tokens)


@pytest.mark.parametrize(
    "walk",
    [{"annotate": "separate"}, {"annotate": "merged"}]
    + [{"annotate": layout, "more": SAMPLED} for layout in ("separate", "merged")],
    indirect=True,
    ids=str,
)
def test_each_next_stage_is_exact_and_those_after_it_are_bounded(
    walk: Walk, tokenizer: Path, fake: Fake
) -> None:
    free = {"personas"} if walk.recipe.annotate == "merged" else set()
    free |= set() if walk.recipe.difficulty.samples else {"difficulty"}
    asking = [stage for stage in ASKING if stage not in free]
    before: list[dict[str, StageCost]] = []
    for stage in GENERATE:
        fake.asked.clear()
        if stage not in asking:  # free: it is brought up to date before an estimate
            walk.make(stage, SHARD)
            assert fake.asked == []
            continue
        found, costs = _estimate(walk)
        assert list(costs) == asking
        assert found.exact and found.counted_by == str(tokenizer)
        walk.make(stage, SHARD)
        assert {each.stage for each in fake.asked} == {stage}
        cost = costs[stage]
        assert cost.calls == cost.most_calls == len(fake.asked)
        assert cost.answered == 0
        if stage in ("filtered_docs", "personas"):  # what stands around each document is the same
            assert abs(cost.tokens_in - _tokens(tokenizer, fake.asked)) <= 1
        assert all(earlier[stage].most_calls >= len(fake.asked) for earlier in before)
        before.append(costs)
    found, done = _estimate(walk)
    assert found.assumed == {}  # all shares have been seen
    assert all(cost.calls == cost.most_calls == 0 for cost in done.values())
    assert sum(cost.cost for cost in done.values()) == 0


def test_what_the_journal_can_answer_costs_nothing(walk: Walk, fake: Fake) -> None:
    _, fresh = _estimate(walk)
    walk.make("filtered_docs", SHARD)
    asked = len(fake.asked)
    objects = walk.lake.objects
    for key in list(objects.keys("verdicts/filtered_docs")):  # killed before it was published
        objects.delete(key)
    assert "filtered_docs" in walk.stale(["filtered_docs"], SHARD)
    _, again = _estimate(walk)
    first = again["filtered_docs"]
    assert (first.calls, first.answered, first.cost, first.tokens_in) == (0, asked, 0.0, 0)
    assert first.most_cost == 0
    assert fresh["filtered_docs"].answered == 0
    # what follows is asked about the same documents
    assert again["personas"].most_calls == fresh["personas"].most_calls


def test_it_asks_nobody_and_writes_nothing(walk: Walk, home: Path, fake: Fake) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    _estimate(walk)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()} == before
    assert (fake.asked, fake.opened) == ([], 0)


def test_the_shares_that_are_assumed_are_named(walk: Walk, fake: Fake) -> None:
    found, costs = _estimate(walk)
    assert found.assumed == ASSUMED
    documents = costs["filtered_docs"].calls
    assert found.documents == documents == 3
    assert costs["personas"].calls == round(3 * ASSUMED["kept"])
    most = documents * walk.recipe.personas.max_personas
    assert costs["qa_pairs"].most_calls == costs["verified_qa"].most_calls == most
    expected = most * ASSUMED["kept"] * ASSUMED["personas"]
    assert costs["qa_pairs"].calls == round(expected)
    assert costs["verified_qa"].calls == round(expected * ASSUMED["pairs"] * ASSUMED["passed"])


def test_cost_is_tokens_at_the_models_price(walk: Walk, fake: Fake) -> None:
    _, costs = _estimate(walk)
    for stage, cost in costs.items():
        assert cost.model == "tiny"
        assert cost.cost == pytest.approx(PRICE.cost(cost.tokens_in, cost.tokens_out))
        assert abs(cost.tokens_out - cost.calls * REPLY_TOKENS[stage]) <= REPLY_TOKENS[stage]
        assert cost.cost <= cost.most_cost and cost.tokens_in <= cost.most_tokens
    most = costs["qa_pairs"]
    assert most.most_cost >= PRICE.cost(0, most.most_calls * 300)


@pytest.mark.parametrize("walk", [{"more": FREE}], indirect=True, ids=["rules"])
def test_a_stage_that_asks_no_model_costs_nothing(walk: Walk, fake: Fake) -> None:
    walk.make("filtered_docs", SHARD)
    assert fake.asked == []
    _, costs = _estimate(walk)
    assert list(costs) == ["qa_pairs", "verified_qa"]


@pytest.mark.parametrize("walk", [{"tokenizer": ""}], indirect=True, ids=["none"])
def test_without_a_tokenizer_it_says_how_tokens_were_counted(walk: Walk, fake: Fake) -> None:
    """And nobody listens at the endpoint."""
    found, costs = _estimate(walk)
    assert not found.exact and "characters / 4" in found.counted_by
    assert costs["filtered_docs"].calls == 3
    assert costs["filtered_docs"].tokens_in > 3 * len(COPPER) // 4


@pytest.mark.parametrize("walk", [{"more": SAMPLED}], indirect=True, ids=["sampled"])
def test_a_policy_is_asked_about_every_pair_without_and_with_its_document(
    walk: Walk, tokenizer: Path, fake: Fake
) -> None:
    _, first = _estimate(walk)
    assert first["difficulty"].most_calls == first["qa_pairs"].most_calls * 2 * 3
    assert first["difficulty"].calls == round(
        first["qa_pairs"].most_calls
        * (ASSUMED["kept"] * ASSUMED["personas"] * ASSUMED["pairs"] * ASSUMED["passed"])
        * (2 * 3)
    )
    for stage in GENERATE[:-1]:
        walk.make(stage, SHARD)
    _, last = _estimate(walk)
    fake.asked.clear()
    walk.make("difficulty", SHARD)
    tokens = _tokens(tokenizer, fake.asked)
    assert last["difficulty"].calls == len(fake.asked) > 0
    assert abs(last["difficulty"].tokens_in - tokens) < 0.1 * tokens
