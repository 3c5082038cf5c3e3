"""Answers of a model to tokenised prompts, drawn in batches: with transformers, or with vLLM.

Makes ``Answer`` values; reads and writes nothing. All tokens can be drawn: the model's own top-k,
top-p and penalties are put aside, or pass@k would be theirs. Special tokens are left out of an
answer's text, as trainers and servers do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from webscale_dagster.training.model_folder import Model, Tokenizer
from webscale_dagster.training.program import TrainingError


class Answer(NamedTuple):
    """One sample; ``cut_off`` where no end token came within ``max_tokens``."""

    text: str
    n_tokens: int  # generated, with the end token
    cut_off: bool


@dataclass(frozen=True)
class Drawing:
    """How answers are drawn; ``temperature`` 0 takes the likeliest token, ``samples`` is 1 then."""

    samples: int
    temperature: float
    max_tokens: int
    batch: int  # answers at once

    @staticmethod
    def of(settings: Mapping[str, Any]) -> Drawing:
        """The settings of a job."""
        greedy = settings["temperature"] == 0
        return Drawing(
            1 if greedy else settings["samples"],
            settings["temperature"],
            settings["max_tokens"],
            settings["batch"],
        )

    def prompts(self, engine: str) -> int:
        """Prompts that an engine wants at a time; vLLM fills its own batches from many."""
        return max(1, self.batch // self.samples) * (64 if engine == "vllm" else 1)


class Engine(Protocol):
    """Whoever draws."""

    def answers(self, prompts: Sequence[Sequence[int]], seed: int) -> list[list[Answer]]:
        """The samples of each prompt, given as token ids; the same for the same seed."""
        ...


class Transformers:
    """Draws with ``generate``: prompts are padded on the left, so put those of a length together.

    ``model`` is from ``load_model``, ``tokenizer`` from ``load_tokenizer``.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, drawing: Drawing) -> None:
        """Puts the model's generation config aside."""
        self._ends = plain_generation(model, tokenizer)
        tokenizer.padding_side = "left"
        self._model, self._tokenizer, self._drawing = model, tokenizer, drawing

    def answers(self, prompts: Sequence[Sequence[int]], seed: int) -> list[list[Answer]]:
        """As of ``Engine``; several rounds where one prompt's samples are more than a batch."""
        import torch

        torch.manual_seed(seed)
        found: list[list[Answer]] = [[] for _ in prompts]
        for start in range(0, self._drawing.samples, self._drawing.batch):
            count = min(self._drawing.batch, self._drawing.samples - start)
            for place, tokens in enumerate(self._generated(prompts, count)):
                found[place // count].append(self._answer(tokens))
        return found

    def _generated(self, prompts: Sequence[Sequence[int]], count: int) -> list[list[int]]:
        """The new tokens of every sequence, prompt by prompt."""
        import torch

        padded = self._tokenizer.pad({"input_ids": [*map(list, prompts)]}, return_tensors="pt")
        try:
            with torch.inference_mode():
                made = self._model.generate(
                    **padded.to(self._model.device), generation_config=self._config(count)
                )
        except torch.OutOfMemoryError:
            raise TrainingError(
                f"the GPU's memory does not hold {len(prompts)} prompts with {count} answers each;"
                " lower the batch"
            ) from None
        new: list[list[int]] = made[:, padded["input_ids"].shape[1] :].tolist()
        return new

    def _config(self, count: int) -> Any:
        import transformers

        drawn = {"temperature": self._drawing.temperature, "top_k": 0, "top_p": 1.0}
        greedy = self._drawing.temperature == 0
        return transformers.GenerationConfig(
            do_sample=not greedy,
            **({} if greedy else drawn),
            max_new_tokens=self._drawing.max_tokens,
            num_return_sequences=count,
            eos_token_id=sorted(self._ends),
            pad_token_id=self._tokenizer.pad_token_id,
        )

    def _answer(self, tokens: list[int]) -> Answer:
        """Up to the first end token; what follows it is padding."""
        length = next((at + 1 for at, token in enumerate(tokens) if token in self._ends), None)
        kept = tokens[:length]
        text = self._tokenizer.decode(kept, skip_special_tokens=True)
        return Answer(text, len(kept), length is None)


def plain_generation(model: Model, tokenizer: Tokenizer) -> set[int]:
    """Leave of the model's generation config only its end tokens, which are returned."""
    import transformers

    named = model.generation_config.eos_token_id
    ends = {*(named if isinstance(named, list) else [named]), tokenizer.eos_token_id} - {None}
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    return ends


class Vllm:
    """Draws with vLLM on a GPU, which fills its own batches; no test runs it.

    Its answers are of the same distribution as those of ``Transformers``, not the same ones.
    """

    def __init__(
        self, path: str, precision: str, drawing: Drawing, revision: str | None = None
    ) -> None:
        """Raises TrainingError where vLLM is not installed."""
        try:
            import vllm
        except ImportError:
            raise TrainingError(
                'vLLM is not installed; pip install "webscale-dagster[vllm]", or leave out'
                ' engine = "vllm"'
            ) from None
        dtype = "bfloat16" if precision == "bf16" else "float32"
        self._llm: Any = vllm.LLM(path, revision=revision, dtype=dtype, generation_config="vllm")
        self._drawing = drawing

    def answers(self, prompts: Sequence[Sequence[int]], seed: int) -> list[list[Answer]]:
        """As of ``Engine``."""
        import vllm

        drawn = vllm.SamplingParams(
            n=self._drawing.samples,
            temperature=self._drawing.temperature,
            max_tokens=self._drawing.max_tokens,
            seed=seed,
        )
        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        return [
            [
                Answer(one.text, len(one.token_ids), one.finish_reason == "length")
                for one in of.outputs
            ]
            for of in self._llm.generate(asked, drawn, use_tqdm=False)
        ]
