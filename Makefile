# `make` alone prints this list.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-learning check supply-chain proto lock bench chaos style types imports contract generated images reference refuse-path docs quick lint-kubernetes

# The first Python that can make a virtual environment for us; name another with `make setup PYTHON=…`.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
  "$$name" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && exit; \
  done; echo python3)
BIN := .venv/bin
EXTRAS := export,mobile,weights,tracker,stack,audit,studio,kubernetes,search,dask
SETUP_BEGAN_AT := $(shell date +%s)
# Folder that the generated Python is written under.
GENERATED ?= shared
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Without its cache of bytecode every process compiles torch anew: 16 s of a core in place of 6 for a training process.
unexport PYTHONDONTWRITEBYTECODE

# Ctrl-C reaches every program of the terminal; ours says what to do in place of a traceback.
HEED_CTRL_C := trap 'echo; echo "interrupted: the same command goes on with it"; exit 130' INT TERM
NOT_INSTALLED := { tail -n 20 .venv/setup.log >&2; \
  echo "The Python packages could not be installed: the set-up needs a way to a Python package index" \
    "(or pip and uv configured for a mirror of one)." >&2; exit 1; }

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make the virtual environment, fetch what the stack lacks
	@$(BIN)/python -m deploy.local setup

demo: setup ## Start everything, train on rendered cards, show the exported model, stop
	@$(BIN)/python -m deploy.local demo --setup-began-at $(SETUP_BEGAN_AT)

up: setup ## Start everything and keep it running; addresses in .local/stack.env
	@$(BIN)/python -m deploy.local up

down: ## Stop what `make up` started in another terminal
	@$(BIN)/python -m deploy.local down

# Two at a time, each with a broker and a store of its own: much of the time goes in waiting for processes. On more than
# two cores, `make test WORKERS=4`.
WORKERS ?= 2
test: setup ## Run all tests but the measurements
	$(BIN)/python -m pytest -m "not bench and not chaos" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

TIMES ?= 3
test-learning: setup ## Train every architecture on TIMES (3) times the images, for TIMES times the epochs
	$(BIN)/python -m pytest tests/learning -m "not chaos" --larger $(TIMES) --timeout 3600 -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup ## Measure speed and memory
	$(BIN)/python -m pytest -m bench -s $(ARGS) || [ $$? -eq 5 ] # 5: nothing is marked so
	$(BIN)/python -m tests.bench.relay
	$(BIN)/python -m tests.bench.monitor_curves
	$(BIN)/python -m tests.bench.monitor_watchers
	$(BIN)/python -m tests.bench.replay
	$(BIN)/python -m tests.bench.planted_faults
	$(BIN)/python -m tests.bench.validator_speed
	$(BIN)/python -m tests.bench.validator_memory
	$(BIN)/python -m tests.bench.validator_million --images 1000 10000 100000
	$(BIN)/python -m tests.bench.search

MINUTES ?= 30
chaos: setup ## Real runs for MINUTES (30) while services, broker and store are killed: what was lost or doubled
	$(BIN)/python -m tests.small_disk $(BIN)/python -m pytest -m chaos tests/connected tests/chaos tests/learning tests/browser
	$(BIN)/python -m tests.small_disk $(BIN)/python -m tests.chaos --minutes $(MINUTES) --write docs/reliability.md $(ARGS)

# Left to `make test`: what builds networks or decodes thousands of pictures.
SLOW_UNITS := augmentation dataset_validator exporter inference trainer validation zoo
quick: .venv/.ready style types imports ## What a change needs in two minutes: rules, types, tests without torch and servers
	$(BIN)/python -m pytest tests/house tests/contract tests/unit $(SLOW_UNITS:%=--ignore=tests/unit/%) -n 2 --durations 5 $(ARGS)

check: .venv/.ready style types imports contract generated images supply-chain docs ## Hold code, contract, images, dependencies and documentation to their rules

# A linter of a hundred packages, in a place of its own.
CHECKOV := .local/checkov
lint-kubernetes: setup ## Hold the rendered manifests to Checkov's rules (installs it; needs kubectl)
	@test -x $(CHECKOV)/bin/checkov || { $(BIN)/uv venv -q $(CHECKOV) && $(BIN)/uv pip install -q --python $(CHECKOV)/bin/python checkov==3.3.30; }
	$(BIN)/python -m pytest -q tests/house/test_manifest_linter.py

