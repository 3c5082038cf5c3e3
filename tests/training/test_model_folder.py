"""What is refused of a model folder and of prompts, and what it says."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from webscale_dagster.training.model_folder import (
    check_prompts,
    context_length,
    load_config,
    load_model,
    load_tokenizer,
)
from webscale_dagster.training.program import TrainingError

ASKED = [{"role": "user", "content": "Why?"}]


class _Tokenizer:
    """A token for each character."""

    name_or_path = "some/model"
    chat_template: str | None = "a template"

    def apply_chat_template(self, said: Any, **how: Any) -> dict[str, list[int]]:
        if said[0]["role"] == "system":
            raise KeyError("no system message")
        return {"input_ids": [1] * len(said[0]["content"])}


def test_the_context_is_where_a_config_states_it() -> None:
    assert context_length(SimpleNamespace(max_position_embeddings=4096)) == 4096
    assert context_length(SimpleNamespace(n_positions=1024)) == 1024
    inner = SimpleNamespace(max_position_embeddings=8192)
    assert context_length(SimpleNamespace(get_text_config=lambda: inner)) == 8192
    assert context_length(SimpleNamespace()) == sys.maxsize


def test_prompts_that_fit_become_tokens() -> None:
    assert check_prompts(_Tokenizer(), {"a": ASKED}, 4) == {"a": [1, 1, 1, 1]}


def test_a_prompt_that_is_too_long_is_named_with_its_length() -> None:
    long = [{"role": "user", "content": "x" * 90}]
    with pytest.raises(TrainingError, match=r"1 of 2 prompts .* 'b' has 90 tokens, 50 leave room"):
        check_prompts(_Tokenizer(), {"a": ASKED, "b": long}, 50)


def test_without_a_chat_template_no_prompt_is_made() -> None:
    tokenizer = _Tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(TrainingError, match=r"some/model has no chat template; set tok"):
        check_prompts(tokenizer, {"a": ASKED}, 50)


def test_a_template_that_refuses_a_role_is_reported() -> None:
    said = [{"role": "system", "content": "x"}, *ASKED]
    with pytest.raises(TrainingError, match="refuses the prompt of 'a' with the roles system"):
        check_prompts(_Tokenizer(), {"a": said}, 50)


@pytest.mark.parametrize("path", ["", "/nowhere/model", "./nowhere", "a/b/c"])
def test_a_missing_folder_is_refused(path: str) -> None:
    for load in (load_tokenizer, load_config, lambda name: load_model(name, "fp32")):
        with pytest.raises(TrainingError, match=r"no such model folder; set training\.model"):
            load(path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no config\.json; name the folder"):
        load_tokenizer(str(tmp_path))


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="precision 'fp8' is not known; set one of bf16, fp32"):
        load_model(str(tmp_path), "fp8")


def _copy(model: Path, folder: Path, *without: str) -> str:
    shutil.copytree(model, folder / "copy")
    for name in without:
        (folder / "copy" / name).unlink()
    return str(folder / "copy")


@pytest.mark.service
def test_the_model_and_its_tokenizer_load(tiny_model: Path) -> None:
    model = load_model(str(tiny_model), "bf16")  # fp32 on a CPU
    assert not model.training
    assert context_length(model.config) == context_length(load_config(str(tiny_model))) == 256
    tokenizer = load_tokenizer(str(tiny_model))
    ids = check_prompts(tokenizer, {"a": ASKED}, 100)["a"]
    assert tokenizer.decode(ids) == "<|user|>Why?<|assistant|>"


@pytest.mark.service
def test_a_folder_without_tokenizer_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    path = _copy(tiny_model, tmp_path, "tokenizer.json", "tokenizer_config.json")
    with pytest.raises(TrainingError, match=r"no tokenizer.*; put its tokenizer\.json"):
        load_tokenizer(path)


@pytest.mark.service
def test_a_folder_without_or_with_broken_weights_is_refused(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = _copy(tiny_model, tmp_path, "model.safetensors")
    with pytest.raises(TrainingError, match=r"no weights; put its model\.safetensors there"):
        load_model(path, "fp32")
    Path(path, "model.safetensors").write_bytes(b"broken")
    with pytest.raises(TrainingError, match="no model that can be loaded; fetch or train it again"):
        load_model(path, "fp32")


@pytest.mark.service
def test_a_tokenizer_without_padding_pads_with_its_end_token(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = _copy(tiny_model, tmp_path)
    config = Path(path, "tokenizer_config.json")
    fields = json.loads(config.read_text("utf-8"))
    config.write_text(json.dumps({**fields, "pad_token": None}), encoding="utf-8")
    assert load_tokenizer(path).pad_token == "<|end|>"
    config.write_text(json.dumps({**fields, "eos_token": None}), encoding="utf-8")
    with pytest.raises(TrainingError, match="a tokenizer without an end token; set eos_token"):
        load_tokenizer(path)


@pytest.mark.service
def test_a_repository_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TrainingError, match=r"nobody/nothing: no config .* HF_HUB_OFFLINE is set"):
        load_config("nobody/nothing")
