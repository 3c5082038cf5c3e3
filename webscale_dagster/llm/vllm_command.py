"""The command line of vLLM, as we start it: where it is, and the flags that replies rely on.

Makes lists of arguments; reads the environment, writes nothing.
"""

from __future__ import annotations

import os
import shutil

from webscale_dagster.llm.errors import WrongConfiguration
from webscale_dagster.models import ModelChoice

# Guidance keeps to the bounds of strings, where xgrammar lets raw control characters through;
# without free white space a reply is shorter and is cut off less often.
_GRAMMAR = '{"backend":"guidance","disable_any_whitespace":true}'
_DEFAULTS = {
    "--structured-outputs-config": (_GRAMMAR,),
    "--enable-prompt-tokens-details": (),  # reports what the prefix cache served
}


def vllm() -> str:
    """The program: ``WEBSCALE_VLLM``, else the one on the path."""
    found = os.environ.get("WEBSCALE_VLLM") or shutil.which("vllm")
    if not found or not shutil.which(found):
        raise WrongConfiguration(
            f"{found or 'vllm'}: no such program. Install vLLM in an environment of its own "
            "(pip install 'vllm>=0.25,<0.33' -c constraints-vllm.txt) and set WEBSCALE_VLLM to its "
            "bin/vllm; or name a running server: --model URL#NAME"
        )
    return found


def engine_flags(choice: ModelChoice) -> list[str]:
    """The model and its flags, ours where the recipe does not set them."""
    given = {flag.partition("=")[0] for flag in choice.flags}
    ours = [
        part for flag, values in _DEFAULTS.items() if flag not in given for part in (flag, *values)
    ]
    return ["--served-model-name", choice.name, *ours, *choice.flags]
