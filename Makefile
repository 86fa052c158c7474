# `make demo` and `make test` need nothing but Python 3.11, 3.12 or 3.13 with its venv module; they set up the rest.
# The set-up stays in .venv; uv is used where it is found, otherwise pip.

SHELL := /bin/sh
# Compiled modules make every command start three times faster; some images forbid them.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
ARGS ?=
SECONDS ?= 3600
SEED ?=
JOBS ?= auto
CHECKED := digest subscribers tests bench docs

# Which Pythons will do; ensurepip is what Debian's python3 lacks without python3-venv.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test chaos lint format bench docs screenshots lock build clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: .venv/demo.stamp ## show the whole service at work on a sample site, in the browser (ARGS=--once exits)
	@$(BIN)/digest demo $(ARGS)

test: .venv/test.stamp ## run every test (ARGS="-k cadence" runs some)
	@$(BIN)/pytest -n $(JOBS) --maxprocesses 8 $(ARGS)

chaos: .venv/test.stamp ## crash mailings at every phase, then at random for SECONDS=3600 (SEED=17 repeats a run)
	@$(if $(SEED),,DIGEST_CRASH_MATRIX=whole $(BIN)/pytest -n $(JOBS) --maxprocesses 8 \
	  tests/journeys/test_crash_matrix.py tests/journeys/test_crash_database.py)
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

lint: .venv/test.stamp ## check style, types and the import contracts
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/test.stamp ## mend what the formatter and the linter can mend
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

bench: .venv/test.stamp ## measure collecting, rendering, signing, importing and sending (ARGS="sending --quick" takes a minute)
	@$(BIN)/python -m bench $(ARGS)

docs: .venv/test.stamp ## write the generated pages again: docs/configuration.md and docs/commands.md
	@$(BIN)/python -m docs.generate

screenshots: .venv/test.stamp ## draw the pictures in docs/images again; needs chromium, and pngquant to keep them small
	@$(BIN)/python -m docs.screenshots

lock: .venv/made ## choose the newest allowed version of every dependency and write the lock files
	@command -v uv >/dev/null || $(BIN)/pip install --quiet uv
	@PATH="$$PATH:$(BIN)"; export PATH; set -e; \
	flags="--universal --generate-hashes --no-header --no-annotate --quiet"; \
	uv pip compile pyproject.toml --extra postgres --extra dkim --group build $$flags --upgrade -o requirements.lock; \
	uv pip compile pyproject.toml --extra postgres --extra dkim --extra events --group build --group dev $$flags --upgrade \
	  -c requirements.lock -o requirements-dev.lock

build: .venv/test.stamp ## make the wheel in dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove .venv, caches and what was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find digest subscribers tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up: each stamp says that .venv holds what its lock file names ---------------------------------------

.venv/made:
	@found=; for candidate in $(PYTHON) $(BIN)/python python3.13 python3.12 python3.11 python3 python; do \
	  if "$$candidate" -c '$(SUITS)' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11, 3.12 or 3.13 with its venv module was not found." \
	    "On Debian or Ubuntu: apt-get install python3-venv. Or name one: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || "$$found" -m venv .venv
	@touch $@

.venv/demo.stamp: requirements.lock pyproject.toml | .venv/made
	@$(call install,requirements.lock)
	@touch $@

.venv/test.stamp: requirements-dev.lock pyproject.toml | .venv/made
	@$(call install,requirements-dev.lock)
	@touch $@ .venv/demo.stamp

# The lock names every package with its hash, the build tools too; nothing is fetched that it does not name.
define install
echo "Installing what $(1) names into .venv (a minute or less, once) …"; set -e; \
if command -v uv >/dev/null 2>&1; then \
  uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); \
  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
else \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
fi
endef
