"""Stands in for ``verl.model_merger``: the tokenizer's folder of a checkpoint as the model."""

from __future__ import annotations

import shutil
import sys

arguments = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
shutil.copytree(arguments["--local_dir"] + "/huggingface", arguments["--target_dir"])
