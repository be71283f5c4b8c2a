# Everything starts here; each target sets up what it needs. `make help` lists them.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= python3.11
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Setting up compiles nothing ahead: forbidden to keep what it compiles, Python would compile all that it imports each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs format bench bench-quick clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with the exact set of versions in constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev,onnx,postgres,ray,spark]'
	@touch $(STAMP)

demo: $(STAMP) ## Run the whole line on real mails, in this directory's workspace
	thawline run

test: $(STAMP) ## Run the tests
	pytest -n 2 --dist loadgroup

check: $(STAMP) ## Format, lint, types, import rules, docstrings and tests
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	$(MAKE) test

docs: $(STAMP) ## Write docs/reference.md from the code
	python -m flows.reference > docs/reference.md

format: $(STAMP) ## Put the code into its form
	ruff format .
	ruff check --fix .

bench: $(STAMP) ## Measure us and our peers, side by side (hours), and write docs/benchmarks.md
	python -m bench
	python -m bench.report

bench-quick: $(STAMP) ## The same with reduced sizes, under ten minutes; the page stays as it is
	python -m bench --quick

clean: ## Remove what was made here, but the data and its versions
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
