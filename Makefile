# Everything a checkout needs, with nothing but Python >= 3.11 and make: set-up is done by the target that needs it.
# Paths are relative on purpose: make cannot name a file whose path holds a space, and the checkout's may.

PYTHON_IN_VENV := .venv/bin/python
BASE := .venv/.ready-base
DEV := .venv/.ready-dev
BENCH := .venv/.ready-bench
SETUP_INPUTS := scripts/setup.sh pyproject.toml
# Tests wait for disks and processes about as long as they compute: two for each processor.
PROCESSES := $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))
PYTEST_ARGS ?= -n $(PROCESSES) --dist worksteal

.PHONY: help demo demo-llm setup test lint lint-style lint-types lint-layers faults bench docs lock clean

help:  ## Show what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
	    printf '%-14s %s\n' "$$target" "$$text"; done

demo: $(BASE)  ## Set up, then ingest, search and show the sample sessions
	@scripts/demo.sh

demo-llm: $(BASE)  ## Set up, then have a server on this machine that speaks Gemini's protocol summarize them
	@scripts/demo_llm.sh

setup: $(DEV)  ## Set up .venv with everything that development needs

test: $(DEV)  ## Set up, then run the tests
	$(PYTHON_IN_VENV) -m pytest $(PYTEST_ARGS)

lint: lint-style lint-types lint-layers  ## Set up, then check style, types and the direction of imports

lint-style: $(DEV)
	$(PYTHON_IN_VENV) -m ruff check --output-format concise .

lint-types: $(DEV)
	$(PYTHON_IN_VENV) -m mypy

lint-layers: $(DEV)
	.venv/bin/lint-imports

faults: $(DEV)  ## Set up, then run the long fault tests (hours; FAULTS_SHARE=20 takes one point in 20)
	HYPOTHESIS_PROFILE=full $(PYTHON_IN_VENV) -m pytest -m 'sweep or hypothesis' $(PYTEST_ARGS)

bench: $(BENCH)  ## Set up, then run the benchmarks at a small size (benchmarks/README.md has the large ones)
	$(PYTHON_IN_VENV) -m benchmarks.ingest --sessions 2000 --files 20
	$(PYTHON_IN_VENV) -m benchmarks.search --sessions 2000 --runs 3
	$(PYTHON_IN_VENV) -m benchmarks.together --sessions 2000 --runs 3
	$(PYTHON_IN_VENV) -m benchmarks.cold_start --sessions 2000
	$(PYTHON_IN_VENV) -m benchmarks.reindex --sessions 2000
	$(PYTHON_IN_VENV) -m benchmarks.prune --sessions 2000
	$(PYTHON_IN_VENV) -m benchmarks.backup --sessions 2000 --runs 1
	$(PYTHON_IN_VENV) -m benchmarks.original --sessions 2000
	$(PYTHON_IN_VENV) -m benchmarks.worker --sessions 500 --runs 3
	$(PYTHON_IN_VENV) -m benchmarks.readers --megabytes 2
	$(PYTHON_IN_VENV) -m benchmarks.gemini --seconds 6

docs: $(DEV)  ## Write the generated pages of docs/ again
	$(PYTHON_IN_VENV) -m scripts.generate_docs

lock:  ## Pin the newest allowed versions in requirements/ (needs uv)
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-annotate --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command 'make lock' pyproject.toml requirements/build.in -o requirements/base.txt
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-annotate --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command 'make lock' -c requirements/base.txt \
	    pyproject.toml requirements/build.in --group dev -o requirements/dev.txt
	uv pip compile --quiet --universal --upgrade --generate-hashes --no-annotate --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command 'make lock' -c requirements/dev.txt \
	    pyproject.toml requirements/build.in --group dev --group bench -o requirements/bench.txt

clean:  ## Remove everything that was made here: environment, caches, the demo's store
	rm -rf .venv .demo-store .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist benchmarks/data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# bench holds all of dev and dev all of base: whoever has the larger set needs no run for the smaller.
$(BASE): requirements/base.txt $(SETUP_INPUTS)
	@echo 'Setting up .venv (once)'
	@scripts/setup.sh base

$(DEV): requirements/dev.txt $(SETUP_INPUTS)
	@echo 'Setting up .venv for development (once)'
	@scripts/setup.sh dev
	@touch $(BASE)

$(BENCH): requirements/bench.txt $(SETUP_INPUTS)
	@echo 'Setting up .venv for benchmarks (once)'
	@scripts/setup.sh bench
	@touch $(BASE) $(DEV)
