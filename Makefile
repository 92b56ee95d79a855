# What a person types. Everything is made in .venv; nothing outside of the project is changed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast lint format bench docs lock clean

demo: .venv/.cli ## the main job, end to end, in a temporary directory
	@bash examples/demo/demo.sh $(CURDIR)/$(BIN)

test: .venv/.dev ## all tests that this machine can run
	$(BIN)/pytest

test-fast: .venv/.dev ## unit and property tests only
	$(BIN)/pytest tests/unit tests/property

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.bench ## every figure of the README, against its peers, in one run
	$(BIN)/python bench/run.py

docs: .venv/.dev ## build the documentation in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lock: .venv/.dev ## resolve the lock files anew, for all systems and Python versions
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--extra cli pyproject.toml -o requirements/cli.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--extra cli --group dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--extra cli --group dev --group bench pyproject.toml -o requirements/bench.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.%: requirements/%.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "strongroom needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
