# Two commands do everything: `make demo` and `make test`. Both set up .venv first, both are safe to run twice.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: setup demo test test-fast check lint bench study levels recipes lock clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || python3.11 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: setup
	$(BIN)/tradesieve demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not slow"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m pytest tests/benchmarks -q -s -p no:cacheprovider

study: setup
	$(BIN)/python -m tests.studies.study

levels: setup
	$(BIN)/python -m tests.studies.levels

recipes: setup
	$(BIN)/python -m tests.studies.recipe_study

lock: setup
	$(BIN)/uv pip compile pyproject.toml --extra dev --output-file requirements.lock --no-emit-index-url \
		--generate-hashes --no-annotate --python-version 3.11 --custom-compile-command "make lock"

clean:
	rm -rf $(VENV) var build *.egg-info
