"""Tokens as the model counts them, or as well as can be guessed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.llm.serving import Answer, Asked, Serving
from webscale_dagster.llm.tokens import count_tokens
from webscale_dagster.models import ModelChoice
from webscale_dagster.stages.prompt import Messages

TALKS: list[Messages] = [
    ({"role": "system", "content": "a b c"}, {"role": "user", "content": "d e"}),
    ({"role": "user", "content": "a " * 40},),
    ({"role": "user", "content": ""},),
]


def _file(folder: Path) -> Path:
    """A tokenizer that has a token for every word."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def _choice(**fields: object) -> ModelChoice:
    return ModelChoice.model_validate({"backend": "vllm", "name": "tiny"} | fields)


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_tokenizer_file_counts_words_and_some_for_the_template(
    tmp_path: Path, as_folder: bool
) -> None:
    path = _file(tmp_path)
    found = count_tokens(_choice(tokenizer=str(tmp_path if as_folder else path)), TALKS)
    assert found.tokens == [3 + 2 + 2 * 5, 40 + 5, 0 + 5]
    assert (found.by, found.exact) == (str(path), True)


def test_a_model_that_is_a_folder_brings_its_own(tmp_path: Path) -> None:
    path = _file(tmp_path / "weights")
    found = count_tokens(_choice(name=str(tmp_path / "weights")), TALKS)
    assert (found.tokens[1], found.by) == (45, str(path))


def test_a_tokenizer_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(FileNotFoundError, match=r"model\.tokenizer"):
            count_tokens(_choice(tokenizer=str(place)), TALKS)


def test_without_the_package_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match="pip install"):
        count_tokens(_choice(tokenizer=str(path)), TALKS)


def test_without_anything_four_characters_are_a_token_and_it_says_so() -> None:
    found = count_tokens(_choice(), TALKS)
    assert found.tokens == [(5 + 3) // 4, 80 // 4, 0]
    assert not found.exact
    assert "model.tokenizer" in found.by


def _served(serving: Serving, **fields: object) -> ModelChoice:
    return _choice(backend="server", endpoints=(serving.url,), **fields)


def _counting(asked: Asked) -> Answer:
    if asked.path != "/tokenize" or asked.body["model"] != "tiny":
        return Answer({}, 404)
    return Answer({"count": sum(len(m["content"]) for m in asked.body["messages"]) + 1})


def test_an_endpoint_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    with Serving(_counting) as serving:
        found = count_tokens(_served(serving, api_key_env="MY_KEY"), TALKS * 20)
        assert found.tokens == [9, 81, 1] * 20
        assert (found.by, found.exact) == (f"{serving.url} /tokenize", True)
        assert {asked.headers["Authorization"] for asked in serving.asked} == {"Bearer secret"}


def test_a_file_that_is_named_goes_before_the_endpoint(tmp_path: Path) -> None:
    with Serving(_counting) as serving:
        found = count_tokens(_served(serving, tokenizer=str(_file(tmp_path))), TALKS)
        assert found.tokens[1] == 45
        assert serving.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"detail": "Not Found"}, 404),
        Answer({"count": "many"}),
        Answer({}),
        Answer([1]),
        Answer(5),
        Answer(b"<html>"),
        Answer(close=True),
    ],
)
def test_an_endpoint_that_cannot_count_is_asked_once(answer: Answer) -> None:
    with Serving(lambda asked: answer) as serving:
        found = count_tokens(_served(serving), TALKS)
        assert not found.exact and found.tokens[1] == 20
        assert len(serving.asked) == 1


def test_an_endpoint_that_fails_in_the_midst_counts_nothing() -> None:
    """A part of the numbers would be laid to the wrong conversations."""
    left = [5]

    def answer(asked: Asked) -> Answer:
        left[0] -= 1
        return _counting(asked) if left[0] > 0 else Answer({}, 500)

    with Serving(answer) as serving:
        found = count_tokens(_served(serving), TALKS * 5)
    assert not found.exact
    assert found.tokens == [2, 20, 0] * 5


def test_nobody_listens() -> None:
    with Serving(_counting) as serving:
        pass
    found = count_tokens(_served(serving), TALKS)
    assert not found.exact
