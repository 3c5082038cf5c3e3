"""What every training program asks of a model: its tokenizer, its context, prompts that fit.

Reads a Hugging Face model folder, or a repository's name where there is a network; writes nothing.
All that a person can mend is a ``TrainingError``, raised before anything is computed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from webscale_dagster.training.program import TrainingError

Tokenizer = Any  # transformers.PreTrainedTokenizerBase
Model = Any  # transformers.PreTrainedModel
Messages = Sequence[Mapping[str, str]]

PRECISIONS = ("bf16", "fp32")
_CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
_WEIGHTS = ("*.safetensors", "*.bin", "*.index.json")


def load_tokenizer(path: str, revision: str | None = None) -> Tokenizer:
    """The model's tokenizer; where it names no token for padding, the end token pads."""
    _check_folder(path)
    import transformers

    try:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(path, revision=revision)
    except (OSError, ValueError, KeyError, ImportError, TypeError) as error:
        _refuse(path, "no tokenizer that can be loaded", "put its tokenizer.json there", error)
    if not len(tokenizer):  # what is made of a folder without any tokenizer file
        _refuse(path, "no tokenizer", "put its tokenizer.json and tokenizer_config.json there")
    if tokenizer.eos_token_id is None:
        _refuse(path, "a tokenizer without an end token", "set eos_token in tokenizer_config.json")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(path: str, revision: str | None = None) -> Any:
    """The model's config, which says how long its context is."""
    _check_folder(path)
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(path, revision=revision)
    except (OSError, ValueError, KeyError) as error:
        _refuse(path, "no config that can be read", "name a Hugging Face model", error)


def load_model(path: str, dtype: str, revision: str | None = None) -> Model:
    """The model on the best device there is, in evaluation mode.

    ``dtype`` is ``bf16`` or ``fp32``; without a GPU that computes in bf16 it is fp32.
    """
    if dtype not in PRECISIONS:
        raise TrainingError(f"precision {dtype!r} is not known; set one of {', '.join(PRECISIONS)}")
    _check_folder(path)
    import safetensors
    import torch
    import transformers

    if Path(path).is_dir() and not any(any(Path(path).glob(name)) for name in _WEIGHTS):
        _refuse(path, "no weights", "put its model.safetensors there")
    in_bf16 = dtype == "bf16" and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    kind = torch.bfloat16 if in_bf16 else torch.float32
    try:
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=kind, revision=revision
        )
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        _refuse(path, "no model that can be loaded", "fetch or train it again", error)
    return model.to(device()).eval()


def device() -> str:
    """``cuda`` where there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def context_length(config: Any) -> int:
    """Tokens of prompt and answer together that a model's config allows.

    ``sys.maxsize`` for models that state no limit (state space models).
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for name in _CONTEXT_FIELDS:
        if (length := getattr(text, name, None)) is not None:
            return int(length)
    return sys.maxsize


def check_prompts(
    tokenizer: Tokenizer, prompts: Mapping[str, Messages], limit: int
) -> dict[str, list[int]]:
    """The token ids of each prompt, by its id, with what opens the model's answer.

    ``limit`` is the most tokens that a prompt may have. Raises TrainingError where the tokenizer
    has no chat template or its template fails, and where a prompt is longer.
    """
    check_chat_template(tokenizer)
    ids = {name: _token_ids(tokenizer, name, said) for name, said in prompts.items()}
    too_long = [name for name, tokens in ids.items() if len(tokens) > limit]
    if too_long:
        worst = max(too_long, key=lambda name: len(ids[name]))
        raise TrainingError(
            f"{len(too_long)} of {len(ids)} prompts are too long: the one of {worst!r} has"
            f" {len(ids[worst])} tokens, {limit} leave room for the answer in the model's context;"
            " lower the tokens of an answer, leave long questions out, or take a model with a"
            " longer context"
        )
    return ids


def check_chat_template(tokenizer: Tokenizer) -> None:
    """Raise TrainingError where a tokenizer cannot turn messages into a prompt."""
    if not getattr(tokenizer, "chat_template", None):
        raise TrainingError(
            f"the tokenizer of {tokenizer.name_or_path} has no chat template; set"
            " tokenizer.chat_template or put a chat_template.jinja into its folder, or start from"
            " an instruct model"
        )


def _token_ids(tokenizer: Tokenizer, name: str, messages: Messages) -> list[int]:
    import jinja2

    said = [dict(message) for message in messages]
    try:
        found: Any = tokenizer.apply_chat_template(
            said, tokenize=True, add_generation_prompt=True, return_dict=True
        )
    except (jinja2.TemplateError, KeyError, TypeError) as error:
        roles = ", ".join(message.get("role", "?") for message in said)
        raise TrainingError(
            f"the chat template of {tokenizer.name_or_path} refuses the prompt of {name!r} with the"
            f" roles {roles}: {error}; change the template or rl_splits.system_prompt"
        ) from None
    return list(found["input_ids"])


def _check_folder(path: str) -> None:
    """A path must be a folder with a config in it; a repository's name is left to the loader."""
    folder = Path(path)
    if path and folder.is_dir():
        if not (folder / "config.json").is_file():
            _refuse(path, "no config.json", "name the folder that a model was saved to")
    elif not path or folder.is_absolute() or path.startswith((".", "~")) or path.count("/") > 1:
        raise TrainingError(
            f"{path or 'no path'!r}: no such model folder; set training.model to a folder or to the"
            " name of a repository, as Qwen/Qwen3-0.6B-Base"
        )


def _refuse(path: str, what: str, remedy: str, error: Exception | None = None) -> NoReturn:
    why = f" ({type(error).__name__}: {str(error).splitlines()[0][:200]})" if error else ""
    offline = os.environ.get("HF_HUB_OFFLINE") == "1" and not Path(path).is_dir()
    hint = "; HF_HUB_OFFLINE is set, so nothing is fetched" if offline else ""
    raise TrainingError(f"{path}: {what}; {remedy}{hint}{why}") from error
