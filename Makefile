# Everything a newcomer and the continuous integration need. `make` alone lists it.

# The interpreter to make .venv with (found when not given), processes for the tests, the port of the user interface,
# more arguments for pytest or the benchmarks.
PYTHON ?=
WORKERS ?= auto
PORT ?= 3000
ARGS ?=

BIN := .venv/bin
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo ui test test-slow train-smoke fuzz lint bench constraints clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/.ready-run ## Send real DICOM files through the whole platform, on this machine
	@scripts/tesseract
	@$(BIN)/python -m assets.demo

ui: .venv/.ready-run ## Open Dagster on what the demo left, at http://127.0.0.1:3000
	@scripts/ui $(PORT)

test: .venv/.ready-dev ## Run the tests (ARGS="-k name" for some of them)
	@scripts/tesseract
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile $(ARGS)

test-slow: .venv/.ready-dev ## Run the long variants of tests that `make test` leaves out
	@scripts/tesseract
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 -m slow $(ARGS)

train-smoke: .venv/.ready-train ## Train a model for a few steps and export it (installs PyTorch; docs/training.md)
	@$(BIN)/python -m pytest tests/training $(ARGS)

fuzz: .venv/.ready-dev ## Feed cleaning with broken files and nasty texts (ARGS="--minutes 15"); keeps what breaks in .fuzz
	@$(BIN)/python -m tests.fuzz $(ARGS)

lint: .venv/.ready-dev ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: .venv/.ready-dev ## Run the benchmarks, each writes JSON
	@scripts/tesseract
	@scripts/bench $(ARGS)

constraints: .venv/.ready-run ## Pin the newest versions that pyproject.toml allows in constraints.txt
	@$(BIN)/python scripts/constraints.py

clean: ## Remove what these targets made: the environment, the demo's state, caches
	rm -rf .venv .demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready-%: pyproject.toml constraints.txt scripts/environment
	@scripts/environment $*
