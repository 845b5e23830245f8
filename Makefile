# `make demo` and `make test` do everything on a fresh machine; `make setup` does the set-up alone.

PYTHON := .venv/bin/python
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
TESTS ?= tests
API ?=

.PHONY: setup demo test conformance soak reachability check bench

setup:
	@scripts/setup

demo: setup
	@$(AS_ROOT) $(PYTHON) demo/guide.py

# With API=DIR, where Docker's API definitions are: what `make conformance` does, too.
test: setup
	$(AS_ROOT) $(PYTHON) -m pytest -q $(TESTS) $(if $(API),-m "not soak" --api-definitions "$(API)")

# Docker's clients, those with an environment of their own as well (compose, testcontainers, Ansible: installed here
# below build/). With API=DIR, where Docker's API definitions are, every answer is checked against its version's, and
# docs/compatibility.md is written anew.
conformance: setup
	$(AS_ROOT) $(PYTHON) -m pytest -q tests/conformance -m "not soak" --api-definitions "$(API)"

# The long proofs: load, kill -9, fuzz (with API=DIR). Minutes each, off everywhere else.
soak: setup
	$(AS_ROOT) $(PYTHON) -m pytest -q $(TESTS) -m soak --api-definitions "$(API)"

# Who reaches whom, asked from every place, and the tables of docs/networking.md written anew.
reachability: setup
	$(AS_ROOT) $(PYTHON) -m pytest -q tests/integration/network/test_reachability.py --write-tables

check: setup
	$(PYTHON) -m pytest -q tests/test_repository.py tests/unit

bench: setup
	@$(AS_ROOT) $(PYTHON) bench/run.py
