"""Vectors of questions by an embedding model of one's own, a folder on a disk.

Reads the folder (``transformers``, or ``sentence-transformers`` with mean pooling); makes an array.
Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_BATCH = 64  # questions of about one length
_MOST_TOKENS = 256


def question_vectors(questions: Sequence[str], folder: str) -> Vectors:
    """One vector of length 1 per question: the mean over its tokens."""
    tokenizer, model = _loaded(folder)
    import torch

    order = sorted(range(len(questions)), key=lambda place: len(questions[place]))
    found = np.zeros((len(questions), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            given = tokenizer(
                [questions[place] for place in places],
                padding=True,
                truncation=True,
                max_length=_MOST_TOKENS,
                return_tensors="pt",
            )
            states = model(**given).last_hidden_state
            mask = given["attention_mask"].unsqueeze(-1).to(states.dtype)
            means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            found[places] = torch.nn.functional.normalize(means, dim=1).float().numpy()
    return found


def _loaded(folder: str) -> tuple[Any, Any]:
    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(
            f"{folder}: rl_splits.embedding_model must name a folder with a transformers model, "
            "and there is no config.json in it"
        )
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise ImportError(
            "rl_splits.embedding_model needs torch and transformers: "
            "pip install 'webscale-dagster[train]'"
        ) from None
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.padding_side = "right"  # else a question's places depend on its neighbours' lengths
    model = AutoModel.from_pretrained(folder, local_files_only=True)
    return tokenizer, model.eval()
