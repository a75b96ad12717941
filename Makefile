# Everything that the README tells you to run. Needs Python 3.11 or newer, make, and the package registries.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHANNEL_MANAGER := $(BIN)/channel-manager

# Tests share the machine with a PostgreSQL and the services that they start.
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help install demo demo-kafka serve test unit lint types imports format wheel bench chaos lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed  ## the virtual environment, with everything that is locked

# uv installs in seconds what pip takes half a minute for; it comes from the same registry.
$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "python3 -m venv failed: install Python's venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep -oE '^uv==[0-9.]+' requirements.lock)
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## the life of an order, told step by step; the tickets are kept in build/demo
	@$(CHANNEL_MANAGER) demo --save build/demo

demo-kafka: install  ## the same over Kafka with a process a role; the broker by Docker, or by Java and Maven
	@$(BIN)/python -m tests.demo_kafka

serve: install  ## the service on port 8080, with an embedded PostgreSQL in .data
	@$(CHANNEL_MANAGER) serve --port 8080

test: lint types imports unit  ## everything: linters, types, layers, all tests, the wheel
	@test "$$CI" != true || { sh infra/kafka/install-java.sh && sh tests/install-chromium.sh; }
	@$(BIN)/python -m pytest tests --ignore=tests/unit -n $(WORKERS) --dist worksteal
	@$(MAKE) --no-print-directory wheel

unit: install  ## the quick part: the pure domain, with its branch coverage
	@$(BIN)/python -m pytest tests/unit -n 2 --cov=domain --cov-branch --cov-report=term:skip-covered --cov-fail-under=95

lint: install  ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: install  ## mypy
	@$(BIN)/mypy
	@$(BIN)/mypy --explicit-package-bases tests

imports: install  ## the layers
	@$(BIN)/lint-imports --no-logo

format: install  ## rewrite as ruff wants it
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

wheel: install  ## build the wheel, install it into a fresh environment, run it from /
	@$(BIN)/python -m tests.wheel

bench: install  ## what the service does per second, against a bare server; ROWS=create,settled: only these
	@$(BIN)/python -m tests.bench $(if $(ROWS),--rows $(ROWS))

chaos: install  ## kill and stop the service's processes at random under load; ROUNDS=5, SEED=any, SHORT=1 as in CI, KAFKA=1
	@$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),5) $(if $(SEED),--seed $(SEED)) $(if $(SHORT),--short) $(if $(KAFKA),--kafka)

lock: $(VENV)/.installed  ## lock the dependencies anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--python-version 3.11 --extra dev pyproject.toml --output-file requirements.lock

clean:  ## what was built; not the data
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
