# Two commands do everything: `make demo` and `make test`. Both set up .venv first, both are safe to run twice.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True
export PREFECT_SERVER_ANALYTICS_ENABLED := false

NO_PYTHON := python3.11 was not found: install Python 3.11, as with 'apt install python3.11-venv', \
	'brew install python@3.11' or 'uv python install 3.11', then run make again

.PHONY: setup demo test test-fast test-engines test-peers docs check lint bench fuzz soak study levels recipes lock containers clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || command -v python3.11 > /dev/null || { echo "$(NO_PYTHON)"; exit 1; }
	test -x $(BIN)/python || python3.11 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: setup
	$(BIN)/tradesieve demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=30

test-fast: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not slow"

# The engines of the extra, Prophet and skfolio, in an environment of their own, and the engines that each need one; says so and
# passes where nothing can be downloaded.
OWN_ENVIRONMENTS := autogluon=autogluon.tabular[lightgbm] mljar=mljar-supervised tpot=TPOT,setuptools==80.9.0
PEERS := freqtrade=freqtrade backtesting=backtesting vectorbt=vectorbt
OFFLINE := failed to fetch|error sending request|connect|dns|offline

# $(1): a folder of environments, $(2): name=package,package of each.
define own_environments
@for pair in $(2); do \
		test -x $(1)/$${pair%%=*}/bin/python || \
			$(BIN)/uv venv --quiet --python $(BIN)/python $(1)/$${pair%%=*} || exit 1; \
		$(BIN)/uv pip install --quiet --python $(1)/$${pair%%=*}/bin/python $$(echo "$${pair#*=}" | tr , ' ') pyarrow \
			2> $(1)-install.txt || { \
			rm -r $(1)/$${pair%%=*}; \
			if grep -qiE "$(OFFLINE)" $(1)-install.txt; then echo "skipped: $${pair#*=} cannot be downloaded"; \
			else cat $(1)-install.txt; exit 1; fi; }; \
	done
endef

test-engines: setup
	test -x var/engines-venv/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python var/engines-venv
	$(call own_environments,var/engines,$(OWN_ENVIRONMENTS))
	@if $(BIN)/uv pip install --quiet --python var/engines-venv/bin/python --constraint requirements.lock \
		--editable '.[dev,engines,prophet,skfolio]' 2> var/engines-install.txt; then \
		var/engines-venv/bin/python -m pytest -q -k "xgboost or catboost or flaml or autogluon or mljar or tpot or prophet or allocation" \
			tests/invariants/test_engine_invariants.py tests/models/engines tests/models/protocol/test_candidate_scores.py \
			tests/features/test_prophet_factors.py tests/strategies/allocation; \
	elif grep -qiE "$(OFFLINE)" var/engines-install.txt; then \
		echo "skipped: the extra engines cannot be downloaded, see var/engines-install.txt"; \
	else cat var/engines-install.txt; exit 1; fi

# Backtests that freqtrade, backtesting.py and vectorbt run themselves: imported, filtered and served.
test-peers: setup
	$(call own_environments,var/peers,$(PEERS))
	$(BIN)/python -m pytest -q -rs tests/pipelines/peers

# The documentation, in var/docs/html, with its notebooks run: Sphinx, in an environment of its own on top of .venv. Works
# offline once that is made.
DOCS := var/docs-venv

docs: setup $(DOCS)/.ready
	rm -rf var/docs/state
	PATH="$(abspath $(BIN)):$$PATH" TRADESIEVE_HOME="$(CURDIR)/var/docs/state" TTY_COMPATIBLE=0 \
		$(DOCS)/bin/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going -d var/docs/doctrees docs var/docs/html
	@echo "open var/docs/html/index.html"

$(DOCS)/.ready: docs/requirements.lock | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(DOCS)
	@$(BIN)/python -m pip --python $(DOCS)/bin/python install --quiet --no-deps --require-hashes --requirement $< \
		2> var/docs-install.txt || { cat var/docs-install.txt; \
		echo "the documentation's tools could not be installed: connect this machine for the first 'make docs'"; exit 1; }
	$(BIN)/python -c "import sysconfig; print('$(CURDIR)', sysconfig.get_path('purelib'), sep='\n')" \
		> $$($(DOCS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/tradesieve.pth
	touch $@

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

# The service asked everything, by schemathesis in an environment of its own and by hypothesis, and held to research on real
# bars; half an hour. FUZZ_EXAMPLES, 2000 by default, is how many cases of each.
fuzz: setup
	$(call own_environments,var/fuzz,schemathesis=schemathesis)
	$(BIN)/python -m pytest tests/fuzz -q -s -p no:cacheprovider

# The service under load, for five minutes or SECONDS.
soak: setup
	SOAK_SECONDS=$(SECONDS) $(BIN)/python -m pytest tests/soak -q -s -p no:cacheprovider

study: setup
	$(BIN)/python -m tests.studies.study

levels: setup
	$(BIN)/python -m tests.studies.levels

recipes: setup
	$(BIN)/python -m tests.studies.recipe_study

# Builds the images of docs/containers.md, where a builder answers.
containers: setup
	TRADESIEVE_BUILD_IMAGES=1 $(BIN)/python -m pytest -q -rs tests/house/test_containers.py tests/serving/test_export.py -k "image or compose"

lock: setup
	$(BIN)/uv pip compile pyproject.toml --extra dev --output-file requirements.lock --no-emit-index-url \
		--generate-hashes --no-annotate --python-version 3.11 --custom-compile-command "make lock"
	$(BIN)/uv pip compile --group docs --constraint requirements.lock --output-file docs/requirements.lock \
		--no-emit-index-url --generate-hashes --no-annotate --python-version 3.11 --custom-compile-command "make lock"

clean:
	rm -rf $(VENV) var build *.egg-info
