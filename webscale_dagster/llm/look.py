"""Looks whether a model can be reached, without asking it anything: for ``webscale doctor``.

Sends ``GET /models``; runs ``vllm --version`` and ``nvidia-smi``. Writes nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import orjson

from webscale_dagster.llm.endpoint import headers
from webscale_dagster.llm.vllm_command import vllm
from webscale_dagster.models import ModelChoice

_SECONDS = 15.0
_LOCAL = ("localhost", "127.0.0.1", "::1")


def look(model: ModelChoice) -> str:
    """What was found; raises RuntimeError, with the remedy, where the model cannot answer."""
    if model.backend == "extractive":
        return "extractive: needs no endpoint, no key, no GPU"
    if model.on_this_gpu:
        return f"{model.backend}: {vllm()}, {_gpu()}"
    if model.by_hand:
        return "batch by hand: request files are carried to the GPU host"
    return "; ".join(_look_at(model, address) for address in model.endpoints)


def _look_at(model: ModelChoice, address: str) -> str:
    sent = headers(model)
    parts = urlsplit(address)
    if "Authorization" in sent and parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise RuntimeError(f"{address}: the key would travel unencrypted; use https")
    request = urllib.request.Request(f"{address.rstrip('/')}/models", headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as reply:
            names = [str(entry["id"]) for entry in orjson.loads(reply.read())["data"]]
    except urllib.error.HTTPError as error:
        key = f"set {model.api_key_env}" if error.code in (401, 403) else "check the address"
        raise RuntimeError(f"{address}: HTTP {error.code}; {key}") from None
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        raise RuntimeError(f"{address}: {error}; is the server up?") from None
    if model.name not in names:
        raise RuntimeError(f"{address} serves {', '.join(names[:5])}; wanted {model.name}")
    key = "with a key" if os.environ.get(model.api_key_env) else f"no {model.api_key_env} is set"
    return f"{model.backend}: {address} serves {model.name}, {key}"


def _gpu() -> str:
    if not shutil.which("nvidia-smi"):
        return "no nvidia-smi here"
    query = ["nvidia-smi", "--query-gpu=name,memory.free", "--format=csv,noheader"]
    found = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return "; ".join(found.stdout.splitlines()) or found.stderr.strip()
