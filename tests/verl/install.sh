#!/usr/bin/env bash
# verl 0.9.1 for a machine without a GPU, in .venv-verl at the top of the repository (1.7 GB).
# For tests only: it reads verl's configuration, data and reward function and merges checkpoints, but
# it cannot train, for the generating engines (vLLM, SGLang) are not there.
# Does nothing when what is there was made from these very files; makes it anew otherwise.
set -euo pipefail
cd "$(dirname "$0")"
venv=../../.venv-verl
stamp=$venv/.made-from
files=(install.sh overrides.txt)

step() { echo "verl for tests: $*"; }
stop() {
    echo "verl for tests: $*" >&2
    exit 1
}
uv() { "$venv/bin/uv" "$@" --quiet --python "$venv/bin/python"; }

made_from=$(cat "${files[@]}" | sha256sum | cut -d' ' -f1)
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$made_from" ]; then
    step "is there"
    exit 0
fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))' ||
    stop "verl needs Python 3.10, 3.11 or 3.12; name it: PYTHON=/path/to/python3.12"

step "new environment .venv-verl"
rm -rf "$venv"
"$python" -m venv "$venv"
echo '*' >"$venv/.gitignore"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" uv

step "torch 2.13.0, built for CPU"
"${pip[@]}" --no-deps torch==2.13.0+cpu || # a plain 2.13.0 may be a CUDA build
    stop "a CPU build of torch 2.13.0 must be reachable to pip, by its index or PIP_FIND_LINKS"

step "verl 0.9.1"
# Its trainer imports more than it requires: from TransferQueue to uvicorn. The last two are what our
# verifiers use, math-verify with the antlr4 4.9.3 that hydra wants.
uv pip install --override overrides.txt verl==0.9.1 'TransferQueue==0.1.11' 'pillow>=11' \
    'cachetools>=5' 'fastapi>=0.115' 'uvicorn>=0.30' \
    'math-verify[antlr4_9_3]==0.9.0' 'pint>=0.25,<0.26'

echo "$made_from" >"$stamp"
step "$("$venv/bin/python" -c 'from importlib.metadata import version as v; print(*(f"{n} {v(n)}" for n in ("verl", "torch", "transformers", "ray")))')"
