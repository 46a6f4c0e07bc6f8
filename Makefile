# Galerne: `make run` and `make test` are all a newcomer needs. `make help` lists the rest.
# Needs Python 3.11 or newer with venv; uses uv when it is there.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help run serve test test-browser check format lock docs screenshots bench torture clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Set everything up, then: this machine, what fits, and a chat (or one answer in a pipe)
	@$(BIN)/galerne

serve: $(VENV)/.run ## Start the daemon: API and web page; prints its address
	@$(BIN)/galerne serve

test: $(VENV)/.dev ## Set everything up and run the tests (browser tests where Chromium is installed)
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev ## Style, types, layers and generated docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m docs.generate --check

format: $(VENV)/.dev ## Put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.dev ## Write the generated reference again
	@$(BIN)/python -m docs.generate

screenshots: $(VENV)/.dev ## Take the pictures of the README again (Chromium)
	@$(BIN)/python -m docs.screenshots

bench: $(VENV)/.dev ## Run the benchmarks; keep results and docs/benchmarks.md
	@$(BIN)/python -m benchmarks --save

torture: $(VENV)/.dev ## The long fault tests, whole; CI runs a seeded sample
	@GALERNE_TORTURE=full $(BIN)/pytest -m "slow or not slow" -k torture --timeout 7200

lock: ## Pin every dependency again, with hashes (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt

clean: ## Remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

# One environment; the stamp of the larger set also satisfies the smaller.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Galerne needs Python 3.11 or newer; set PYTHON=..." if sys.version_info < (3, 11) else 0)'
ifdef UV
	@uv venv -q --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -m venv $(VENV)
endif

define install
	@echo "Setting up $(VENV) from requirements/$(1).txt (pinned, with hashes)..."
	$(if $(UV),@uv pip install -q --python $(BIN)/python --require-hashes -r requirements/$(1).txt,@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/$(1).txt)
	$(if $(UV),@uv pip install -q --python $(BIN)/python --no-deps -e .,@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .)
	@touch $@
endef

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	$(call install,run)

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(call install,dev)
	@touch $(VENV)/.run
