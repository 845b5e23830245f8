# `make demo` and `make test` do everything on a fresh machine; `make setup` does the set-up alone.

PYTHON := .venv/bin/python
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
TESTS ?= tests

.PHONY: setup demo test check bench

setup:
	@scripts/setup

demo: setup
	@$(AS_ROOT) $(PYTHON) demo/guide.py

test: setup
	$(AS_ROOT) $(PYTHON) -m pytest -q $(TESTS)

check: setup
	$(PYTHON) -m pytest -q tests/test_repository.py tests/unit

bench: setup
	@$(AS_ROOT) $(PYTHON) bench/run.py
