"""A tiny Qwen3 with random weights and a tokenizer of its own, for a real vLLM on a CPU.

    python make_model.py FOLDER [--context 16384]

It needs no network and says nothing sensible: what it is for is the server around it. A token is
about three characters of English, so that prompts are about as long as they would be for real.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

SAMPLES = Path(__file__).parents[2] / "webscale_dagster" / "samples"
VOCABULARY = 2048
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # ids 0, 1, 2
PAD, END = 0, 2
TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def texts() -> Iterator[str]:
    """English at hand, and replies as the stages want them."""
    for path in sorted(SAMPLES.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield from (v for v in json.loads(line).values() if isinstance(v, str))
    draw = random.Random(0)
    for _ in range(400):
        yield json.dumps(
            {
                "informative": draw.random() < 0.5,
                "self_contained": draw.random() < 0.5,
                "reason": "It explains a thing well.",
                "score": draw.random(),
                "pairs": [{"persona": draw.randrange(9), "question": "When?", "quote": None}],
            }
        )


def tokenizer(context: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE, trained here: every text has tokens, every token sequence is bytes."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIALS,
        show_progress=False,
    )
    bpe.train_from_iterator(texts(), trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=SPECIALS[END],
        pad_token=SPECIALS[PAD],
        model_max_length=context,
    )
    made.chat_template = TEMPLATE
    return made


def model(vocabulary: int, context: int) -> Qwen3ForCausalLM:
    """About half a million random weights, the same on every run."""
    torch.manual_seed(0)
    made = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=-(-vocabulary // 64) * 64,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            max_position_embeddings=context,
            tie_word_embeddings=True,
            bos_token_id=PAD,
            eos_token_id=END,
            pad_token_id=PAD,
        )
    ).to(torch.bfloat16)
    made.generation_config.eos_token_id = END
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--context", type=int, default=16384, help="tokens a request may have")
    arguments = parser.parse_args()
    words = tokenizer(arguments.context)
    words.save_pretrained(arguments.folder)
    model(len(words), arguments.context).save_pretrained(arguments.folder)


if __name__ == "__main__":
    main()
