"""Questions by their vectors: a small model made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest

from webscale_dagster.recipe import RlSplits
from webscale_dagster.text.duplicate_questions import DuplicateQuestions
from webscale_dagster.text.question_vectors import question_vectors

TOWER = "Who built the great tower of Ulm in 1890?"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small transformer with random weights."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from webscale_dagster.training.tiny_model import make_tokenizer

    folder = tmp_path_factory.mktemp("model")
    tokenizer = make_tokenizer([TOWER] * 20, 300)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(5)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


def with_model(folder: str, threshold: float) -> DuplicateQuestions:
    questions = [TOWER, "Whose work is Ulm's tower of 1890?", "Whose work is Bonn's tower?"]
    settings = RlSplits(embedding_model=folder, embedding_threshold=threshold)
    index = DuplicateQuestions(questions, ["M. Böblinger"] * 3, settings)
    index.keep(0)
    return index


def test_a_model_finds_what_shares_no_words(model: str) -> None:
    index = with_model(model, 0.01)
    found = index.repeated(1)
    assert found is not None
    assert found.place == 0 and 0.01 <= found.similarity <= 1
    assert index.repeated(2) is None  # another name: a model hardly tells them apart
    assert with_model(model, 1.0).repeated(1) is None
    assert with_model("", 0.01).repeated(1) is None


def test_vectors_do_not_depend_on_the_batch(model: str) -> None:
    questions = [TOWER, "Why?", TOWER.upper() * 20]
    found = question_vectors(questions, model)
    alone = [question_vectors([question], model)[0] for question in questions]
    assert abs(found - alone).max() < 1e-5
    assert abs((found**2).sum(1) - 1).max() < 1e-5


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="embedding_model must name a folder"):
        with_model(str(tmp_path / "none"), 0.9)
