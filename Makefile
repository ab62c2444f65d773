# What one types. Paths are relative, so that a checkout in a folder with a space in its name works too.
# GNU make 3.81, which macOS has, is enough.

.PHONY: help demo dev test test-all check bench sender lock setup clean

# A name counts only if it really runs: a pyenv shim of a version that is not active does not.
PYTHONS = .venv/bin/python python3.13 python3.12 python3.11 python3 python
SUPPORTED = Python 3.11, 3.12 or 3.13

help: ## list the targets
	@echo 'make TARGET [ARGS="..."] [PYTHON=/path/to/python]'
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

demo: setup ## set up, then a whole day on a made-up organization: collect, load, report
	@.venv/bin/a360 demo $(ARGS)

dev: setup ## the sandbox and the Dagster UI on it, until Ctrl-C
	@.venv/bin/a360 dev $(ARGS)

test: setup ## the quick tests, two files at once; ARGS goes to pytest
	@.venv/bin/python -m pytest -q -n 2 --dist loadfile $(ARGS)

test-all: setup ## all tests, the slow ones too
	@.venv/bin/python -m pytest -q -m "slow or not slow" $(ARGS)

check: setup ## lint, format, types and the rooms' walls
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

bench: setup ## the benchmarks
	@.venv/bin/python -m benchmarks $(ARGS)

sender: setup ## dist/sender.zip, a Lambda function that collects the account it runs in
	@.venv/bin/python -m a360_pipeline.package_sender --out dist/sender.zip $(ARGS)

setup: ## create or refresh .venv; does nothing when nothing changed
	@if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else set -- $(PYTHONS); fi; \
	runs=; \
	for python in "$$@"; do \
	  if "$$python" bootstrap.py --supported >/dev/null 2>&1; then exec "$$python" -I bootstrap.py; fi; \
	  if [ -z "$$runs" ] && "$$python" -c pass >/dev/null 2>&1; then runs=$$python; fi; \
	done; \
	if [ -n "$$runs" ]; then exec "$$runs" bootstrap.py; fi; \
	if [ -n "$(PYTHON)" ]; then \
	  echo 'a360-pipeline needs $(SUPPORTED); PYTHON=$(PYTHON) does not run.' >&2; \
	else \
	  echo 'a360-pipeline needs $(SUPPORTED); found no Python in PATH.' \
	    'Install one of them or say `make PYTHON=/path/to/python`.' >&2; \
	fi; \
	exit 1

lock: ## make requirements.lock anew from pyproject.toml; ARGS=--upgrade takes newer releases
	@command -v uv >/dev/null || { echo 'Making the lock needs uv in PATH; using it does not.' >&2; exit 1; }
	UV_SYSTEM_CERTS=1 uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --quiet --output-file requirements.lock $(ARGS)

clean: ## remove .venv, caches and builds; the sandbox's data in .a360 stays
	rm -rf .venv .cache .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
