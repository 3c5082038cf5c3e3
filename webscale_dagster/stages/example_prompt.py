"""The prompt of an RL example: what a policy is asked in training, and before it by ``difficulty``.

Makes chat messages, and the question from them; reads and writes nothing.
"""

from __future__ import annotations

import orjson

from webscale_dagster.recipe import RlSplits
from webscale_dagster.stages.prompt import Messages

# The fields of [rl_splits] that the prompt is made of.
PROMPT_SETTINGS = ("rl_splits.system_prompt", "rl_splits.answer_instruction")


def example_messages(question: str, settings: RlSplits) -> Messages:
    """The system message where the recipe has one, and the question with its instruction."""
    content = f"{question}\n\n{settings.answer_instruction}".strip()
    system = ({"role": "system", "content": settings.system_prompt},)
    return (*(system if settings.system_prompt else ()), {"role": "user", "content": content})


def question_of(prompt: str, settings: RlSplits) -> str:
    """The question of an example, from its prompt as JSON: what ``example_messages`` put there."""
    content = str(orjson.loads(prompt)[-1]["content"])
    return content.removesuffix(settings.answer_instruction.strip()).strip()
