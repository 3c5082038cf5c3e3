"""Whether verl takes what it is given: its configuration, its data and its reward function.

    <python of verl's environment> verl_check.py OVERRIDES        a file, an override a line

A script of its own, for an environment without the package's dependencies. Loads the configuration
as ``verl.trainer.main_ppo`` does, validates it, imports the trainer, builds verl's dataset of both
files and scores a right answer of each ``data_source`` through verl's own loader. Prints a line of
JSON that begins with ``VERL-CHECK``: ``problem``, or versions and counts. Writes nothing.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import sys
from typing import Any

MARK = "VERL-CHECK "


def main(overrides: list[str]) -> dict[str, Any]:
    """What was found; raises what verl raises."""
    config = load(overrides)
    importlib.import_module("verl.trainer.ppo.v1")  # the trainer: is what it imports there?
    found: dict[str, Any] = {name: _version(name) for name in ("verl", "torch", "ray")}
    engine = config.actor_rollout_ref.rollout.name
    found["engine"] = engine if importlib.util.find_spec(engine) else ""
    found |= datasets(config)
    found["scores"] = scores(config)
    return found


def load(overrides: list[str]) -> Any:
    """The configuration, validated by verl; its dataclasses are made once."""
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    ours = [one for one in overrides if not one.startswith("hydra.")]
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides=ours)
    validate_config(config, need_reference_policy(config), need_critic(config))
    OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    for part in (
        config.algorithm,
        config.actor_rollout_ref.rollout,
        config.actor_rollout_ref.actor,
    ):
        omega_conf_to_dataclass(part)
    return config


def datasets(config: Any) -> dict[str, int]:
    """Rows that verl's dataset keeps of each file, after prompts that are too long."""
    from verl.trainer.ppo.utils import create_rl_dataset
    from verl.utils.config import omega_conf_to_dataclass

    tokenizer = omega_conf_to_dataclass(config.actor_rollout_ref.model).tokenizer
    data = config.data
    made = {}
    for name, files, most in (
        ("train", data.train_files, data.train_max_samples),
        ("validation", data.val_files, data.val_max_samples),
    ):
        rows = create_rl_dataset(
            files, data, tokenizer, None, is_train=name == "train", max_samples=most
        )
        made[name] = len(rows)
        if not made[name]:
            raise ValueError(f"{files}: no prompt has at most {data.max_prompt_length} tokens")
        if not {"raw_prompt", "index"} <= set(rows[0]):
            raise ValueError(f"{files}: verl's dataset makes rows of {sorted(rows[0])}")
    if made["train"] < data.train_batch_size:
        raise ValueError(
            f"{made['train']} questions are left for training, fewer than a batch of "
            f"{data.train_batch_size}"
        )
    return made


def scores(config: Any) -> dict[str, str]:
    """What became of one right answer of each ``data_source``."""
    from datasets import load_dataset
    from verl.trainer.ppo.reward import get_custom_reward_fn, resolve_reward_manager_cls

    resolve_reward_manager_cls(config)
    reward = get_custom_reward_fn(config)
    found: dict[str, str] = {}
    for row in load_dataset("parquet", data_files=config.data.train_files)["train"]:
        kind = row["data_source"]
        if kind not in found:
            truth = row["reward_model"]["ground_truth"]
            said = {"data_source": kind, "solution_str": f"Answer: {truth}", "ground_truth": truth}
            try:
                found[kind] = reward(**said, extra_info=row["extra_info"])["outcome"]
            except Exception as error:  # of one verifier; the others are looked at as well
                found[kind] = f"{type(error).__name__}: {error}"
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().splitlines()
    try:
        said = main(lines)
    except Exception as error:
        said = {"problem": f"{type(error).__name__}: {error}"}
    print(MARK + json.dumps(said), flush=True)
    sys.exit("problem" in said)
