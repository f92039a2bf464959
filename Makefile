# `make up` runs Falaj, `make test` tests it, `make check` is everything CI runs.
# Each target installs what it needs into .venv, from pinned files; Python 3.11 or newer is all it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
# Where the environment forbids bytecode (many images do), every start would compile the CDK anew: 6 s.
export PYTHONDONTWRITEBYTECODE :=

PYTEST := $(BIN)/python -m pytest
# One more than there are cores: tests of processes wait a third of their time.
WIDE = -n $(shell $(PYTHON) -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))') --dist loadfile --no-loadscope-reorder
# Their functions answer within tight limits: not in a process where the regions of others still run.
APART := tests/local_region/access tests/local_region/test_canary.py

# Thousands of tests race real processes on busy cores: what failed is run once more, alone. What fails twice fails.
twice = $(PYTEST) $(1) || { test $$? -eq 1 && echo "once more, alone:" && $(PYTEST) --last-failed --last-failed-no-failures none; }

.PHONY: up test check format lint lock models clean help

help:  ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(UV):
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Falaj needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.run: requirements.txt pyproject.toml | $(UV)
	$(UV) pip install --python $(BIN)/python --require-hashes -r requirements.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(UV) pip install --python $(BIN)/python --require-hashes -r requirements-dev.txt
	touch $@

up: $(VENV)/.run  ## Build the models, synthesize the stacks and serve them on 127.0.0.1
	$(BIN)/falaj up

models: $(VENV)/.run  ## Build the catalogue's models from their pinned sources
	$(BIN)/falaj models build

test: $(VENV)/.dev models  ## Run the tests
	$(call twice,$(WIDE) $(APART:%=--ignore=%))
	$(call twice,$(WIDE) $(APART))

lint: $(VENV)/.dev  ## Formatting, lint, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint test  ## Everything CI runs

format: $(VENV)/.dev  ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE := $(CURDIR)/$(UV) pip compile -q --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11

lock: | $(UV)  ## Pin every requirements*.in anew
	$(COMPILE) --universal requirements.in -o requirements.txt
	$(COMPILE) --universal -c requirements.txt requirements-dev.in -o requirements-dev.txt
	for pins in layers/*/requirements.in; do \
	  (cd $$(dirname $$pins) && $(COMPILE) --universal -c ../../requirements.txt requirements.in -o requirements.txt) || exit 1; done
	for name in requirements requirements-cpu; do \
	  (cd gpu_endpoints && $(COMPILE) --python-platform x86_64-manylinux_2_28 $$name.in -o $$name.txt) || exit 1; done
	cd gpu_endpoints && $(COMPILE) --python-platform x86_64-manylinux_2_28 -c requirements-cpu.txt \
	  --excludes requirements-openvino-without.in requirements-openvino.in -o requirements-openvino.txt

clean:  ## Remove what was built (not .venv)
	rm -rf .build cdk.out .coverage .pytest_cache .mypy_cache .ruff_cache