style:
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# The second says so and goes on where Node.js, or a registry of its packages, is out of reach.
types:
	$(BIN)/mypy
	@$(BIN)/python -m tests.house.javascript

imports:
	$(BIN)/lint-imports --no-cache

# Compared with main as it is committed; a first commit has nothing to break.
contract:
	$(BIN)/buf lint
	@main=$$(git rev-parse --verify --quiet main || git rev-parse --verify --quiet origin/main || true); \
	if [ -z "$$main" ] || ! git cat-file -e "$$main:proto" 2>/dev/null; then echo "buf breaking: no main to compare with"; exit 0; fi; \
	before=$$(mktemp -d); trap 'rm -rf "$$before"' EXIT; \
	git archive "$$main" buf.yaml proto | tar -x -C "$$before"; \
	$(BIN)/buf breaking --against "$$before" && echo "buf breaking: nothing broken since $${main:0:12}"

generated:
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(MAKE) --silent proto GENERATED="$$fresh"; \
	for room in events api; do \
	  diff -r -x __init__.py -x __pycache__ "$$fresh/truscore/$$room/v1" "shared/truscore/$$room/v1" || { \
	    echo "shared/truscore/$$room/v1 is not what proto/ gives: run make proto"; exit 1; }; \
	done; echo "generated code: as proto/ gives it"

images:
	@for file in $$(git ls-files '*Dockerfile*'); do $(BIN)/hadolint "$$file" && echo "hadolint: $$file is fine"; done

# Without a source of advisories within reach the last says so; all else needs no network.
supply-chain: .venv/.ready ## Hold dependencies to the list of licences, look for secrets and for known vulnerabilities
	@$(BIN)/python -m deploy.supply_chain.licences
	@$(BIN)/python -m deploy.supply_chain.secrets
	@$(BIN)/python -m deploy.supply_chain.advisories $${TRUSCORE_ADVISORIES_URL:+--source "$$TRUSCORE_ADVISORIES_URL"}

proto: .venv/.ready ## Regenerate the Python of the contract from proto/
	@mkdir -p $(GENERATED)
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=$(GENERATED) --mypy_out=$(GENERATED) $$(find proto -name '*.proto' | sort)
	$(BIN)/python -m grpc_tools.protoc -I proto --grpc_python_out=$(GENERATED) --mypy_grpc_out=$(GENERATED) $$(find proto/truscore/api -name '*.proto' | sort)

reference: .venv/.ready ## Write the generated pages of docs/ anew
	$(BIN)/python -m docs.generate
	$(BIN)/python -m truscore.bus.asyncapi > docs/asyncapi.json.new && mv docs/asyncapi.json.new docs/asyncapi.json

docs: .venv/.ready ## Build the documentation as a site in .local/site; broken links fail
	$(BIN)/zensical build --strict
	@echo "the site: .local/site/index.html"

lock: .venv/.ready ## Resolve the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group dev --universal --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --python-version 3.11 -o requirements.lock

# A search path is divided at colons, and Python refuses to make an environment below such a folder.
refuse-path:
	@case "$$PWD" in *[:[:cntrl:]]*) \
	  echo "The folder '$$PWD' has a colon or a control character in its path: move it to one without."; exit 1;; esac

.venv/.ready: requirements.lock pyproject.toml | refuse-path
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "No Python 3.11 or newer found. Debian, Ubuntu: sudo apt-get install python3 python3-venv;" \
	    "or name one: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. Debian, Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@# One whose making was interrupted has no pip: it is made anew.
	@$(HEED_CTRL_C); $(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "making .venv"; \
	  made=$$($(PYTHON) -m venv --clear .venv 2>&1) || { echo "$$made"; exit 1; }; }
	@# pip installs only uv, by the lock's hashes; uv does the rest in a tenth of the time.
	@awk '/^[^ ]/ {ours = /^uv==/} ours' requirements.lock > .venv/uv.lock
	@echo "installing the Python packages of requirements.lock into .venv (about 3 GB to fetch the first time)"
	@$(HEED_CTRL_C); $(BIN)/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes \
	  -r .venv/uv.lock 2>.venv/setup.log || $(NOT_INSTALLED)
	@$(HEED_CTRL_C); $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints requirements.lock --group dev \
	  -e '.[$(EXTRAS)]' 2>.venv/setup.log || $(NOT_INSTALLED)
	@touch $@
