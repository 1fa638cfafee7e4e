# One command for each thing a person does here. `make` alone lists them.
# Needs Python 3.11 or later, make, and a package index that pip is configured for.

PYTHON3 ?= python3
UV      ?= uv

# Compiled modules are kept, whatever the environment says: tests start the product a hundred times.
export PYTHONDONTWRITEBYTECODE =

VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/ready
# One more than there are cores: some tests mostly wait.
SPREAD := --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --maxprocesses 5 --dist loadscope --no-loadscope-reorder
LOCK   := $(UV) pip compile --quiet --universal --python-version 3.11 \
          --generate-hashes --no-header --no-annotate --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help setup test check demo bench crash lock clean

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## Make .venv from the locked requirements (once)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Seamline needs Python 3.11 or later; say which with: make setup PYTHON3=/path/to/python3.11"; exit 1; }
	$(PYTHON3) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(PYTHON) -m compileall -qq -j 0 $(VENV)/lib runtime connectors flows
	@touch $@

test: $(READY) ## Everything but the measurements and the long crash runs; minutes
	$(PYTHON) -m pytest $(SPREAD)

check: $(READY) ## Format, lint, types, layers and the tests that start nothing; about two minutes
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --config .importlinter --no-logo
	$(PYTHON) -m pytest -q $(SPREAD) tests/architecture tests/unit

demo: $(READY) ## A seeded day, judged by an observer; N=100 orders (default 2000), KEEP=1 stays up afterwards
	$(PYTHON) -m flows.cli demo $(if $(N),--orders $(N))

bench: $(READY) ## Seamline beside its floor, on this machine; what an order costs in each format
	$(PYTHON) -m tests.benchmarks.bench
	$(PYTHON) -m tests.benchmarks.formats
	$(PYTHON) -m tests.benchmarks.payouts

crash: $(READY) ## Kill the real process N=200 times (the default) and count what the outside saw
	SEAMLINE_CRASH_RUNS=$(or $(N),200) $(PYTHON) -m pytest -m "slow or not slow" --timeout=3600 tests/crash

lock: ## Renew requirements/*.txt from pyproject.toml (needs uv)
	$(LOCK) --upgrade pyproject.toml requirements/build.in --output-file requirements/run.txt
	$(LOCK) --upgrade --extra dev pyproject.toml requirements/build.in \
	  --constraints requirements/run.txt --output-file requirements/dev.txt

clean: ## Remove what was made here: .venv, caches, builds, measurements
	rm -rf $(VENV) build dist var *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
