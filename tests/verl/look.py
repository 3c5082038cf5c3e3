"""What verl's own code makes of what the launcher wrote; run by the Python of verl's environment.

    python look.py CHECK FOLDER         verl_check.py's path, and a folder of overrides (*.txt)

Prints, behind ``LOOK``, JSON: ``checks`` (the outcome of each file), ``rewards`` (answers scored by
verl's reward worker), ``agent`` (masks of completions) and ``groups`` (what verl's V1 trainer does
with a sample whose verifier failed). One process for all, because verl takes long to import.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch


def main(check_path: str, folder: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("verl_check", check_path)
    assert spec is not None and spec.loader is not None
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    files = {path.stem: path.read_text().splitlines() for path in sorted(folder.glob("*.txt"))}
    return {
        "checks": {name: _checked(check, lines) for name, lines in files.items()},
        "rewards": asyncio.run(rewards(check.load(files["overlong"]))),
        "agent": asyncio.run(masks(check.load(files["plain"]))),
        "groups": asyncio.run(groups()),
    }


def _checked(check: Any, lines: list[str]) -> dict[str, Any]:
    try:
        return dict(check.main(lines))
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"}


async def rewards(config: Any) -> dict[str, Any]:
    """Answers to the first question, through the worker that verl starts for rewards."""
    from datasets import load_dataset
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    worker = RewardLoopWorker(config)
    row = load_dataset("parquet", data_files=config.data.train_files)["train"][0]
    truth = row["reward_model"]["ground_truth"]
    broken = {**row["extra_info"], "verifier_options": '{"no_such_option": 1}'}
    most = config.data.max_response_length
    words = worker.input_tokenizer.encode(" so", add_special_tokens=False)
    said = worker.input_tokenizer.encode(f"Answer: {truth}", add_special_tokens=False)
    long = (words * most)[: most - len(said)] + said
    found: dict[str, Any] = {"most": most, "data_source": row["data_source"]}
    for name, ids, info in (
        ("right", said, row["extra_info"]),
        ("wrong", words, row["extra_info"]),
        ("failing", said, broken),
        ("overlong", long, row["extra_info"]),
    ):
        try:
            made = await worker.compute_score(_data(ids, row, info))
            found[name] = float(made["reward_score"]), made["reward_extra_info"]["outcome"]
        except Exception as error:
            found[name] = type(error).__name__, str(error)
    return found


def _data(ids: list[int], row: dict[str, Any], info: dict[str, Any]) -> Any:
    from tensordict import TensorDict
    from verl import DataProto

    tokens = torch.tensor([ids])
    tensors = {"responses": tokens, "attention_mask": torch.ones_like(tokens)}
    objects = {"data_source": row["data_source"], "reward_model": row["reward_model"]}
    texts = {name: _one(value) for name, value in {**objects, "extra_info": info}.items()}
    return DataProto(batch=TensorDict(tensors, batch_size=[1]), non_tensor_batch=texts)


def _one(value: Any) -> Any:
    made = np.empty(1, dtype=object)
    made[0] = value
    return made


async def masks(config: Any) -> dict[str, Any]:
    """Masks of our agent loop, which verl finds by its YAML file, for three completions."""
    import hydra
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.utils.config import omega_conf_to_dataclass
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.workers.rollout.replica import TokenOutput

    tokenizer = omega_conf_to_dataclass(config.actor_rollout_ref.model).tokenizer
    agent = config.actor_rollout_ref.rollout.agent
    (entry,) = OmegaConf.load(agent.agent_loop_config_path)
    assert entry.name == agent.default_agent_loop
    most, end = config.data.max_response_length, tokenizer.eos_token_id
    found = {}
    for name, ids in (
        ("short", [7, 8, end]),
        ("just_fits", [7] * (most - 1) + [end]),
        ("cut_off", [7] * most),
    ):

        async def generate(ids: list[int] = ids, **_: Any) -> Any:
            return TokenOutput(token_ids=ids)

        loop = hydra.utils.instantiate(
            entry,
            trainer_config=DictConfigWrap(config),
            server_manager=SimpleNamespace(generate=generate),
            tokenizer=tokenizer,
            processor=None,
            hf_model_type="qwen3",
            dataset_cls=RLHFDataset,
            data_config=DictConfigWrap(config.data),
            tools=[],
        )
        output = await loop.run({}, raw_prompt=[{"role": "user", "content": "How long?"}])
        found[name] = len(output.response_ids), sum(output.response_mask)
    return found


async def groups() -> dict[str, Any]:
    """A group of four whose second sample got no verdict: what becomes of it and of the others."""
    from omegaconf import OmegaConf
    from verl.trainer.ppo.v1 import agent_loop_tq
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

    told, done = [], []

    async def put(*, tag: dict[str, str], **_: Any) -> None:
        told.append(tag["status"])

    async def session(*_: Any, session_id: int, **__: Any) -> None:
        if session_id == 1:
            raise RuntimeError("VerifierFailed")
        await asyncio.sleep(0.01)
        done.append(session_id)

    rollout = {"actor_rollout_ref": {"rollout": {"n": 4, "val_kwargs": {"n": 1}}}}
    worker: Any = SimpleNamespace(config=OmegaConf.create(rollout), _run_agent_loop=session)
    agent_loop_tq.tq = SimpleNamespace(async_kv_put=put)
    actor = agent_loop_tq.AgentLoopWorkerTQ.__ray_metadata__.modified_class
    await actor._run_prompt(worker, {"uid": "u"}, {}, {"validate": False})
    buffer: Any = SimpleNamespace(finished_keys={"train": set()}, failure_keys={"train": {"u"}})
    nothing: tuple[set[str], set[str], set[str], Any] = (set(), set(), set(), None)
    kept = ReplayBuffer._sampleable_terminal_keys(buffer, "train", nothing)
    return {
        "told": told,
        "done": sorted(done),
        "kept": sorted(kept),
        "advantages": advantages([f"u_{i}_0" for i in done], [1.0, 0.0, 1.0]),
    }


def advantages(keys: list[str], scores: list[float]) -> list[float]:
    """Of a group's samples that are there, as verl's V1 trainer computes them."""
    from tensordict import TensorDict
    from verl import DataProto
    from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

    tensors = {
        "token_level_rewards": torch.tensor([[0.0, score] for score in scores]),
        "response_mask": torch.ones(len(scores), 2),
    }
    uid = np.array(["u"] * len(scores), dtype=object)
    data = DataProto(
        batch=TensorDict(tensors, batch_size=[len(scores)]), non_tensor_batch={"uid": uid}
    )
    made = compute_advantage_for_multi_trajectories(
        data, keys, adv_estimator="grpo", norm_adv_by_std_in_grpo=False
    )
    return [round(float(one), 3) for one in made.batch["advantages"][:, 0]]


if __name__ == "__main__":
    print("LOOK", json.dumps(main(sys.argv[1], Path(sys.argv[2]))), flush=True)
