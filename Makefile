# Two commands for a fresh machine: `make demo` and `make test`. Each installs what it
# needs into .venv first, once; `make clean` starts over.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The constraints make installs reproducible; CONSTRAINTS= installs the newest instead.
CONSTRAINTS ?= constraints.txt
INSTALL := $(PIP) install --quiet $(if $(CONSTRAINTS),-c $(CONSTRAINTS))
# Worker processes of the tests. Each trains on one thread: two per core would fight.
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench clean

help:
	@echo "make demo     train on embedded data, print a table, write demo.png"
	@echo "make test     run the tests"
	@echo "make lint     ruff and mypy"
	@echo "make bench    benchmarks (README in benchmarks/)"
	@echo "make install  install the package into $(VENV)"
	@echo "make clean    remove $(VENV)"

$(VENV)/base: pyproject.toml constraints.txt
	@echo "Installing sklearn_crossmodal and what it needs into $(VENV) (torch is large: a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e '.[plot,progress]'
	@touch $@

$(VENV)/test: $(VENV)/base
	@echo "Installing what the tests need ..."
	@$(INSTALL) -e '.[test]'
	@touch $@

$(VENV)/lint: $(VENV)/base
	@echo "Installing ruff and mypy ..."
	@$(INSTALL) -e '.[lint]'
	@touch $@

$(VENV)/bench: $(VENV)/base
	@echo "Installing what the benchmarks compare with ..."
	@$(INSTALL) -e '.[bench]'
	@touch $@

install: $(VENV)/base

demo: $(VENV)/base
	$(BIN)/python examples/plot_caption_ranker.py demo.png

test: $(VENV)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/bench
	$(BIN)/python benchmarks/training_epoch.py
	$(BIN)/python benchmarks/retrieval_metrics.py
	$(BIN)/python benchmarks/memmap_features.py
	$(BIN)/python benchmarks/log_mel.py

clean:
	rm -rf $(VENV)
