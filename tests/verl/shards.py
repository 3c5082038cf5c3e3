"""A checkpoint as verl's own manager writes it: FSDP shards of a model, from two processes.

python shards.py MODEL FOLDER       into FOLDER/actor, on CPUs, with gloo
"""

from __future__ import annotations

import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

RANKS = 2


def save(rank: int, model: str, folder: str) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from verl.utils.checkpoint.fsdp_checkpoint_manager import FSDPCheckpointManager

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "RANK": str(rank), "WORLD_SIZE": str(RANKS)}
    place = f"file://{folder}/rendezvous"
    dist.init_process_group("gloo", init_method=place, rank=rank, world_size=RANKS)
    mesh = init_device_mesh("cpu", (RANKS,), mesh_dim_names=("fsdp",))
    sharded = FullyShardedDataParallel(
        AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        device_mesh=mesh,
        device_id=torch.device("cpu"),
        sharding_strategy=ShardingStrategy.FULL_SHARD,
    )
    optimizer = torch.optim.AdamW(sharded.parameters())
    manager = FSDPCheckpointManager(
        model=sharded,
        optimizer=optimizer,
        lr_scheduler=torch.optim.lr_scheduler.ConstantLR(optimizer),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
    manager.save_checkpoint(f"{folder}/actor", global_step=1)
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(save, args=(sys.argv[1], sys.argv[2]), nprocs=RANKS)
