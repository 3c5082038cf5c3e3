"""The tiny model of the training tests, and one that knows a few sums by heart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import tiny_model

__all__ = ["taught_model", "tiny_model"]

INSTRUCTION = "Give the final answer on the last line as: Answer: <answer>"
KNOWN = {f"What is {a} plus {b}?": str(a + b) for a, b in ((1, 2), (3, 5), (9, 4), (20, 3), (7, 7))}
UNKNOWN = {f"What is {a} plus {b}?": str(a + b) for a, b in ((6, 1), (8, 9), (30, 12))}


def asked(question: str) -> list[dict[str, str]]:
    """The messages by which the tasks of benchmarks ask a question."""
    return [{"role": "user", "content": f"{question}\n\n{INSTRUCTION}"}]


@pytest.fixture(scope="session")
def taught_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model after it learned the ``KNOWN`` sums by heart."""
    from webscale_dagster.training.model_folder import load_model, load_tokenizer

    tokenizer, model = load_tokenizer(str(tiny_model)), load_model(str(tiny_model), "fp32")
    _teach(model, tokenizer)
    folder = tmp_path_factory.mktemp("taught_model")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model: Any, tokenizer: Any) -> None:
    import torch

    torch.manual_seed(1)
    texts = [_said(tokenizer, *pair) for pair in KNOWN.items()]
    batch = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()


def _said(tokenizer: Any, question: str, answer: str) -> str:
    said = {"role": "assistant", "content": f"Answer: {answer}"}
    text: str = tokenizer.apply_chat_template([*asked(question), said], tokenize=False)
    return text
