"""verl's single-turn agent loop, without the loss of completions that were cut off.

Makes ``MaskTruncated``; reads and writes nothing. Imported in verl's environment only: a YAML file
in ``actor_rollout_ref.rollout.agent.agent_loop_config_path`` names it. As TRL's
``mask_truncated_completions`` (DAPO's overlong filtering, arXiv 2503.14476, section 3.4): the
completion's reward still counts in its group's mean, its tokens in no loss.
"""

from __future__ import annotations

from typing import Any

from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop


class MaskTruncated(SingleTurnAgentLoop):
    """Cut off is a completion that is as long as allowed and does not end."""

    async def run(self, sampling_params: dict[str, Any], **columns: Any) -> Any:
        """The completion; its mask is empty where it was cut off."""
        output = await super().run(sampling_params, **columns)
        ids = output.response_ids
        if len(ids) >= self.response_length and ids[-1] != self.tokenizer.eos_token_id:
            output.response_mask = [0] * len(ids)
        return output
