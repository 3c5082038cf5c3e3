"""The recipe's tables about models: forms, errors, and what decides a reply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from webscale_dagster.models import BACKENDS, Budget, ModelChoice, Price, model_from
from webscale_dagster.recipe import ASKING, Recipe, RecipeError, parse_recipe
from webscale_dagster.stages import STAGES, code_version

URL = "http://127.0.0.1:8000/v1"
SERVER: dict[str, Any] = {"backend": "server", "name": "m", "endpoints": [URL]}


def _choice(**fields: Any) -> ModelChoice:
    return ModelChoice.model_validate(SERVER | fields)


# -- --model --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "backend", "name", "endpoints"),
    [
        ("extractive", "extractive", "extractive", ()),
        (f"{URL}#Qwen/Qwen3-8B", "server", "Qwen/Qwen3-8B", (URL,)),
        (f"{URL}/#m", "server", "m", (URL,)),
        ("https://api.example.org/v1#gpt#2", "server", "gpt#2", ("https://api.example.org/v1",)),
        ("vllm#Qwen/Qwen3-8B", "vllm", "Qwen/Qwen3-8B", ()),
        ("vllm#/models/tiny", "vllm", "/models/tiny", ()),
        ("batch#m", "batch", "m", ()),
        (f"batch+{URL}#m", "batch", "m", (URL,)),
    ],
)
def test_a_model_in_one_word(
    text: str, backend: str, name: str, endpoints: tuple[str, ...]
) -> None:
    found = model_from(text)
    assert (found.backend, found.name, found.endpoints) == (backend, name, endpoints)
    assert found.backend in BACKENDS
    assert found.price == Price() and found.extra == {}


@pytest.mark.parametrize(
    "text", ["", "#", "m", URL, f"{URL}#", "#m", "vllm", "vllm#", "extractive#"]
)
def test_half_a_word_is_an_error_that_shows_whole_ones(text: str) -> None:
    with pytest.raises(ValueError, match="wanted URL#NAME") as caught:
        model_from(text)
    assert "vllm#NAME" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("127.0.0.1:8000#m", "no http:// or https:// address"),
        ("ftp://host/v1#m", "no http:// or https:// address"),
        ("http://#m", "no http:// or https:// address"),
        ("batch+host#m", "no http:// or https:// address"),
        ("vllm+x#m", "no http:// or https:// address"),
        (f"{URL}#extractive", "needs the name of a model"),
        ("vllm#extractive", "needs the name of a model"),
    ],
)
def test_a_wrong_word_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        model_from(text)


@pytest.mark.parametrize(
    "address",
    ["http://user:hunter2@host/v1", "https://:hunter2@host/v1", "https://hunter2@host/v1"],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(address: str) -> None:
    toml = f'[model]\nbackend = "server"\nname = "m"\nendpoints = ["{address}"]\n'
    for make in (
        lambda: model_from(f"{address}#m"),
        lambda: _choice(endpoints=[address]),
        lambda: Recipe().with_model(f"{address}#m"),
        lambda: parse_recipe(toml, "recipe.toml"),
    ):
        with pytest.raises(ValueError, match="keys come from the environment") as caught:
            make()
        assert "hunter2" not in str(caught.value)


def test_a_server_needs_an_address() -> None:
    with pytest.raises(ValidationError, match="needs endpoints"):
        _choice(endpoints=[])


@pytest.mark.parametrize("name", ["", "1KEY", "MY KEY", "sk-12345", "A=B"])
def test_the_key_is_named_by_a_variable_and_not_written_down(name: str) -> None:
    with pytest.raises(ValidationError):
        _choice(api_key_env=name)


# -- identity -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoints": ["http://elsewhere:9/v1", URL]},
        {"backend": "vllm", "endpoints": []},
        {"backend": "batch", "by_hand": True},
        {"price": {"tokens_in": 1.0}},
        {"flags": ["--tensor-parallel-size=8"]},
        {"api_key_env": "OTHER"},
        {"tokenizer": "/x/tokenizer.json"},
        {"idle_seconds": 5.0},
        {"batch_requests": 7},
        {"max_tokens_field": "max_completion_tokens"},
        {"extra": {}},
    ],
)
def test_moving_a_model_replays_every_reply(fields: dict[str, Any]) -> None:
    assert _choice(**fields).identity == _choice().identity


def test_another_model_is_another() -> None:
    others = [
        _choice(),
        _choice(name="n"),
        _choice(revision="2"),
        _choice(extra={"top_p": 0.9}),
        _choice(extra={"top_p": 0.8}),
        _choice(extra={"chat_template_kwargs": {"enable_thinking": False}}),
        ModelChoice(),
    ]
    assert len({each.identity for each in others}) == len(others)


def test_the_order_of_extra_fields_says_nothing() -> None:
    one, other = _choice(extra={"a": 1, "b": 2}), _choice(extra={"b": 2, "a": 1})
    assert one.identity == other.identity


@pytest.mark.parametrize("stage", ASKING)
def test_moving_a_model_makes_no_stage_stale_and_another_model_does(stage: str) -> None:
    def version(**fields: Any) -> str:
        return code_version(STAGES[stage], Recipe(model=_choice(**fields)))

    assert version() == version(backend="vllm", endpoints=[], price={"tokens_out": 3.0})
    assert version() != version(revision="2")
    assert version() != version(extra={"top_p": 0.9})


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({}, False),
        ({"backend": "vllm", "endpoints": []}, True),
        ({"backend": "batch", "endpoints": []}, True),
        ({"backend": "batch", "endpoints": [], "by_hand": True}, False),
        ({"backend": "batch"}, False),
    ],
)
def test_who_needs_this_hosts_gpu(fields: dict[str, Any], ours: bool) -> None:
    assert _choice(**fields).on_this_gpu is ours


# -- prices ---------------------------------------------------------------------------------------


def test_a_price_is_per_million_tokens() -> None:
    price = Price(tokens_in=2.0, tokens_out=8.0, cached_tokens=0.5)
    assert price.cost(1_000_000, 500_000) == 6.0
    assert price.cost(1_000_000, 0, 400_000) == pytest.approx(1.2 + 0.2)
    assert Price(tokens_in=2.0).cost(1_000_000, 5, 400_000) == 2.0  # cached ones cost the same
    assert Price(tokens_in=2.0, cached_tokens=0.0).cost(1_000_000, 5, 1_000_000) == 0.0


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
def test_what_a_cache_serves_is_never_dearer(tokens_in: int, tokens_out: int, hit: float) -> None:
    price = Price(tokens_in=2.0, tokens_out=8.0, cached_tokens=0.5)
    cached = int(tokens_in * hit)
    full = price.cost(tokens_in, tokens_out)
    assert 0 <= price.cost(tokens_in, tokens_out, cached) <= full * (1 + 1e-9)


@pytest.mark.parametrize("field", ["tokens_in", "tokens_out", "cached_tokens"])
def test_a_negative_price_is_an_error(field: str) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate({field: -1.0})


@pytest.mark.parametrize("budget", [{"max_tokens_total": 0}, {"max_cost": 0.0}, {"max_cost": -1.0}])
def test_a_budget_of_nothing_is_an_error(budget: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(budget)


# -- the recipe -----------------------------------------------------------------------------------

MODEL = f'[model]\nbackend = "server"\nname = "m"\nendpoints = ["{URL}"]\n'
JUDGE = '[models.judge]\nbackend = "vllm"\nname = "big"\n'
PRICE = "[model.price]\ntokens_in = 1.0\n"


def _refused(toml: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(toml, "my.toml")
    said = str(caught.value)
    assert said.startswith("my.toml: ")
    return said


def test_a_stage_may_name_a_model_of_its_own() -> None:
    recipe = parse_recipe(MODEL + JUDGE + '[verified_qa]\nmodel = "judge"\n', "my.toml")
    assert recipe.model_of("verified_qa").name == "big"
    assert recipe.model_of("qa_pairs").name == "m"
    other = recipe.with_model("vllm#third")
    assert other.model_of("qa_pairs").name == "third"
    assert other.model_of("verified_qa").name == "big"
    assert recipe.model_of("qa_pairs").name == "m"


@pytest.mark.parametrize("stage", ASKING)
def test_a_stage_that_names_an_unknown_model_is_an_error(stage: str) -> None:
    said = _refused(f'[{stage}]\nmodel = "jugde"\n' + JUDGE)
    assert f"{stage}.model: no [models.jugde]; known: judge" in said
    assert "known: none" in _refused(f'[{stage}]\nmodel = "judge"\n')


def test_a_limit_of_cost_needs_the_price_of_every_model_that_is_asked() -> None:
    budget = "[budget]\nmax_cost = 5.0\n"
    assert "price of model m" in _refused(MODEL + budget)
    assert parse_recipe(MODEL + PRICE + budget, "my.toml").budget.max_cost == 5.0
    judged = MODEL + PRICE + budget + JUDGE
    assert parse_recipe(judged, "my.toml").budget.max_cost == 5.0  # nobody asks the judge
    assert "price of model big" in _refused(judged + '[qa_pairs]\nmodel = "judge"\n')
    assert parse_recipe(budget, "my.toml").budget.max_cost == 5.0  # rules cost nothing
    assert parse_recipe(MODEL + "[budget]\nmax_tokens_total = 5\n", "my.toml").budget


@pytest.mark.parametrize(
    ("toml", "field"),
    [
        ('annotate = "both"', "annotate"),
        ('[model]\nbackend = "openai"', "model.backend"),
        ("[model]\nprice = 3", "model.price"),
        (MODEL + "max_token = 3", "model.max_token"),
        ("[budget]\nmax_cost = -1.0", "budget.max_cost"),
        ("[qa_pairs]\ntemperature = 3.0", "qa_pairs.temperature"),
        ("[qa_pairs]\nmax_unusable_share = 2.0", "qa_pairs.max_unusable_share"),
        (MODEL + "idle_seconds = 0", "model.idle_seconds"),
    ],
)
def test_an_error_names_the_field(toml: str, field: str) -> None:
    assert f"my.toml: {field}" in _refused(toml)


def test_annotate_decides_the_stages_that_ask_differently() -> None:
    separate, merged = Recipe(), Recipe(annotate="merged")
    changed = {
        name
        for name, stage in STAGES.items()
        if code_version(stage, separate) != code_version(stage, merged)
    }
    assert changed == set(ASKING) - {"difficulty"}  # a policy is asked as in training


def test_every_recipe_of_the_package_is_whole() -> None:
    from importlib import resources

    from webscale_dagster.recipe import load_recipe

    folder = Path(str(resources.files("webscale_dagster") / "recipes"))
    names = sorted(path.stem for path in folder.glob("*.toml"))
    assert "default" in names and "demo" in names
    assert all(load_recipe(name).name == name for name in names)


def test_a_second_checker_is_another_model_and_makes_verified_qa_stale() -> None:
    text = MODEL + '[models.other]\nbackend = "server"\nname = "o"\nendpoints = ["http://h/v1"]\n'
    second = text + '[verified_qa]\nsecond_model = "other"\n'
    alone, both = parse_recipe(text, "my.toml"), parse_recipe(second, "my.toml")
    assert [model.name for model in both.models_of("verified_qa")] == [alone.model.name, "o"]
    assert both.models_of("qa_pairs") == (alone.model,)
    revised = parse_recipe(second.replace('name = "o"', 'name = "o"\nrevision = "2"'), "my.toml")
    versions = {code_version(STAGES["verified_qa"], r) for r in (alone, both, revised)}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            MODEL + '[verified_qa]\nsecond_model = "none"',
            "verified_qa.second_model: no [models.none]",
        ),
        (MODEL + '[models.r]\n[verified_qa]\nsecond_model = "r"', "extractive rules judge nothing"),
    ],
)
def test_a_second_checker_that_cannot_judge_is_refused(toml: str, says: str) -> None:
    assert says in _refused(toml)
