"""A model of no size, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TEXTS = (
    "What is two plus three? Answer: 5",
    "The capital of France is Paris, and the river there is the Seine.",
    "Give the final answer on the last line as: Answer: <answer>",
    "Question: how many eggs are left? Think of 12, 30 and 48.",
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Llama with random weights: hidden 32, 2 layers, 256 tokens of context."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import torch

    from webscale_dagster.experiment import TinyModel
    from webscale_dagster.training.tiny_model import make_model, make_tokenizer

    torch.set_num_threads(1)  # more only wait for each other with a model of this size
    folder = tmp_path_factory.mktemp("tiny_model")
    tokenizer = make_tokenizer(TEXTS * 20, 360)
    settings = TinyModel(vocabulary=360, hidden=32, layers=2, heads=2, context=128)
    model = make_model(tokenizer, settings)
    _untie(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _untie(model: Any) -> None:
    """Give it an output of its own; tied, random weights repeat the last token for ever."""
    import torch

    model.config.tie_word_embeddings = False
    size = model.lm_head.weight.shape
    model.lm_head.weight = torch.nn.Parameter(torch.randn(size) * 0.2)
